"""The contract with a server: the JSON of questions and answers, as `docs/guide/http-models.md` describes it."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from staanet.audio.files import HIGHEST_RATE
from staanet.core.errors import StaanetError
from staanet.models.external import SMALLEST

Floats = NDArray[np.float32]

ANSWERS = ("logits", "probabilities", "labels")
"""Keys of an answer, of which the first that is present is read."""
HIGHEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Card:
    """What a server says about its model.

    Args:
        labels: Emotions in the order of the outputs; empty if the server does not say.
        sample_rate: Sampling rate of the input in Hz; None if the server does not say.
        version: Any text that changes with the model; empty if the server does not say.
    """

    labels: tuple[str, ...] = ()
    sample_rate: int | None = None
    version: str = ""


def read_card(answer: Any) -> Card:
    """Return the description of a model from the JSON of a server.

    Raises:
        StaanetError: If a value is not of the type that the contract says.

    >>> read_card({"labels": ["anger", "joy"], "sample_rate": 16000})
    Card(labels=('anger', 'joy'), sample_rate=16000, version='')
    """
    if not isinstance(answer, dict):
        raise StaanetError(f'expected {{"labels": [...], "sample_rate": 16000, "version": "1"}}, got {_brief(answer)}')
    labels, rate, version = (answer.get(key) for key in ("labels", "sample_rate", "version"))
    if labels is not None and not (isinstance(labels, list) and all(_is_name(label) for label in labels)):
        raise StaanetError(f"expected labels as a list of names, got {_brief(labels)}")
    if labels is not None and len(set(labels)) < len(labels):
        raise StaanetError(f"expected each label once, got {_brief(labels)}")
    if rate is not None and (isinstance(rate, bool) or not isinstance(rate, int) or not 1 <= rate <= HIGHEST_RATE):
        raise StaanetError(f"expected a sample_rate in Hz, such as 16000, got {_brief(rate)}")
    if version is not None and not isinstance(version, str):
        raise StaanetError(f"expected a version as text, got {_brief(version)}")
    return Card(tuple(labels or ()), rate, version or "")


def _is_name(label: Any) -> bool:
    return isinstance(label, str) and 0 < len(label) <= 200 and label.isprintable()


def question(clips: Sequence[Floats], sample_rate: int) -> dict[str, Any]:
    """Return the JSON of a question: clips, each at its own length, as base64 of little-endian float32.

    >>> question([np.zeros(1, np.float32)], 16_000)
    {'sample_rate': 16000, 'waveforms': ['AAAAAA==']}
    """
    waveforms = [base64.b64encode(clip.astype("<f4").tobytes()).decode() for clip in clips]
    return {"sample_rate": sample_rate, "waveforms": waveforms}


def logits_of(answer: Any, clips: int, labels: Sequence[str]) -> Floats:
    """Return the logits `[B, K]` in the JSON of an answer.

    The logarithm is taken of probabilities. A label becomes the logit 1 of its class, with 0 for the others.

    Args:
        answer: The answer to a question.
        clips: Number of clips B in the question.
        labels: The K labels of the model.

    Raises:
        StaanetError: If the answer is not one row per clip with one finite number per label, or one label per clip.

    >>> logits_of({"labels": ["joy"]}, 1, ("anger", "joy"))
    array([[0., 1.]], dtype=float32)
    """
    key = next((key for key in ANSWERS if isinstance(answer, dict) and key in answer), None)
    if key is None:
        raise StaanetError(f"expected an object with logits, probabilities or labels, got {_brief(answer)}")
    rows = answer[key]
    if not isinstance(rows, list) or len(rows) != clips:
        got = len(rows) if isinstance(rows, list) else _brief(rows)
        raise StaanetError(f"expected {key} of {clips} clips, got {got}")
    if key == "labels":
        return np.array([_one_hot(label, labels) for label in rows], np.float32)
    numbers = np.array([_numbers(row, key, labels) for row in rows])
    if key == "logits":
        return numbers.astype(np.float32)
    if numbers.min() < 0 or numbers.max() > 1 + 1e-6:
        raise StaanetError(f"expected probabilities from 0 to 1, got {numbers.min():g} to {numbers.max():g}")
    logits: Floats = np.log(numbers.clip(SMALLEST, 1)).astype(np.float32)
    return logits


def _one_hot(label: Any, labels: Sequence[str]) -> list[float]:
    if label not in labels:
        raise StaanetError(f"expected a label of the model ({', '.join(labels)}), got {_brief(label)}")
    return [float(label == other) for other in labels]


def _numbers(row: Any, key: str, labels: Sequence[str]) -> list[float]:
    if not isinstance(row, list) or len(row) != len(labels):
        got = len(row) if isinstance(row, list) else _brief(row)
        raise StaanetError(f"expected {len(labels)} {key} per clip ({', '.join(labels)}), got {got}")
    for number in row:
        if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) <= HIGHEST:
            raise StaanetError(f"expected finite numbers as {key}, got {_brief(number)}")
    return [float(number) for number in row]


def _brief(value: Any) -> str:
    """Return a short description of a value of JSON, in ASCII."""
    if isinstance(value, dict):
        return ascii(dict.fromkeys(value, ...))[:60] if value else "an empty object"
    return ascii(value)[:60]
