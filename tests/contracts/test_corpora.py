"""What every corpus in the registry promises."""

import dataclasses

import h5py
import numpy as np
import pytest

from staanet.audio.files import write
from staanet.corpora import CORPORA
from staanet.corpora.base import audio_files

EVALUATION = "[6.2901 - 8.2357]\tSes01{}_impro01_{}{:03d}\t{}\t[2.5000, 2.5000, 2.5000]"
MELD = {"train_splits": "train", "dev_splits_complete": "dev", "output_repeated_splits_test": "test"}

LAYOUTS = {
    "audformat": ["wav/a.wav", "wav/b.wav"],
    "audiofolder": [f"{name}/{emotion}/{name}-1.wav" for name in ("train", "test") for emotion in ("joy", "anger")],
    "crema_d": [f"AudioWAV/1001_DFA_{code}_XX.wav" for code in ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")],
    "demos": [f"DEMOS/NP_f_43_{code}05b.wav" for code in ("rab", "dis", "pau", "col", "gio", "neu", "tri", "sor")],
    "emodb": [f"wav/{speaker}a01{code}a.wav" for speaker in ("03", "08", "09", "10") for code in "WLEAFNT"],
    "emovo": [f"f1/{code}-f1-b1.wav" for code in ("rab", "dis", "pau", "gio", "neu", "tri", "sor")],
    "folder": [f"{emotion}/{speaker}-1.flac" for speaker in "abcd" for emotion in ("joy", "anger")],
    "hdf5": [],
    "iemocap": [f"Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M{number:03d}.wav" for number in range(5)],
    "meld": [f"{folder}/dia0_utt{number}.wav" for folder in MELD for number in range(2)],
    "msp_improv": [f"session1/S01{code}/T/MSP-IMPROV-S01{code}-F01-T-FM01.wav" for code in "AHNS"],
    "nemo": [f"samples/EB0_{code}_1.wav" for code in ("anger", "fear", "happiness", "neutral", "surprised")],
    "ravdess": [
        f"Actor_{actor:02d}/03-01-{code:02d}-01-01-01-{actor:02d}.wav" for actor in range(1, 5) for code in range(1, 9)
    ],
    "savee": [f"AudioData/DC/{code}01.wav" for code in ("a", "d", "f", "h", "n", "sa", "su")],
    "synthetic": [],
    "tess": [f"OAF_back_{code}.wav" for code in ("angry", "disgust", "fear", "happy", "neutral", "sad", "ps")],
}
TEXTS = {
    "audformat": {
        "db.yaml": (
            "{name: mine, source: here, usage: research, schemes: {emotion: {dtype: str}, speaker: {dtype: str}}, "
            "tables: {files: {type: filewise, columns: {emotion: {scheme_id: emotion}, speaker: {scheme_id: speaker}}}}"
            "}"
        ),
        "db.files.csv": "file,emotion,speaker\nwav/a.wav,joy,anna\nwav/b.wav,anger,bert\n",
    },
    "iemocap": {
        "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt": "\n".join(
            EVALUATION.format("F", "M", number, code) for number, code in enumerate(("ang", "hap", "exc", "neu", "sad"))
        )
    },
    "meld": {
        f"{subset}_sent_emo.csv": "Speaker,Emotion,Dialogue_ID,Utterance_ID\nJoey,joy,0,0\nRachel,anger,0,1\n"
        for subset in MELD.values()
    },
    "msp_improv": {
        "Evalution.txt": "".join(f"UTD-IMPROV-S01{code}-F01-T-FM01.avi; {code}; A:3.0;\n" for code in "AHNS")
    },
}
"""Files next to the audio, for corpora with labels in files of their own."""


def toy(name, root):
    rng = np.random.default_rng(0)
    noise = (rng.random(1600) * 0.2 - 0.1).astype(np.float32)
    for path in LAYOUTS[name]:
        write(root / path, noise, 16_000)
    for path, text in TEXTS.get(name, {}).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    if name == "hdf5":
        with h5py.File(root / "clips.h5", "w") as file:
            file["train_audio"], file["train_y"] = np.stack([noise, noise]), [0, 1]
    return CORPORA[name](speakers=4, sentences=1) if name == "synthetic" else CORPORA[name]()


@pytest.fixture(params=CORPORA)
def corpus(request, tmp_path):
    return toy(request.param, tmp_path), tmp_path


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


def test_what_is_reported_of_a_clip_is_of_known_kinds(corpus):
    made, root = corpus
    for utterance in made.validate(root).utterances:
        assert utterance.gender in ("female", "male", None)
        assert utterance.language in ("de", "en", "it", "pl", "synthetic", None)
        assert all(value is None or isinstance(value, str) for value in dataclasses.astuple(utterance))


def test_what_is_wrong_is_reported_in_one_line_each(corpus):
    made, root = corpus
    files = audio_files(root)
    if files:
        write(root / "wrong name.wav", np.full(1600, 0.1, np.float32), 16_000)
    found = made.validate(root)
    for line in (*found.missing, *found.extra, *found.problems, *found.remarks):
        assert line
        assert "\n" not in line
    if files:
        assert [line for line in (*found.extra, *found.problems) if "wrong name.wav" in line]


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
