"""Bad answers of a server, and bad command lines."""

from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import soundfile

from loopback import LABELS
from reliability.bad.case import Case, command
from reliability.bad.stored import checkpoint, prepared
from staanet.models.loaders.http.client import Client, Terms
from staanet.models.loaders.http.contract import logits_of, read_card

CARDS: tuple[Any, ...] = (
    [], 3, "labels", None, {"labels": "anger"}, {"labels": [1, 2]}, {"labels": ["a", ""]}, {"labels": ["a", "a"]},
    {"labels": ["a\nb", "c"]}, {"labels": ["x" * 10_000, "b"]}, {"labels": [None]}, {"labels": {"a": 1}},
    {"sample_rate": 0}, {"sample_rate": -1}, {"sample_rate": True}, {"sample_rate": "16000"}, {"sample_rate": 16000.5},
    {"sample_rate": 2**40}, {"sample_rate": [1]}, {"version": 1}, {"version": None, "labels": 3}, {"version": ["1"]},
)  # fmt: skip

ANSWERS: tuple[Any, ...] = (
    [], 3, "x", None, {}, {"scores": [[1, 2, 3]]}, {"logits": 3}, {"logits": []}, {"logits": [[1, 2, 3], [1, 2, 3]]},
    {"logits": [[1, 2]]}, {"logits": [[1, 2, 3, 4]]}, {"logits": [1, 2, 3]}, {"logits": [["1", "2", "3"]]},
    {"logits": [[True, False, True]]}, {"logits": [[1, None, 3]]}, {"logits": [[1, 2, 1e39]]},
    {"logits": [[[1], 2, 3]]},
    {"logits": [{"a": 1}]}, {"logits": [[10**400, 2, 3]]}, {"probabilities": [[1.5, 0, 0]]}, {"logits": None},
    {"probabilities": [[-0.1, 0.5, 0.6]]}, {"probabilities": [["a", "b", "c"]]}, {"labels": ["bored"]},
    {"labels": [0]}, {"labels": [["joy"]]}, {"labels": "joy"}, {"labels": [None]}, {"labels": [{}]},
)  # fmt: skip

BODIES = (
    b"", b"<html>", b"{", b"\xff\xfe", b"[" * 10_000 + b"]" * 10_000, b'{"logits": [[NaN, 0, 1]]}',
    b'{"logits": [[1e999, 0, 1]]}', b'{"logits": [[1, 2, 3]], "logits": [[3, 2, 1]]}', b'{"labels": ["\\ud800"]}',
    b"null", b'{"logits": [[1, 2, 3]]} and more',
)  # fmt: skip


def http() -> Iterator[Case]:
    for card in CARDS:
        yield Case("HTTP answer", f"card {str(card)[:50]}", lambda _, card=card: read_card(card))
    for answer in ANSWERS:
        yield Case("HTTP answer", f"answer {str(answer)[:50]}", lambda _, a=answer: logits_of(a, 1, LABELS))
    client = Client(Terms("http://127.0.0.1:9/x", 1.0, 0, None, 1, None, None, None))
    for body in BODIES:
        yield Case(
            "HTTP answer",
            f"body {str(body)[:50]}",
            lambda _, body=body: client._understood(body, lambda answer: logits_of(answer, 1, LABELS)),
        )


@cache
def clip() -> Path:
    """Return a folder with one audio file."""
    folder = Path(mkdtemp())
    soundfile.write(folder / "clip.wav", np.random.default_rng(0).uniform(-0.3, 0.3, 3_200), 16_000)
    return folder


COMMANDS = (
    "nosuch", "--nosuch", "list nosuch", "run", "run nosuch", "run nosuch.toml", f"run {'x' * 300}.toml",
    "run smoke --out /proc/nosuch", "run smoke --seed 1.5", "prepare", "prepare nosuch IN --out OUT",
    "prepare folder nosuch --out OUT", "prepare folder IN", "prepare folder IN --check --out OUT",
    *(f"prepare synthetic IN --out OUT --sample-rate {rate}" for rate in ("0", "-1", "999", "nan", "1e9", "9" * 30)),
    *(f"prepare synthetic IN --out OUT --trim-db {level}" for level in ("0", "-3", "nan", "inf", "loud")),
    *(f"prepare synthetic IN --out OUT --set {word}" for word in
      ("speakers=nan", "speakers=inf", "speakers=true", "speakers=-1", "speakers=", "=3", "speakers", "seconds=[nan,1]",
       "seconds=[1,inf]", "sentences=1e30", "a.b.c=1", f"{'a.' * 5000}b=1", f"speakers={'[' * 5000}", "speakers={}")),
    "prepare folder IN --out OUT --pattern {speker}", "prepare folder IN --out OUT --labels a=",
    "prepare synthetic IN --out OUT --segments nosuch", f"prepare folder {'x' * 300} --out OUT",
    f"prepare synthetic IN --out {'x' * 300}", "prepare synthetic IN --out IN/clip.wav",
    "train nosuch --dataset DATA --out OUT", "train zhao19 --dataset nosuch --out OUT",
    *(f"train zhao19 --dataset DATA --out OUT --seconds {value}" for value in ("0", "-1", "nan", "inf", "1e12")),
    *(f"train zhao19 --dataset DATA --out OUT --set {word}" for word in
      ("epochs=nan", "epochs=0", "epochs=true", "batch_size=-1", "learning_rate=nan", "learning_rate=inf",
       "epochs=1e20")),
    "train zhao19 --dataset DATA --out OUT --device nosuch", "train zhao19 --dataset DATA --out OUT --device cuda:99",
    "attack", "attack nosuch IN OUT --source MODEL", "attack noise nosuch OUT --source MODEL",
    "attack noise IN OUT --source nosuch", f"attack noise IN OUT --source {'x' * 300}",
    *(f"attack noise IN OUT --source MODEL --epsilon {value}" for value in ("nan", "inf", "-1", "loud")),
    *(f"attack noise IN OUT --source MODEL --snr-db {value}" for value in ("nan", "inf", "-inf")),
    *(f"attack noise IN OUT --source MODEL --sparsity {value}" for value in ("0", "nan", "2", "-1")),
    *(f"attack noise IN OUT --source MODEL --epsilon 0.1 --window {value}" for value in ("0", "nan", "-1", "1e-9")),
    *(f"attack pgd IN OUT --source MODEL --epsilon 0.1 --set {word}" for word in
      ("steps=nan", "steps=0", "steps=true", "step_size=inf", "restarts=-1", "steps='3'")),
    *(f"attack noise IN OUT --source MODEL --epsilon 0.1 --source-set {word}" for word in
      ("sample_rate=0", "sample_rate=nan", "nosuch=1", "labels=3", "seconds=inf")),
    "attack noise IN IN --source MODEL --epsilon 0.1", f"attack noise IN/clip.wav {'x' * 300}.wav --source MODEL",
    "attack noise IN/clip.wav out.mp3 --source MODEL --epsilon 0.1",
    "fit compact --source MODEL --dataset nosuch --out OUT", "fit nosuch --source MODEL --dataset DATA --out OUT",
    "fit compact --source MODEL --dataset DATA --out OUT --size widths=[nan]",
    "report nosuch", "report IN", "export nosuch OUT", "evaluate nosuch DATA", "evaluate MODEL nosuch",
    "compare nosuch nosuch", "import model nosuch OUT",
)  # fmt: skip


def commands() -> Iterator[Case]:
    def read(line: str, folder: Path) -> object:
        places = {"IN": clip(), "OUT": folder / "out", "DATA": prepared(), "MODEL": checkpoint()}
        words = [str(places[word]) if word in places else word.replace("IN/", f"{clip()}/") for word in line.split()]
        return command(*words)

    for line in COMMANDS:
        yield Case("command line", line[:80], partial(read, line))
