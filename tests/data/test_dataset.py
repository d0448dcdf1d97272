import json
import logging
import os

import numpy as np
import pytest
import soundfile
import torch

from staanet.audio.files import resample, write
from staanet.core.errors import StaanetError
from staanet.corpora import Folder
from staanet.data import Dataset, Split, by_speaker, prepare
from staanet.data.dataset import collate

RATE = 16_000


def noise(length, seed=0, channels=1):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (length, channels)).astype(np.float32)


@pytest.fixture
def root(tmp_path):
    """A folder per emotion, six speakers, clips of different lengths."""
    root = tmp_path / "corpus"
    for number, speaker in enumerate("abcdef"):
        for shift, emotion in enumerate(("anger", "joy")):
            write(root / emotion / f"{speaker}-1.wav", noise(100 + 10 * number + shift, seed=10 * number + shift), RATE)
    return root


def source(root, clip):
    return soundfile.read(root / f"{clip}.wav", dtype="float32")[0]


@pytest.mark.parametrize("shard_samples", [64 * 1024 * 1024, 300])
def test_clips_come_back_bit_for_bit_from_one_shard_or_many(root, tmp_path, monkeypatch, shard_samples):
    monkeypatch.setattr("staanet.data.shards.SHARD_SAMPLES", shard_samples)
    made = prepare(Folder(), root, tmp_path / "dataset")
    shards = sorted((tmp_path / "dataset").glob("*.safetensors"))
    assert len(shards) == (1 if shard_samples > 10_000 else 4)
    for opened in (made, Dataset(tmp_path / "dataset")):
        assert len(opened) == 12
        assert (opened.labels, opened.sample_rate, opened.corpus) == (("anger", "joy"), RATE, "folder")
        for clip, utterance in opened.utterances.items():
            assert np.array_equal(opened.waveform(clip).numpy(), source(root, clip))
            assert opened.length(clip) == len(source(root, clip))
            assert opened.labels[opened.label(clip)] == utterance.label == clip.split("/")[0]


def test_a_batch_holds_each_clip_and_zeros_beyond_it(root, tmp_path):
    made = prepare(Folder(), root, tmp_path / "dataset")
    clips = ["joy/f-1", "anger/a-1"]
    batch = made.batch(clips)
    assert batch.ids == tuple(clips)
    assert batch.lengths.tolist() == [151, 100]
    assert batch.labels.tolist() == [1, 0]
    assert batch.waveforms.shape == (2, 151)
    assert np.array_equal(batch.waveforms[1, :100].numpy(), source(root, "anger/a-1"))
    assert not batch.waveforms[1, 100:].any()


def test_a_batch_is_its_clips_collated(root, tmp_path):
    made = prepare(Folder(), root, tmp_path / "dataset")
    clips = list(made.utterances)[::-1]
    batch, plain = (
        made.batch(clips),
        collate([made.waveform(clip) for clip in clips], [made.label(clip) for clip in clips], clips),
    )
    for field in ("waveforms", "lengths", "labels"):
        assert torch.equal(getattr(batch, field), getattr(plain, field))
        assert getattr(batch, field).dtype == getattr(plain, field).dtype
    assert batch.ids == plain.ids


def test_a_clip_is_the_callers_own(root, tmp_path):
    made = prepare(Folder(), root, tmp_path / "dataset")
    made.waveform("joy/f-1").zero_()
    assert np.array_equal(made.waveform("joy/f-1").numpy(), source(root, "joy/f-1"))


def test_batches_hold_every_clip_once_in_order_of_length(root, tmp_path):
    made = prepare(Folder(), root, tmp_path / "dataset")
    batches = made.batches(made.utterances, 5)
    assert [len(batch) for batch in batches] == [5, 5, 2]
    flat = [clip for batch in batches for clip in batch]
    assert sorted(flat) == sorted(made.utterances)
    assert [made.length(clip) for clip in flat] == sorted(map(made.length, flat))
    assert made.batches(reversed(list(made.utterances)), 5) == batches


def test_the_digest_changes_with_a_sample(root, tmp_path, monkeypatch):
    first = prepare(Folder(), root, tmp_path / "a")
    assert prepare(Folder(), root, tmp_path / "b").digest == first.digest
    changed = noise(100)
    changed[50] += 1e-3
    write(root / "anger" / "a-1.wav", changed, RATE)
    assert prepare(Folder(), root, tmp_path / "c").digest != first.digest
    monkeypatch.setattr("staanet.data.shards.SHARD_SAMPLES", 300)
    assert prepare(Folder(), root, tmp_path / "d").digest.count("+") == 3


@pytest.mark.parametrize(("rate", "channels"), [(44_100, 2), (8_000, 1), (48_000, 1), (22_050, 2)])
def test_any_rate_and_channel_count_becomes_16_khz_mono_of_the_right_length(root, tmp_path, rate, channels):
    time = np.arange(rate) / rate
    both = np.stack([0.4 * np.sin(2 * np.pi * 440 * time), np.zeros(rate)], axis=1)[:, :channels].astype(np.float32)
    soundfile.write(root / "joy" / "a-2.wav", both, rate, subtype="FLOAT")
    waveform = prepare(Folder(), root, tmp_path / "dataset").waveform("joy/a-2").numpy()
    assert waveform.dtype == np.float32
    assert waveform.shape == (RATE,)
    expected = 0.4 / channels * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    assert waveform[1600:-1600] == pytest.approx(expected[1600:-1600], abs=1e-3)


def test_another_sample_rate_is_kept_in_the_dataset(root, tmp_path):
    made = prepare(Folder(), root, tmp_path / "dataset", sample_rate=8_000)
    assert made.sample_rate == 8_000
    assert np.array_equal(made.waveform("joy/a-1"), resample(source(root, "joy/a-1"), RATE, 8_000))


def test_unusable_clips_are_reported_in_one_line_each_and_the_rest_kept(root, tmp_path, caplog):
    broken = {
        "silent": "expected speech, got silence",
        "nan": "expected finite samples, got NaN",
        "empty": "expected samples, got an empty file",
        "garbage": "expected readable audio",
        "cut": "expected 200 bytes of audio, got 150 (truncated)",
        "tiny": "expected speech, got silence",
        "constant": "expected speech, got silence",
        "single": "expected speech, got silence",
        "integers": "got a peak of 3276.8 (100.0 % of the samples lie beyond); divide by the integer range or by the ",
    }
    paths = {kind: root / "joy" / f"{kind}-1.wav" for kind in broken}
    write(paths["silent"], np.zeros(500, np.float32), RATE)
    soundfile.write(paths["nan"], np.array([0.1, np.nan, 0.1]), RATE, subtype="FLOAT")
    soundfile.write(paths["empty"], np.zeros((0, 1)), RATE)
    paths["garbage"].write_bytes(b"no audio" * 50)
    soundfile.write(paths["cut"], noise(100), RATE, subtype="PCM_16")
    paths["cut"].write_bytes(paths["cut"].read_bytes()[:-50])
    soundfile.write(paths["tiny"], noise(1), 48_000, subtype="FLOAT")
    soundfile.write(paths["constant"], np.full(500, 0.31), RATE, subtype="FLOAT")
    soundfile.write(paths["single"], np.array([0.4]), RATE, subtype="FLOAT")
    soundfile.write(paths["integers"], 32768 * np.array([0.05, -0.1, 0.02]), RATE, subtype="FLOAT")
    with caplog.at_level(logging.WARNING):
        made = prepare(Folder(), root, tmp_path / "dataset")
    assert len(made) == 12
    assert made.skipped == Dataset(tmp_path / "dataset").skipped
    lines = dict(zip((line.split(":")[0] for line in made.skipped), made.skipped, strict=True))
    assert set(lines) == {str(path) for path in paths.values()}
    for kind, path in paths.items():
        assert broken[kind] in lines[str(path)]
        assert lines[str(path)].endswith("; skipped")
        assert "\n" not in lines[str(path)]
    assert set(made.skipped) <= {record.getMessage() for record in caplog.records}


def test_a_very_quiet_clip_is_no_silence(root, tmp_path):
    write(root / "joy" / "quiet-1.wav", 1e-4 * noise(500), RATE)
    assert "joy/quiet-1" in prepare(Folder(), root, tmp_path / "dataset").utterances


def test_a_corpus_without_usable_clips_raises_and_leaves_no_dataset(tmp_path):
    write(tmp_path / "corpus" / "joy" / "a-1.wav", np.zeros(500, np.float32), RATE)
    with pytest.raises(StaanetError, match=r"expected usable clips, found none of 1: .*a-1.wav: expected speech"):
        prepare(Folder(), tmp_path / "corpus", tmp_path / "dataset")
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


def test_an_interrupted_preparation_leaves_the_old_dataset(root, tmp_path, monkeypatch):
    prepare(Folder(), root, tmp_path / "dataset")
    before = {path.name: path.read_bytes() for path in (tmp_path / "dataset").iterdir()}

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("staanet.data.preparation.write_jsonl", interrupt)
    with pytest.raises(KeyboardInterrupt):
        prepare(Folder(), root, tmp_path / "dataset")
    assert {path.name: path.read_bytes() for path in (tmp_path / "dataset").iterdir()} == before
    assert {path.name for path in tmp_path.iterdir()} == {"corpus", "dataset"}


def test_a_folder_that_is_no_dataset_is_never_replaced(root):
    with pytest.raises(StaanetError, match=r"corpus: expected a new folder or one that staanet wrote, got other files"):
        prepare(Folder(), root, root)
    assert len(list(root.rglob("*.wav"))) == 12


@pytest.fixture
def folder(root, tmp_path):
    prepare(Folder(), root, tmp_path / "dataset")
    return tmp_path / "dataset"


def error_of(folder):
    with pytest.raises(StaanetError) as caught:
        Dataset(folder)
    message = str(caught.value)
    assert message.startswith(str(folder))
    assert "\n" not in message
    return message


def test_a_folder_without_a_dataset_is_refused(root):
    assert error_of(root).endswith("expected a prepared dataset, found none; make one with `staanet prepare`")
    assert error_of(root / "nosuch").endswith("make one with `staanet prepare`")


def test_a_dataset_of_an_earlier_version_is_refused_with_what_to_do(folder):
    (folder / "dataset.json").rename(folder / "store.json")
    assert "expected a dataset of staanet 0.2 or later, got one of an earlier version (store.json)" in error_of(folder)
    assert error_of(folder).endswith("; prepare the corpus again into another folder")


@pytest.mark.parametrize("about", ["{}", "[]", '{"corpus": "folder"}'])
def test_a_damaged_description_is_reported(folder, about):
    (folder / "dataset.json").write_text(about)
    assert "dataset.json: expected the description of a dataset: " in error_of(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.unlink(), "manifest.jsonl: expected a file, found none"),
        (lambda path: path.write_text(path.read_text()[:-20]), "manifest.jsonl: expected JSON"),
        (lambda path: path.write_text('{"utterance": {}}\n'), "manifest.jsonl: expected the clips of a dataset: "),
        (lambda path: path.write_text("3\n"), "manifest.jsonl: expected the clips of a dataset: 0: "),
    ],
)
def test_a_damaged_manifest_is_reported(folder, change, message):
    change(folder / "manifest.jsonl")
    assert message in error_of(folder)


@pytest.mark.parametrize("change", [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:-9])])
def test_a_damaged_shard_raises_when_a_clip_is_read(folder, change):
    change(folder / "shard-00000.safetensors")
    with pytest.raises(StaanetError, match=r"shard-00000.safetensors: expected a shard with .*a damaged file .*again"):
        Dataset(folder).waveform("joy/a-1")


def test_a_split_by_speaker_is_accepted(folder):
    made = Dataset(folder)
    made.check(by_speaker(list(made.utterances.values())))


def test_a_split_that_a_speaker_straddles_is_refused(folder):
    straddling = Split("mine", None, ("anger/a-1",), ("joy/b-1",), ("joy/a-1",))
    with pytest.raises(StaanetError, match="expected speakers in one subset each, got 'a' in two"):
        Dataset(folder).check(straddling)


def test_a_split_by_session_is_checked_by_session(root, tmp_path):
    lines = [f"{emotion}/{name}-1.wav,{emotion},anna,{name}" for name in "abc" for emotion in ("joy", "anger")]
    (root / "metadata.csv").write_text("\n".join(["path,emotion,speaker,session", *lines]) + "\n")
    made = prepare(Folder(), root, tmp_path / "dataset")
    made.check(Split("mine", None, ("anger/a-1", "joy/a-1"), ("joy/b-1",), ("joy/c-1",), "session"))
    with pytest.raises(StaanetError, match="expected sessions in one subset each, got 'a' in two; split by session"):
        made.check(Split("mine", None, ("anger/a-1",), ("joy/b-1",), ("joy/a-1",), "session"))


def test_a_split_of_another_corpus_is_refused(folder):
    with pytest.raises(StaanetError, match="expected a split of folder, got clip '03a01Fa'; make the split again"):
        Dataset(folder).check(Split("mine", None, ("03a01Fa",), (), ()))


def test_the_description_names_licence_citation_and_labels(folder):
    about = json.loads((folder / "dataset.json").read_text())
    assert about["labels"] == ["anger", "joy"]
    assert about["missing"] == about["skipped"] == []
    assert about["licence"]


def test_samples_a_little_beyond_full_scale_are_clipped_and_counted(root, tmp_path, caplog):
    soundfile.write(root / "joy" / "loud-1.wav", np.array([0.5, 1.5, -2.0], np.float32), RATE, subtype="FLOAT")
    soundfile.write(root / "joy" / "less-1.wav", np.array([0.5, 1.1, -1.0], np.float32), RATE, subtype="FLOAT")
    soundfile.write(root / "joy" / "full-1.wav", np.array([0.5, 1.0, -1.0], np.float32), RATE, subtype="FLOAT")
    made = prepare(Folder(), root, tmp_path / "dataset")
    assert torch.equal(made.waveform("joy/loud-1"), torch.tensor([0.5, 1.0, -1.0]))
    remark = "clipped 2 clips to full scale; the largest peak is 2, in joy/loud-1; up to 67 % of the samples of a clip"
    assert json.loads((tmp_path / "dataset" / "dataset.json").read_text())["remarks"] == [remark]
    assert f"{root}: {remark}" in {record.getMessage() for record in caplog.records}


def test_a_name_that_is_not_utf_8_is_skipped_with_a_line(root, tmp_path):
    try:
        (root / "joy" / "a-1.wav").rename(root / "joy" / os.fsdecode(b"caf\xe9-1.wav"))
    except OSError:
        pytest.skip("the file system refuses such names")
    made = prepare(Folder(), root, tmp_path / "dataset")
    assert len(made) == 11
    assert list(made.skipped) == [
        f"{root}/joy/caf\\xe9-1.wav: expected a name in UTF-8, got another encoding; rename the file; skipped"
    ]


def test_silence_at_the_ends_is_cut_where_that_is_asked_for(tmp_path):
    root, speech = tmp_path / "corpus", noise(2048)
    silence = np.zeros((1024, 1), dtype=np.float32)
    write(root / "anger" / "a-1.wav", np.concatenate([silence, speech, silence]), RATE)
    write(root / "joy" / "b-1.wav", speech, RATE)
    as_it_is, cut = (
        prepare(Folder(), root, tmp_path / "dataset"),
        prepare(Folder(), root, tmp_path / "cut", trim_db=40.0),
    )
    assert [as_it_is.length(name) for name in ("anger/a-1", "joy/b-1")] == [4096, 2048]
    assert torch.equal(cut.waveform("anger/a-1"), cut.waveform("joy/b-1"))
    assert cut.length("joy/b-1") == 2048
    assert cut.digest != as_it_is.digest
    trimmed = [json.loads((tmp_path / name / "dataset.json").read_text())["trim_db"] for name in ("dataset", "cut")]
    assert trimmed == [None, 40.0]
