"""Bad texts for the readers of settings: experiment files, thresholds, tables of clips, maps of labels, results."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import soundfile

from reliability.bad.case import Case
from staanet.assessment import verdict
from staanet.assessment.settings import Curves
from staanet.core.settings import read_toml
from staanet.corpora import Folder
from staanet.corpora.label_maps import read_label_map
from staanet.report.listening.results import _read_session
from staanet.study import load

EXPERIMENT = """seed = 1
sample_rate = 16000
batch_size = 8
[corpus]
name = "synthetic"
settings = { speakers = 6 }
[split]
by = "speaker"
[models.zhao19]
model = "zhao19"
seconds = 1.0
training = { epochs = 1 }
[attacks.noise]
snr_db = 20
sparsity = 0.5
"""

CHANGES = (
    *(("seed = 1", f"seed = {value}") for value in ("nan", "inf", "1.5", "true", '"1"', "[]", "9" * 30)),
    *(("sample_rate = 16000", f"sample_rate = {v}") for v in ("0", "-1", "999", "1e9", "nan", "true", "768001")),
    *(("batch_size = 8", f"batch_size = {v}") for v in ("0", "-8", "true", "inf", "8.5", "10000000", '"8"')),
    *(("batch_size = 8", f"clips = {v}") for v in ("0", "-1", "false", '"all"')),
    *(("batch_size = 8", f"examples = {v}") for v in ("-1", "1.5", "[1]", "true")),
    *(("batch_size = 8", f"by_gender = {v}") for v in ("1", "0", '"true"', '"no"', "[true]")),
    *(("batch_size = 8", f"{key} = 1") for key in ("batchsize", "Seed", "'a b'", '""')),
    *(("seconds = 1.0", f"seconds = {v}") for v in ("0", "-1", "nan", "inf", "true", "1e9", '"1"', "1e-9")),
    *(("epochs = 1", f"epochs = {v}") for v in ("0", "-1", "true", "nan", "1e300", "1.5", '"3"')),
    *(("snr_db = 20", f"snr_db = {v}") for v in ("nan", "inf", "-inf", "true", '"20"', "[20]", "{}")),
    *(("snr_db = 20", f"epsilon = {v}") for v in ("nan", "inf", "-1", "true", '"0.1"')),
    *(("sparsity = 0.5", f"sparsity = {v}") for v in ("0", "-0.5", "1.5", "50", "nan", "true", '"half"')),
    *(("speakers = 6", f"speakers = {v}") for v in ("0", "-1", "true", "nan", '"6"')),
    *(("[models.zhao19]", f'[models."{name}"]') for name in ("../evil", "a/b", "", "a b", "x" * 300, "a\\u0000b")),
    *(("[attacks.noise]", f'[attacks."{name}"]\nattack = "noise"') for name in ("../..", "/etc", "n" * 80, "é/x")),
    ("[models.zhao19]", '[models.ZHAO19]\nmodel = "zhao19"\n[models.zhao19]'),
    ("[attacks.noise]", '[attacks.Noise]\nattack = "noise"\n[attacks.noise]'),
    ("[attacks.noise]", '[attacks.noise-x]\nattack = "noise"\n[models.x-zhao19]\nmodel = "zhao19"\n[attacks.noise]'),
    ("[corpus]", "[corpus]\nname = 'again'"),
    ("[corpus]", "[corpus"),
    ("[corpus]", "corpus = 3\n[other]"),
    ("[split]", "[split]\nfolds = -1"),
    ("[split]", "[split]\nfolds = 1000000"),
    ("[split]", "[split]\nfolds = true"),
    ('by = "speaker"', 'by = "listener"'),
    ("seed = 1", "deep = " + "[" * 40 + "]" * 40),
    ("seed = 1", "deep = " + "[" * 5000 + "]" * 5000),
    ("seed = 1", ".".join("a" * 3000) + " = 1"),
    ("seed = 1", 'title = "a\\ud800"'),
    ("seed = 1", "title = 3"),
    ("seed = 1", "seed = 1\nseed = 2"),
    ("seed = 1", "seed = 1979-05-27"),
    ("seed = 1", 'labels_from = "dreams"'),
    ("seed = 1", 'protocol = "none"'),
    ("seed = 1", 'published = "staanet.table99"'),
    ("seed = 1", 'targets = ["nobody"]'),
    ("seed = 1", "selection_folds = [7]"),
    ("seed = 1", 'headline = { attack = "noise", source = "zhao19", target = "nobody" }'),
)


def experiments() -> Iterator[Case]:
    def read(text: str, folder: Path) -> object:
        (folder / "bad.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
        return load(folder / "bad.toml")[1].attack_plans

    for old, new in CHANGES:
        assert old in EXPERIMENT
        yield Case("experiment file", new[:60], partial(read, EXPERIMENT.replace(old, new, 1)))
    for name, content in {
        "bytes that are not UTF-8": b"title = '\xff\xfe'",
        "UTF-16": EXPERIMENT.encode("utf-16"),
        "zero bytes": b"\x00" * 100,
        "nothing": b"",
        "binary": np.random.default_rng(0).bytes(300),
    }.items():
        yield Case("experiment file", name, partial(read, content))
    yield Case("experiment file", "a folder", lambda folder: load(folder))
    yield Case("experiment file", "a name of 300 characters", lambda folder: load(folder / ("x" * 300 + ".toml")))
    yield Case("experiment file", "a name with a zero byte", lambda folder: load(folder / "a\0b.toml"))


def thresholds() -> Iterator[Case]:
    def read(text: str, folder: Path) -> object:
        (folder / "thresholds.toml").write_text(text)
        return verdict.parsed([], folder / "thresholds.toml", Curves())

    whole = '[accuracy_robust]\nleast = 0.5\nreason = "agreed"\n'
    for value in ("nan", "inf", "-0.1", "1.1", "50", "true", '"0.5"', "[0.5]", "{}"):
        yield Case("thresholds", f"least = {value}", partial(read, whole.replace("0.5", value)))
    for name, text in {
        "an unknown measure": whole.replace("robust", "robst"),
        "an unknown budget": whole.replace("[accuracy_robust]", '["accuracy_robust@41"]'),
        "a budget that is no number": whole.replace("[accuracy_robust]", '["accuracy_robust@loud"]'),
        "a budget of nan": whole.replace("[accuracy_robust]", '["accuracy_robust@nan"]'),
        "no reason": "[accuracy_robust]\nleast = 0.5\n",
        "an empty reason": whole.replace("agreed", ""),
        "a reason that is a number": whole.replace('"agreed"', "3"),
        "a key too many": whole + "most = 1\n",
        "no table": "accuracy_robust = 0.5\n",
        "twice the same": whole + '["accuracy_robust@40"]\nleast = 0.5\nreason = "x"\n' * 2,
        "deep": whole + "a = " + "[" * 99 + "]" * 99,
    }.items():
        yield Case("thresholds", name, partial(read, text))
    for word in ("accuracy_robust", "accuracy_robust=nan", "accuracy_robust=half", "=0.5", "accuracy_robust=50"):
        yield Case("thresholds", word, lambda _, word=word: verdict.parsed([word], None, Curves()))
    yield Case("thresholds", "no file", lambda folder: read_toml(folder / "nosuch.toml"))


GOOD = "path,emotion,speaker,gender\na.wav,anger,anna,female\nb.wav,joy,ben,male\nc.wav,joy,cleo,female\n"

TABLES: dict[str, Any] = {
    "no column speaker": GOOD.replace("speaker", "person"),
    "no column path": GOOD.replace("path", "name"),
    "a column twice": GOOD.replace("gender", "speaker"),
    "a value too many": GOOD.replace("anna,", "anna,Hello,"),
    "a value too few": GOOD.replace("anna,female", "anna"),
    "an empty speaker": GOOD.replace("anna", ""),
    "an empty emotion": GOOD.replace("a.wav,anger", "a.wav,"),
    "an empty path": GOOD.replace("a.wav", ""),
    "a file twice": GOOD + "a.wav,joy,anna,female\n",
    "a file twice with another speaker": GOOD + "a.wav,anger,ben,female\n",
    "an open quote": GOOD.replace("anna", '"anna'),
    "a quote inside": GOOD.replace("anna", 'an"na"x').replace("an", '"an', 1),
    "a field of 200 000 characters": GOOD.replace("anna", "a" * 200_000),
    "a field of 200 000 characters in quotes": GOOD.replace("anna", '"' + "a\n" * 100_000 + '"'),
    "nothing": "",
    "the first line only": GOOD.splitlines()[0],
    "zero bytes": GOOD.replace("anna", "an\0na"),
    "Latin-1": GOOD.replace("anna", "ännä").encode("latin-1"),
    "UTF-32": GOOD.encode("utf-32-be"),
    "half a UTF-16": GOOD.encode("utf-16")[:-1],
    "binary": np.random.default_rng(1).bytes(500),
    "paths that leave the folder": GOOD.replace("a.wav", "../../etc/passwd").replace("b.wav", "/etc/passwd"),
    "only missing files": GOOD.replace(".wav", ".flac"),
    "spaces instead of separators": GOOD.replace(",", " "),
    "other separators": GOOD.replace(",", "|"),
    "JSON instead of a table": '{"path": "a.wav"}',
}
ROWS = [{"path": f"{name}.wav", "emotion": "joy", "speaker": name} for name in "abc"]
LINES: dict[str, str] = {
    "a list": "[1]\n",
    "a number": "3\n",
    "no JSON": "path a.wav\n",
    "a speaker that is missing": json.dumps({"path": "a.wav", "emotion": "joy"}) + "\n",
    "nothing": "",
    "NaN as path": '{"path": NaN, "emotion": "joy", "speaker": "a"}\n',
    "an infinite speaker": '{"path": "a.wav", "emotion": "joy", "speaker": 1e999}\n',
    "half a character": '{"path": "a.wav", "emotion": "joy", "speaker": "\\ud800"}\n',
    "deep": '{"path": "a.wav", "emotion": "joy", "speaker": ' + "[" * 9999 + "]" * 9999 + "}\n",
    "two values in a line": json.dumps(ROWS[0]) + ", " + json.dumps(ROWS[1]) + "\n",
    "cut off": (json.dumps(ROWS[0]) + "\n") * 2 + '{"path": "b.w',
}


def tables() -> Iterator[Case]:
    def read(content: Any, name: str, folder: Path) -> object:
        for stem in "abc":
            soundfile.write(folder / f"{stem}.wav", np.random.default_rng(0).uniform(-0.5, 0.5, 400), 16_000)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        found = Folder(table=name).validate(folder)
        return [*found.problems, *found.remarks, *(f"missing {path}" for path in found.missing)]

    for name, content in TABLES.items():
        yield Case("metadata table", name, partial(read, content, "metadata.csv"))
    for name, content in LINES.items():
        yield Case("metadata table", f"JSON Lines: {name}", partial(read, content, "table.jsonl"))
    for name, content in {"text": "path", "nothing": "", "a wrong end": "PAR1" + "x" * 99 + "PAR1"}.items():
        yield Case("metadata table", f"Parquet: {name}", partial(read, content, "table.parquet"))
    yield Case("metadata table", "no table", lambda folder: Folder(table="nosuch.csv").validate(folder))


def label_maps() -> Iterator[Case]:
    def read(name: str, content: bytes, folder: Path) -> object:
        (folder / name).write_bytes(content)
        return read_label_map(str(folder / name))

    for text in ("ang", "ang=", "=anger", "a=b=c", "ang=anger,ang=joy", "nosuch.toml", "nosuch.csv"):
        yield Case("label map", text, lambda _, text=text: read_label_map(text))
    for name, content in {
        "map.toml": b"ang = 3\n",
        "deep.toml": b"a = " + b"[" * 999 + b"]" * 999,
        "nan.toml": b"ang = nan\n",
        "twice.toml": b"a = 'x'\na = 'y'\n",
        "bytes.toml": b"\xff\xfe\xfd",
        "one.csv": b"label,emotion\nang\n",
        "large.csv": b"label,emotion\nang," + b"x" * 200_000,
        "twice.csv": b"ang,anger\nang,joy\n",
        "bytes.csv": b"\xff\xfe\xfd",
    }.items():
        yield Case("label map", name, partial(read, name, content))


TRIAL = {"a": "p", "b": "q", "x": "a", "answer": "b", "seconds": 2.5, "plays": {"a": 1, "b": 1, "x": 1}}
CATCH = {**TRIAL, "a": "r", "b": "s"}
SESSION = {"test": "t", "trials_per_clip": 1, "listener": "L", "seed": "1", "trials": [TRIAL, CATCH]}
PAIRS = [SimpleNamespace(names=("p", "q"), attack="noise"), SimpleNamespace(names=("r", "s"), attack=None)]


def results() -> Iterator[Case]:
    def read(content: str, folder: Path) -> object:
        (folder / "result.json").write_text(content)
        return _read_session(folder / "result.json", SimpleNamespace(id="t", pairs=PAIRS))

    def with_trial(**changes: Any) -> dict[str, Any]:
        return {**SESSION, "trials": [{**TRIAL, **changes}, CATCH]}

    text = json.dumps(SESSION)
    for name, content in {
        "cut off": text[:-20],
        "NaN": text.replace("2.5", "NaN", 1),
        "infinite": text.replace("2.5", "1e999", 1),
        "a key twice": text.replace('"x": "a"', '"x": "a", "x": "b"', 1),
        "deep": text.replace("2.5", "[" * 9999 + "]" * 9999, 1),
        "a list": "[]",
        "a number": "3",
        "nothing": "",
        "half a character": text.replace('"L"', '"\\udc00"'),
    }.items():
        yield Case("listening result", name, partial(read, content))
    for name, session in {
        "another test": {**SESSION, "test": "u"},
        "trials as a number": {**SESSION, "trials": 2},
        "too few trials": {**SESSION, "trials": [TRIAL]},
        "too many trials": {**SESSION, "trials": [TRIAL, TRIAL, CATCH]},
        "no trials per clip": {**SESSION, "trials_per_clip": 0},
        "true trials per clip": {**SESSION, "trials_per_clip": True},
        "trials per clip as text": {**SESSION, "trials_per_clip": "1"},
        "a key too many": {**SESSION, "age": 30},
        "a key too few": {key: value for key, value in SESSION.items() if key != "seed"},
        "a seed that is a number": {**SESSION, "seed": 1},
        "negative seconds": with_trial(seconds=-1),
        "seconds as text": with_trial(seconds="2.5"),
        "an answer x": with_trial(answer="x"),
        "an answer that is missing": with_trial(answer=None),
        "no plays": with_trial(plays={"a": 0}),
        "plays of c": with_trial(plays={"c": 1}),
        "true plays": with_trial(plays={"a": True}),
        "an unknown clip": with_trial(a="z"),
        "the same clip twice": with_trial(b="p"),
    }.items():
        yield Case("listening result", name, partial(read, json.dumps(session)))
