"""A made-up study that has every kind of figure, table and sentence, as the library publishes it."""

import math
import re

import numpy as np
import torch
from publish import publish
from verify.checks import Checks

from staanet.core import records
from staanet.core.run import Layout, Run
from staanet.core.signature import signature
from staanet.evaluation.case import figures
from staanet.evaluation.record import Case, build_record
from staanet.evaluation.worst import worst, worst_case_figures
from staanet.report.listening import tables as listening_tables
from staanet.report.listening.results import Answer, _row
from staanet.report.listening.results import Counts as ListeningCounts

LABELS = ["anger", "joy", "sadness"]
COSTS = {"comb_share": 0.5, "comb_share_model": 0.25, "seconds_per_clip": 0.125, "queries": 9.0, "gradients": 4.0}
NO_COSTS = {"comb_share": None, "comb_share_model": None, "seconds_per_clip": 0.01, "queries": 0.0, "gradients": 0.0}
EMO18 = {"model": "emo18", "seconds": 3.0}
MODELS = {
    "emo18": EMO18,
    "zhao19": {"model": "zhao19", "seconds": 3.0},
    "guarded": {**EMO18, "defence": {"name": "smoothing"}},
}
LOUD = ("guarded", "fgsm_0.25", "fgsm_0.5")
"""Targets and attacks whose control changes many predictions."""
FOLDS = (0, 1, 2)
PERCEPTION = ("pesq", "stoi", "si_sdr_db", "snr_segmental_db", "log_spectral_distance_db")


def rows(name, fold, target, *, feature=None, strength=0.5, perception=False):
    """Return outcomes of 24 clips by 4 speakers; the clean answers depend on the target and the fold only."""
    clean = np.random.default_rng([fold, sum(map(ord, target))])
    random = np.random.default_rng([fold, sum(map(ord, name + target))])
    noise = 0.5 if {name, target} & {*LOUD} else 0.1
    return [_clip(clip, fold, (clean, random), feature, strength, noise, perception) for clip in range(24)]


def _clip(clip, fold, generators, feature, strength, noise, perception):
    clean, random = generators
    label = clip % 3
    before = label if clean.random() < 0.7 else (label + 1) % 3
    changed = clip != 5
    fooled = changed and random.random() < strength
    length, peak = 1000 + clip, 0.5
    l0 = int(changed) * int(0.12 * length)
    linf = int(changed) * peak * 10 ** (-17.5 / 20)
    row = {
        "predicted_clean": before,
        "predicted_adv": (before + 1 + clip % 2) % 3 if fooled else before,
        "predicted_control": [(before + (random.random() < noise)) % 3 for _ in range(3)],
        "margin_clean": 0.5 + clip / 100,
        "margin_adv": -random.random() - 0.01 if fooled else 0.01 + random.random(),
        "length": length,
        "l0": l0,
        "linf": linf,
        "l2": linf * math.sqrt(l0) * 0.8,
        "l1": linf * l0 * 0.7,
        "confidence_clean": 0.6 + clip / 100,
        "confidence_adv": 0.5 + random.random() / 3,
        "snr_peak_db": 17.5 if changed else None,
        "snr_energy_db": 9.0 + clip / 13 if changed else None,
        "id": f"{fold}-{clip:02d}",
        "label": label,
        "speaker": f"{fold}-{clip % 4}",
        "gender": ["male", "female"][clip % 2],
    }
    if not feature:
        row |= {"predicted_saved": row["predicted_adv"], "log_mel_l2": 10.0 * clip, "feature_l2": 0.5 * clip}
    if perception:
        missing = clip in (3, 5)
        row |= {measure: None if missing else 1.0 + random.random() for measure in PERCEPTION}
        row["undefined"] = dict.fromkeys(PERCEPTION, "too short") if missing else {}
    return row


def _case(attack, name, fold, source, target, costs, *, feature=None, **changes):
    settings = {
        "attack": {"name": name, "budget": {"epsilon": None, "snr_db": 17.0, "sparsity": 0.12}},
        "target": MODELS[target],
        "dataset": "abc",
        "labels": LABELS,
    }
    if feature:
        settings["attack"]["budget"] |= {"epsilon": feature, "snr_db": None}
    case = Case(
        signature=signature([attack, fold, source, target]),
        experiment="study",
        corpus="emodb",
        split=f"split{fold}",
        fold=fold,
        folds_planned=len(FOLDS),
        source=source,
        target=target,
        attack=attack,
        protocol="file",
        labels_from="predictions",
        seed=0,
        labels=LABELS,
        settings=settings,
        device=torch.device("cpu"),
        defence="smoothing" if target == "guarded" else None,
        domain="feature" if feature else "waveform",
        budget_epsilon=feature,
        budget_snr_db=None if feature else 17.0,
        budget_sparsity=0.12,
    )
    own = rows(attack, fold, target, feature=feature, **changes)
    return build_record(case, figures(own, len(LABELS), costs)), own


CASES = (
    ("pgd", "pgd", "emo18", "emo18", COSTS, {"strength": 0.9, "perception": True}),
    ("pgd", "pgd", "emo18", "zhao19", COSTS, {"strength": 0.3, "perception": True}),
    ("pgd", "pgd", "emo18", "guarded", COSTS, {"strength": 0.4}),
    ("pgd", "pgd", "guarded", "guarded", COSTS, {"strength": 0.6}),
    ("fgsm_1", "fgsm", "emo18", "emo18", COSTS, {}),
    ("noise", "noise", "none", "emo18", NO_COSTS, {"strength": 0.1}),
    ("fgsm_0.25", "fgsm", "emo18", "emo18", COSTS, {"feature": 0.25}),
    ("fgsm_0.5", "fgsm", "emo18", "emo18", COSTS, {"feature": 0.5}),
)


def parts():
    """Return the records of all folds with their outcomes, the worst cases included."""
    found = []
    for attack, name, source, target, costs, changes in CASES:
        found += [_case(attack, name, fold, source, target, costs, **changes) for fold in FOLDS]
    return [*found, *(_worst(found, fold) for fold in FOLDS)]


def _worst(found, fold):
    members = {
        f"all.{record.attack.partition('_')[0]}": (record, own)
        for record, own in found
        if record.fold == fold and record.target == "emo18" and record.attack in ("fgsm_1", "noise")
    }
    own = worst({name: member[1] for name, member in members.items()})
    costs = {name: sum(getattr(record, name) for record, _ in members.values()) for name in list(COSTS)[2:]}
    values = figures(own, len(LABELS), costs | dict.fromkeys(list(COSTS)[:2]))
    values = worst_case_figures(values, own, {name: record.asr for name, (record, _) in members.items()})
    first = next(iter(members.values()))[0]
    facts = {name: getattr(first, name) for name in Case.__dataclass_fields__ if hasattr(first, name)}
    facts |= {
        "signature": signature(["worst", fold]),
        "attack": "all",
        "device": torch.device("cpu"),
        "settings": {"worst": {name: record.signature for name, (record, _) in members.items()}},
    }
    return build_record(Case(**facts), values), own


def write(results, runs):
    """Publish the study in a folder of results and return its folder.

    Args:
        results: Folder of published studies.
        runs: Folder for the run from which it is published.
    """
    paths = [records.write(runs / "records", record, own) for record, own in parts()]
    Run(runs).write(
        Layout(
            title="A study",
            published="systematic.emodb",
            by_gender=True,
            pairwise=("pgd", "fgsm_1"),
            equal_distortion=True,
            selection_folds=(0,),
        ),
        records=paths,
    )
    folder = results / "study"
    publish(Run(runs), folder)
    _listen(folder)
    return folder


def _listen(folder):
    answers = [Answer(f"listener {number % 2}", "pgd", number % 3 > 0) for number in range(40)]
    listened = [_row("pgd", "passed", answers), _row(None, "passed", answers)]
    counts = ListeningCounts("abc", 2, 0, 4, 4, 0, listened)
    records.write_json(folder / "listening.json", {"rows": [vars(row) for row in listened]})
    for path, text in listening_tables.files(folder / "tables", counts).items():
        if path.suffix == ".md":
            path.write_text(text, encoding="utf-8")


def differences(check, study):
    """Return the sentences on what a check of the study finds to differ."""
    checks = Checks("study")
    check(study, checks)
    return checks.differences


def bumped(text):
    """Return a text whose first digit is another one."""
    return re.sub(r"\d", lambda digit: str((int(digit[0]) + 1) % 10), text, count=1)
