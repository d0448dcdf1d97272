"""What every corpus in the registry promises."""

import dataclasses

import numpy as np
import pytest

from staanet.audio.files import write
from staanet.corpora import CORPORA


def miniature(name, root):
    rng = np.random.default_rng(0)
    noise = (rng.random(1600) * 0.2 - 0.1).astype(np.float32)
    layouts = {
        "emodb": [f"wav/{speaker}a01{code}a.wav" for speaker in ("03", "08", "09", "10") for code in "WLEAFNT"],
        "folder": [f"{emotion}/{speaker}-1.flac" for speaker in "abcd" for emotion in ("joy", "anger")],
        "ravdess": [
            f"Actor_{actor:02d}/03-01-{code:02d}-01-01-01-{actor:02d}.wav"
            for actor in range(1, 5)
            for code in range(1, 9)
        ],
        "synthetic": [],
    }
    for path in layouts[name]:
        write(root / path, noise, 16_000)
    return CORPORA[name](speakers=4, sentences=1) if name == "synthetic" else CORPORA[name]()


@pytest.fixture(params=CORPORA)
def corpus(request, tmp_path):
    return miniature(request.param, tmp_path), tmp_path


def test_describes_itself(corpus):
    made, _ = corpus
    assert dataclasses.is_dataclass(made)
    assert made.licence
    assert made.citation
    assert type(made).__doc__


def test_lists_unique_clips_with_a_known_label_and_a_speaker_each(corpus):
    made, root = corpus
    utterances = made.validate(root).utterances
    labels = made.labels(root)
    assert list(labels) == sorted(set(labels))
    assert len({utterance.id for utterance in utterances}) == len(utterances) > 0
    assert {utterance.label for utterance in utterances} <= set(labels)
    assert all(utterance.speaker for utterance in utterances)


def test_reads_samples_in_full_scale(corpus):
    made, root = corpus
    utterance = made.validate(root).utterances[0]
    samples, rate = made.read(root, utterance)
    assert samples.dtype == np.float32
    assert samples.ndim == 2
    assert rate > 0
    assert 0 < np.abs(samples).max() <= 1


def test_listing_twice_gives_the_same(corpus):
    made, root = corpus
    assert made.validate(root) == made.validate(root)
