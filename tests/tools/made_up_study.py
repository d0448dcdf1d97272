"""A made-up study: two attacks in two folds."""

import dataclasses

from staanet.core import records
from staanet.core.records import Record
from staanet.core.run import Layout, Run
from staanet.core.signature import signature
from staanet.evaluation.case import figures
from staanet.evaluation.flags import raised

LABELS = ["anger", "joy"]


def rows(attack, fold):
    """Return outcomes of 12 clips by 3 speakers, which differ between attacks and folds."""
    return [
        {
            "predicted_clean": clip % 2,
            "predicted_adv": (clip + (clip % (3 + len(attack) % 2) == 0)) % 2,
            "predicted_control": [clip % 2, (clip + (clip == 1)) % 2],
            "margin_clean": 0.1 + clip / 3,
            "margin_adv": (0.2 + clip / 7) * (1 if clip % (3 + len(attack) % 2) else -1),
            "length": 16000,
            "l0": 1600 + clip,
            "linf": 0.1,
            "l2": 1.1 + clip / 9,
            "l1": 3.1 + clip / 9,
            "confidence_clean": 0.9,
            "confidence_adv": 0.8,
            "snr_peak_db": 17.0 + clip / 11,
            "snr_energy_db": 9.0 + clip / 13,
            "id": f"{fold}-{clip}",
            "label": clip % 2,
            "speaker": f"{fold}-{clip % 3}",
            "gender": "female",
        }
        for clip in range(12)
    ]


def record(attack, fold):
    """Return the record of an attack in a fold, computed from its outcomes."""
    own = rows(attack, fold)
    costs = dict.fromkeys(("comb_share", "comb_share_model", "seconds_per_clip", "queries", "gradients"), 0.5)
    values = figures(own, len(LABELS), costs)
    names = {
        "experiment": "study",
        "corpus": "emodb",
        "split": "abc",
        "fold": fold,
        "folds": (fold,),
        "folds_planned": 2,
        "source": "emo18",
        "target": "emo18",
        "attack": attack,
        "generator": None,
        "defence": None,
        "protocol": "file",
        "labels_from": "true_labels",
        "seed": 0,
        "labels": LABELS,
        "budget_epsilon": None,
        "budget_snr_db": 17.0,
        "budget_sparsity": 0.12,
        "settings": {"attack": {"name": attack}, "dataset": "abc", "labels_from": "true_labels"},
        "versions": {"torch": "2.6"},
        "commit": "abc",
        "tree_clean": True,
        "device": "cpu",
    }
    known = {field.name for field in dataclasses.fields(Record)}
    values = {name: value for name, value in {**values, **costs, **names}.items() if name in known}
    flags = raised(vars(Record(signature="", flags=[], **values)))
    return Record(signature=signature([attack, fold]), flags=flags, **values)


def run(folder, *, toy=False):
    """Write the folder of the run and return the run."""
    cases = [(attack, fold) for attack in ("pgd", "noise") for fold in (0, 1)]
    paths = [records.write(folder / "records", record(*case), rows(*case)) for case in cases]
    result = Run(folder)
    result.write(Layout(title="A study", toy=toy), records=paths)
    return Run(folder)
