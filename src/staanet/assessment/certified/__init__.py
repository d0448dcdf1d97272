"""Certify a smoothed model on clips: how much an attack may change while the decision provably stays."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch

from staanet.assessment.certified import wording
from staanet.assessment.certified.figures import Certified, CertifiedRow, figures
from staanet.assessment.clips import chosen, dataset_of, labelled, provenance_of, restricted, unseen
from staanet.assessment.runs import CERTIFICATE, CERTIFIED_CLIPS
from staanet.certificates import Draws
from staanet.certificates import certify as certificate_of
from staanet.core.errors import StaanetError
from staanet.core.files import check_writable, read_json, write_json, write_text
from staanet.core.progress import track
from staanet.core.provenance import commit, device_name, device_of, versions
from staanet.core.signature import signature, to_jsonable
from staanet.core.unwrapping import frozen
from staanet.data import Dataset
from staanet.defences import DEFENCES, Smoothing, defence_of
from staanet.models import Model, load_deciding, loader_of
from staanet.models.loaders.base import weights_digest

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CertificationPlan:
    """A certification before any vote.

    Args:
        model: The model, restricted to the emotions of the clips.
        identity: Its name, and what decides its answers.
        smoothing: How it is smoothed.
        dataset: The dataset.
        clips: Ids of the clips.
        draws: Numbers of votes, and the probability of an error.
        seed: Random seed.
        device: Device to compute on.
    """

    model: Model
    identity: Mapping[str, Any]
    loader: Mapping[str, Any]
    smoothing: Smoothing
    dataset: Dataset
    clips: Sequence[str]
    draws: Draws
    seed: int
    device: torch.device

    @property
    def summary(self) -> str:
        """What it will do, in a sentence."""
        return wording.plan(str(self.identity["model"]), self.smoothing, self.draws, len(self.clips))

    @property
    def about(self) -> dict[str, Any]:
        """Everything that decides the certificates."""
        return {
            "identity": self.identity,
            "loader": self.loader,
            "smoothing": {"name": self.smoothing.name, **to_jsonable(self.smoothing)},
            "draws": asdict(self.draws),
            "labels": self.dataset.labels,
            "corpus": self.dataset.corpus,
            "data": self.dataset.digest,
            "sample_rate": self.dataset.sample_rate,
            "seed": self.seed,
        }


def certify(
    model: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    smoothing: str | Mapping[str, Any] | None = None,
    draws: int = 1000,
    selection: int = 100,
    alpha: float = 0.001,
    clips: int | None = None,
    corpus: str | None = None,
    trust: bool | None = None,
    model_settings: Mapping[str, Any] | None = None,
    corpus_settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    device: str | None = None,
    dry_run: bool = False,
) -> Certified | CertificationPlan:
    """Certify a smoothed model on clips, and write the figures, the certificates of the clips and a page to a folder.

    Certificates of the same model, clips and settings are reused, so that an interrupted run resumes.

    Args:
        model: Reference to the model (`staanet.load_model`).
        data: A prepared dataset, or the root folder of a corpus.
        out: Folder for the results.
        smoothing: Name of the smoothing, or a table with its name as `defence` and its settings. Default: the smoothing
            with which the checkpoint was trained.
        draws: Votes from which the probabilities of a randomised smoothing are bounded.
        selection: Other votes, by which it decides on a class.
        alpha: Probability that the certificate of a clip is wrong.
        clips: Number of clips, drawn with equal shares of the emotions. Default: all.
        corpus: Name of the corpus; `folder` by default.
        trust: Whether code that comes with the model may run; as for `load_model` by default.
        model_settings: Settings of the loader of the model, such as its labels.
        corpus_settings: Settings of the corpus.
        seed: Seed of the votes.
        device: Device to compute on; a GPU by default if there is one.
        dry_run: Whether to return the plan before any vote.

    Raises:
        StaanetError: If the model is not smoothed, if so few votes cannot certify anything, or if the model, the clips
            or a setting cannot be used.
    """
    if clips is not None and clips < 2:
        raise StaanetError(f"expected two clips or more, got {clips}; fewer say nothing about a model")
    how, numbers = smoothing_of(model, smoothing), Draws(draws, selection, alpha)
    folder, loader = Path(out), loader_of(model, model_settings)
    loaded = load_deciding(model, trust=trust, **(model_settings or {})).to(device_of(device))
    numbers.check(how, len(loaded.labels))
    check_writable(folder)
    dataset = unseen(dataset_of(Path(data), corpus, corpus_settings or {}, folder, loaded), model)
    dataset = restricted(dataset, loaded)
    plan = CertificationPlan(
        model=labelled(loaded, dataset),
        identity={
            "model": loader.title(str(model)),
            **loader.identity(str(model)),
            "weights": weights_digest(loaded),
        },
        loader=to_jsonable(loader.deciding),
        smoothing=how,
        dataset=dataset,
        clips=chosen(dataset, clips),
        draws=numbers,
        seed=seed,
        device=device_of(device),
    )
    return plan if dry_run else _carried_out(plan, folder)


def smoothing_of(reference: str | Path, given: str | Mapping[str, Any] | None) -> Smoothing:
    """Return the smoothing that a user names, or else the one with which a checkpoint was trained.

    Raises:
        StaanetError: If there is none, or what is named is no smoothing.
    """
    known = [name for name, defence in DEFENCES.items() if issubclass(defence, Smoothing)]
    if given is None:
        table = dict((provenance_of(reference).get("made_from") or {}).get("defence") or {})
        if table.get("name") not in known:
            raise StaanetError(
                f"{Path(reference).name}: expected a smoothed model, since only votes can be certified, got one that "
                f"decides on its own; train it with one of {', '.join(known)} (staanet harden --method), or name the "
                "smoothing of this model (--smoothing)"
            )
        given = {"defence": table.pop("name"), **table}
    found = defence_of(given)
    if not isinstance(found, Smoothing):
        raise StaanetError(f"expected a smoothing ({', '.join(known)}), got {found.name}, which has no certificate")
    return found


def _carried_out(plan: CertificationPlan, folder: Path) -> Certified:
    """Certify all clips and write all files."""
    parts = folder / "parts" / signature(plan.about)
    parts.mkdir(parents=True, exist_ok=True)
    logger.info("%s", plan.summary)
    with frozen(plan.model):
        rows = [_row(plan, clip, parts / f"{signature(clip)}.json") for clip in track(plan.clips, "certify")]
    tree, clean = commit()
    facts = {"versions": versions(), "commit": tree, "tree_clean": clean, "device": device_name(plan.device)}
    found = figures(str(plan.identity["model"]), plan.smoothing, rows, plan.draws, {**plan.about, **facts})
    write_json(folder / CERTIFIED_CLIPS, [asdict(row) for row in rows])
    write_json(folder / CERTIFICATE, found.as_json())
    write_text(folder / "certificate.md", wording.markdown(found))
    write_text(folder / "report" / "certificate.html", wording.page(found))
    return found


def _row(plan: CertificationPlan, clip: str, part: Path) -> CertifiedRow:
    """Return the certificate of a clip; one that is complete in the file `part` is read instead."""
    known = read_json(part) if part.is_file() else {}
    if set(known) != {one.name for one in fields(CertifiedRow)}:  # there is none, or one of another version
        samples = plan.dataset.waveform(clip)
        labels = plan.dataset.labels
        found = certificate_of(plan.model, plan.smoothing, samples.to(plan.device), len(labels), plan.draws, plan.seed)
        about = plan.dataset.utterances[clip]
        row = CertifiedRow(
            id=clip,
            label=about.label,
            speaker=about.speaker,
            decided=None if found.decided is None else labels[found.decided],
            radius=found.radius,
            votes=dict(zip(labels, found.votes, strict=True)),
            norm=math.sqrt(float(samples.double().square().sum())),
            peak=float(samples.abs().max()),
            samples=len(samples),
        )
        write_json(part, asdict(row))
        return row
    return CertifiedRow(**known)
