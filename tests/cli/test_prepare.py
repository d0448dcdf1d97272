import json

import numpy as np
import pytest
import soundfile

from staanet.audio.files import write

RATE = 16_000
LABELS = {"W": "anger", "F": "joy"}


def noise(seed):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, 1600).astype(np.float32)


@pytest.fixture
def named(tmp_path):
    """Files named like those of EmoDB, by six speakers."""
    names = [f"{speaker:02d}a01{code}{take}" for speaker in range(1, 7) for code in LABELS for take in "abc"]
    for number, name in enumerate(names):
        write(tmp_path / "wav" / f"{name}.wav", noise(number), RATE)
    return tmp_path / "wav"


OPTIONS = ("--pattern", "{speaker:2}{statement:3}{emotion:1}{}", "--labels", "W=anger,F=joy")


def test_check_prints_what_is_in_the_corpus_and_writes_nothing(staanet, named, tmp_path):
    status, out, err = staanet("prepare", "folder", named, "--check", *OPTIONS)
    assert (status, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert ["anger", "18", "6", "01a01Wa.wav"] in lines
    assert ["03", "6", "2", "unknown", "03a01Fa.wav"] in lines
    assert "rates: 16000 Hz (36 clips)" in out
    assert "encodings: WAV FLOAT (36 clips)" in out
    assert "split by speaker: train 4, val 1, test 1" in out
    assert "warnings: none" in out
    assert out.endswith(f"{named}: 36 clips by 6 speakers (anger 18, joy 18); 0 skipped\n")
    assert [path.name for path in tmp_path.iterdir()] == ["wav"]


def test_json_of_a_check_is_that_of_preparing_except_for_the_dataset(staanet, named, tmp_path):
    (tmp_path / "map.toml").write_text('W = "anger"\nF = "joy"\n')
    status, out, _ = staanet(
        *("prepare", "folder", named, "--out", tmp_path / "dataset", "--json"),
        *(*OPTIONS[:3], tmp_path / "map.toml"),
    )
    assert status == 0
    made = json.loads(out)
    _, out, _ = staanet("prepare", "folder", named, "--dry-run", "--json", *OPTIONS)
    checked = json.loads(out)
    assert (made.pop("dataset"), checked.pop("dataset")) == (str(tmp_path / "dataset"), None)
    assert made == checked
    assert made["labels"] == {"anger": 18, "joy": 18}
    assert made["overview"]["speakers"]["01"]["emotions"] == 2


def mistakes(root):
    """Write a folder with one mistake of each kind, and return its table."""
    rows = ["path,emotion,speaker,gender"]
    for number in range(8):
        write(root / "a" / f"{number}.wav", noise(number), RATE)
        label, speaker = (("joy", "Joy", "anger", "ang er")[number % 4], "ab"[number % 2])
        rows.append(f"a/{number}.wav,{label},{speaker},{('F', 'männlich', 'x')[number % 3]}")
    write(root / "a" / "copy.wav", noise(0), RATE)
    soundfile.write(root / "a" / "silent.wav", np.zeros(800), RATE)
    (root / "a" / "phone.m4a").write_bytes(b"sound")
    rows += ["a/copy.wav,anger,b,F", "a/silent.wav,joy,a,F", "a/0.wav,joy,a,F"]
    rows += [f"C:\\data\\a\\{number}.wav,joy,a,F" for number in range(3)] + ["a/1.flac,joy,a,F", "a/none.wav,joy,a,F"]
    (root / "metadata.csv").write_text("\n".join(rows), encoding="utf-8")


EXPECTED = [
    "1 lines of metadata.csv repeat others, such as line 12 (a/0.wav, as line 2)",
    "found none for 3: absolute paths of another folder or machine, such as 'C:\\\\data\\\\a\\\\0.wav' (there is 'a/",
    "found none for 1: another ending, such as 'a/1.flac' (there is 'a/1.wav')",
    "found none for 1: no file of a similar name, such as 'a/none.wav'",
    "read 'Joy' (2 clips) as the emotion 'joy', because they differ in case only",
    "read 'ang er' (2 clips) as the emotion 'anger', because they differ in spaces only",
    "expected the gender 'female' or 'male', got 'x' (2 clips); kept",
    "expected one gender for each speaker, got 'female', 'male', 'x' for 'a'",
    "phone.m4a: expected .wav, .flac, .ogg, .mp3 or another format of libsndfile, got '.m4a'; convert it: ffmpeg",
    "silent.wav: expected speech, got silence; skipped",
    "expected 3 or more speakers, got 2 ('a', 'b')",
    "got 1 copies (1 by another speaker, 1 with another emotion), such as 'a/copy.wav' and 'a/0.wav'",
    "the default split by speaker does not work: expected speakers for training, validation and test, got 2 in all",
    'what works in [split]: by = "id"',
]


def test_a_folder_full_of_mistakes_is_described_in_one_line_each(staanet, tmp_path):
    mistakes(tmp_path / "mine")
    status, out, err = staanet("prepare", "folder", tmp_path / "mine", "--check")
    assert status == 0
    assert [line for line in EXPECTED if line not in err] == []
    assert len(err.splitlines()) <= len(EXPECTED) + 2
    assert 'split by speaker: does not work; what works: by = "id"' in out


@pytest.mark.parametrize("command", [["--check", "--out", "out"], []])
def test_either_a_check_or_an_output_is_needed(staanet, named, command):
    status, out, err = staanet("prepare", "folder", named, *OPTIONS, *command)
    assert (status, out) == (2, "")
    assert err == "staanet: expected either --out, the folder of the dataset, or --check, got both or neither\n"


@pytest.mark.parametrize(
    ("corpus", "options", "message"),
    [
        ("folder", ["--pattern", "{speaker}_{emotion}"], "and none that fits, such as '01a01Fa.wav' with the end of"),
        ("folder", ["--pattern", "{speker}_{emotion}"], "folder: pattern '{speker}_{emotion}': expected a field from"),
        ("folder", ["--labels", "W"], "labels: expected a label and an emotion, got 'W'"),
        ("folder", ["--labels", "nosuch.csv"], "nosuch.csv: expected a file with a label map"),
        ("emodb", ["--pattern", "{speaker}_{emotion}"], "emodb: expected no --pattern, which belongs to the corpus"),
        ("emodb", ["--labels", "W=anger"], "emodb: expected no --labels, which belongs to the corpus folder"),
    ],
)
def test_names_that_do_not_fit_are_refused_before_work(staanet, named, tmp_path, corpus, options, message):
    status, out, err = staanet("prepare", corpus, named, "--out", tmp_path / "out", *options)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert [path.name for path in tmp_path.iterdir()] == ["wav"]


def test_the_pattern_is_a_setting_of_the_corpus_too(staanet, named):
    status, out, err = staanet(
        *("prepare", "folder", named, "--check", "--json"),
        *("--set", f"pattern='{OPTIONS[1]}'", "--set", "emotion_map.W=anger", "--set", "emotion_map.F=joy"),
    )
    assert (status, err) == (0, "")
    assert json.loads(out)["labels"] == {"anger": 18, "joy": 18}


@pytest.mark.slow
def test_workers_prepare_the_same_dataset(staanet, named, tmp_path):
    assert staanet("prepare", "folder", named, "--out", tmp_path / "one", *OPTIONS)[0] == 0
    status, out, err = staanet("prepare", "folder", named, "--out", tmp_path / "two", *OPTIONS, "--workers", 2)
    assert (status, err) == (0, "")
    assert out.endswith("two: 36 clips by 6 speakers (anger 18, joy 18); 0 skipped\n")
    same = ("dataset.json", "manifest.jsonl", "shard-00000.safetensors")
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in same)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two", "wav"]


def test_workers_are_refused_for_a_check(staanet, named):
    status, _, err = staanet("prepare", "folder", named, "--check", "--workers", 2)
    assert status == 2
    assert "expected no workers for --check, got those of local; remove --engine and --workers" in err
