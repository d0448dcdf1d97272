"""A made-up study: two attacks in two folds, in the present form and in that of staanet 0.1."""

import csv
import dataclasses
import hashlib
import io
import json

import compare_figures

from staanet.core import records
from staanet.core.files import read_json, read_jsonl
from staanet.core.records import Record
from staanet.core.run import Layout, Run
from staanet.core.signature import signature, to_jsonable
from staanet.evaluation.case import figures
from staanet.report.results import Results
from staanet.report.sections import sections_of
from staanet.report.tables import ALL_FIELDS, comma_separated, markdown

LABELS = ["anger", "joy"]


def rows(attack, fold):
    """Return outcomes of 12 clips by 3 speakers, which differ between attacks and folds."""
    return [
        {
            "predicted_clean": clip % 2,
            "predicted_adv": (clip + (clip % (3 + len(attack) % 2) == 0)) % 2,
            "predicted_control": [clip % 2, (clip + (clip == 1)) % 2],
            "margin_clean": 0.1 + clip / 3,
            "margin_adv": 0.2 - clip / 7,
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
        "flags": ["chance_model"],
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
    return Record(signature=signature([attack, fold]), **values)


def run(folder, *, toy=False):
    """Write the folder of the run and return the run."""
    cases = [(attack, fold) for attack in ("pgd", "noise") for fold in (0, 1)]
    paths = [records.write(folder / "records", record(*case), rows(*case)) for case in cases]
    result = Run(folder)
    result.write(Layout(title="A study", toy=toy), records=paths)
    return Run(folder)


def write_old_form(of, folder):
    """Write a run in the form of staanet 0.1, with the names of that version."""
    results = Results.read(of)
    (folder / "records").mkdir(parents=True)
    (folder / "tables").mkdir()
    for path in of.record_paths:
        text = "".join(json.dumps(row) + "\n" for row in read_jsonl(path.with_suffix(".jsonl")))
        (folder / "records" / path.name).with_suffix(".jsonl").write_text(text)
        values = old_names(read_json(path)) | {"outcomes_sha256": hashlib.sha256(text.encode()).hexdigest()}
        (folder / "records" / path.name).write_text(json.dumps(values))
    pages = []
    for section in sections_of(results):
        label = backwards(compare_figures.TABLES).get(section.table.label, section.table.label)
        pages.append(markdown(section.table))
        (folder / "tables" / f"{label}.md").write_text(pages[-1])
        (folder / "tables" / f"{label}.csv").write_text(old_table(comma_separated(section.rows, section.fields)))
    (folder / "tables" / "records.csv").write_text(old_table(comma_separated(results.records, ALL_FIELDS)))
    (folder / "README.md").write_text("\n".join(pages))


def old_names(values):
    """Return the fields of a record with the names of staanet 0.1."""
    fields = {"subset": "part", "comb_share_model": "comb_share_victim"}
    values = {fields.get(name, name): value for name, value in to_jsonable(values).items()}
    settings = {"store" if key == "dataset" else key: value for key, value in values["settings"].items()}
    settings["labels_from"] = "truth"
    return values | {"flags": ["chance_victim"], "labels_from": "truth", "settings": settings}


def old_table(text):
    """Return a table in CSV with the names of staanet 0.1."""
    lines = list(csv.DictReader(io.StringIO(text)))
    renamed = {"subset": "part", "comb_share_model": "comb_share_victim", "model": "victim"}
    written = io.StringIO()
    writer = csv.DictWriter(written, [renamed.get(name, name) for name in lines[0]], lineterminator="\n")
    writer.writeheader()
    for line in lines:
        values = {renamed.get(name, name): value for name, value in line.items()}
        for name, value in values.items():
            if name in ("flags", "settings", "labels_from"):
                value = value.replace("chance_model", "chance_victim").replace("true_labels", "truth")
                values[name] = value.replace('"dataset"', '"store"')
        writer.writerow(values)
    return written.getvalue()


def backwards(names):
    return {new: old for old, new in names.items()}
