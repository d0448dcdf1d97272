"""What the page offers: the attacks with their settings, the clips, and what the models are called."""

import dataclasses
from pathlib import Path
from typing import Any

from staanet.attacks import ATTACKS, create_attack
from staanet.attacks.generator import GENERATORS
from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.core.files import read_json
from staanet.models import loader_of
from staanet.web import clips
from staanet.web.process import Talk
from staanet.web.settings import WebSettings

EFFORTS = ("steps", "queries", "restarts")
"""Settings that decide how long an attack searches, which the page offers."""

DEFAULT_SNR_DB = 40.0
"""Size that the page proposes for an attack whose own budget is not relative to the peak."""


def catalogue(settings: WebSettings, talk: Talk) -> dict[str, Any]:
    """Return the attacks that can be used without further files, the clips, and the models."""
    del talk
    return {
        "attacks": [about for name in ATTACKS if (about := _about(name, settings)) is not None],
        "clips": clips.listed(settings),
        "models": [_model(one, settings) for one in settings.models],
    }


def _model(reference: str, settings: WebSettings) -> dict[str, Any]:
    """Return a model as the page shows it, with what keeps it from being loaded if this is known already."""
    try:
        loader = loader_of(reference, settings.model_settings)
    except StaanetError as error:
        return {"reference": reference, "title": reference, "error": str(error)}
    barred = loader.runs_code and not settings.trust
    reason = f"{reference}: expected --trust, since this model contains code, got none; start the workbench with it"
    return {"reference": reference, "title": loader.title(reference), "error": reason if barred else None}


def files_of(attack: str, settings: WebSettings) -> dict[str, Any]:
    """Return the settings of an attack that name a file, such as the generator."""
    return {"generator": str(settings.generator)} if ATTACKS[attack].needs_generator else {}


def _fits(attack: str, generator: Path) -> bool:
    """Return whether a generator is not known to be one for other attacks, by the description of its checkpoint."""
    config = generator / checkpoints.CONFIG
    about = read_json(config) if config.is_file() else None
    made = about.get("name") if isinstance(about, dict) else None
    return made not in GENERATORS or made in ATTACKS[attack].generators()


def _about(name: str, settings: WebSettings) -> dict[str, Any] | None:
    """Return an attack as the page shows it; None if it needs a file that was not given."""
    kind = ATTACKS[name]
    if kind.needs_generator and (settings.generator is None or not _fits(name, settings.generator)):
        return None
    try:
        attack = create_attack(name, **files_of(name, settings))
    except StaanetError:  # it has settings without a default, such as the speech of `babble`
        return None
    own = {field.name for field in dataclasses.fields(kind)}
    budget = attack.budget
    return {
        "name": name,
        "summary": " ".join(str(kind.__doc__).strip().split("\n\n")[0].split()),
        "access": kind.access,
        "reference": kind.reference,
        "snr_db": DEFAULT_SNR_DB if budget.snr_db is None else budget.snr_db,
        "sparsity": budget.sparsity,
        "settings": {key: getattr(attack, key) for key in EFFORTS if key in own},
    }
