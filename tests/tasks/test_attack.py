import numpy as np
import pytest
import soundfile
import torch

import staanet
from loopback import Server
from staanet.audio import files as audio
from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.corpora import Synthetic
from staanet.data import prepare
from staanet.models import create_model
from staanet.tasks import attack

SPEECH = np.random.default_rng(0).uniform(-0.3, 0.3, 1600).astype(np.float32)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Checkpoint of an untrained model."""
    folder = tmp_path_factory.mktemp("source") / "model"
    with seeded("source"):
        checkpoints.save(create_model("zhao19", ("joy", "fear"), seconds=0.1), folder)
    return folder


def attacked(source, inputs, out, name="noise", settings=None, **options):
    return attack(name, source, inputs, out, settings=settings or {}, seed=0, device=torch.device("cpu"), **options)


@pytest.fixture
def clips(tmp_path):
    """A folder with three recordings."""
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in "abc":
        soundfile.write(folder / f"{name}.wav", np.roll(SPEECH, ord(name)), 16_000, subtype="FLOAT")
    return folder


def written(path, answer):
    """Write a model whose answer to clips is an expression, and return its reference."""
    path.write_text(
        f"import torch\nlabels = ['joy', 'fear']\nsample_rate = 16000\n\n\ndef model(clips):\n    return {answer}\n"
    )
    return f"{path}:model"


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (
            32768 * SPEECH,
            r"clip.wav: expected samples in \[-1, 1\], got a peak of 982\d.*; divide by the integer range",
        ),
        (np.full(1600, 0.31), "clip.wav: expected speech, got silence"),
    ],
)
def test_one_file_that_cannot_be_used_is_refused(source, tmp_path, samples, message):
    soundfile.write(tmp_path / "clip.wav", samples, 16_000, subtype="FLOAT")
    with pytest.raises(StaanetError, match=message):
        attacked(source, tmp_path / "clip.wav", tmp_path / "out.wav")
    assert not (tmp_path / "out.wav").exists()


def test_files_of_a_folder_that_cannot_be_used_are_skipped_with_a_line_each(source, tmp_path, caplog):
    folder = tmp_path / "in"
    folder.mkdir()
    soundfile.write(folder / "a.aiff", SPEECH, 16_000)
    soundfile.write(folder / "b.wav", 32768 * SPEECH, 16_000, subtype="FLOAT")
    soundfile.write(folder / "c.wav", np.full(1600, 0.31), 16_000)
    (folder / "d.m4a").write_bytes(b"audio")
    found = attacked(source, folder, tmp_path / "out")
    assert [file.path for file in found.files] == ["a.aiff"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.aiff.flac"]
    lines = [record.getMessage() for record in caplog.records]
    for name, reason in (("b.wav", "got a peak of"), ("c.wav", "got silence"), ("d.m4a", "got '.m4a'; convert it")):
        (line,) = [line for line in lines if name in line]
        assert reason in line
        assert line.endswith("; skipped")


@pytest.mark.parametrize(
    ("out", "change", "message"),
    [
        ("out.mp3", {}, "out.mp3: expected a name ending in .wav or .flac, got '.mp3'"),
        ("clips/a.wav/out.wav", {}, "expected a folder that can be written"),
        ("clips/a.wav", {}, "expected another place than the input"),
        ("out.wav", {"settings": {"sparsity": 2}}, "expected sparsity in"),
        ("out.wav", {"name": "nois"}, "did you mean 'noise'"),
        ("out.wav", {"name": "staa_net", "settings": {"generator": "here"}}, "here: expected a generator checkpoint"),
    ],
)
def test_what_can_be_checked_is_checked_before_the_model_is_loaded_and_audio_decoded(
    tmp_path, clips, monkeypatch, out, change, message
):
    monkeypatch.setattr(audio, "measure", lambda *_: pytest.fail("decoded"))
    with pytest.raises(StaanetError, match=message):
        attacked("no-such-model", clips / "a.wav", tmp_path / out, **change)


def test_a_wav_file_that_cannot_hold_a_recording_is_refused_before_it_is_attacked(source, tmp_path, clips, monkeypatch):
    monkeypatch.setattr(audio, "WAV_BYTES", 4 * len(SPEECH) - 1)
    monkeypatch.setattr("staanet.attacks.noise.Noise.perturb", lambda *_: pytest.fail("attacked"))
    with pytest.raises(StaanetError, match=r"write \.flac"):
        attacked(source, clips / "a.wav", tmp_path / "out.wav")


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("noise", {"epsilon": 3.0}, "expected epsilon of at most 2"),
        ("contrastive", {"steps": 1}, "expected a model with a representation, which contrastive needs"),
    ],
)
def test_an_attack_that_the_model_cannot_serve_ends_before_the_first_file(
    tmp_path, clips, caplog, name, settings, message
):
    reference = written(tmp_path / "net.py", "clips[:, :2]")
    with pytest.raises(StaanetError, match=message):
        attacked(reference, clips, tmp_path / "out", name, settings, trust=True)
    assert caplog.records == []
    assert list((tmp_path / "out").iterdir()) == []


def test_a_server_that_stops_ends_a_folder_with_one_line(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    server = Server()
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in "abc":
        soundfile.write(folder / f"{name}.wav", np.roll(SPEECH[:900], ord(name)), 1000, subtype="FLOAT")
    settings = {"retries": 0}
    device = torch.device("cpu")
    try:
        server.answers_left = 8  # the clip of noise, the first file with its controls, and some of the second
        with pytest.raises(StaanetError, match=r"^b.wav: .*broke off.*; stopped with 1 files written$"):
            attack(
                "noise",
                server.url,
                folder,
                tmp_path / "out",
                settings={},
                source_settings=settings,
                seed=0,
                device=device,
            )
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.wav"]
        assert caplog.records == []
        questions = len(server.requests)
        server.answers_left = 10**6
        attack(
            "noise", server.url, folder, tmp_path / "out", settings={}, source_settings=settings, seed=0, device=device
        )
        assert len(server.requests) > questions
        assert len(set(server.clips)) == len(server.clips)
    finally:
        server.stop()


def test_a_disk_that_is_full_ends_a_folder_with_one_line(source, tmp_path, clips, monkeypatch, caplog):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(audio.soundfile.SoundFile, "write", full)
    with pytest.raises(
        StaanetError, match=r"^a.wav: .*expected more room on its disk, got a full one.*stopped with 0 files written"
    ):
        attacked(source, clips, tmp_path / "out")
    assert caplog.records == []


def test_a_folder_of_which_every_file_is_skipped_is_an_error_that_says_so(source, tmp_path):
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in" / "c.wav", np.zeros(1600), 16_000)
    with pytest.raises(StaanetError, match="expected a file that can be attacked, got 1, all of which were skipped"):
        attacked(source, tmp_path / "in", tmp_path / "out")


def test_the_control_is_that_of_observe(source, tmp_path, clips):
    found = attacked(source, clips, tmp_path / "out", settings={"snr_db": -6.0, "sparsity": 1.0})
    model = staanet.load_model(source)
    for file in found.files:
        clean, adversarial = (
            torch.from_numpy(audio.read(folder / file.path)[0][:, 0])[None] for folder in (clips, tmp_path / "out")
        )
        labels = model(clean).argmax(1)
        outcome = staanet.observe(model, clean, adversarial, labels, seed=0)
        assert [model.labels[index] for index in outcome.predicted_control[0]] == list(file.predicted_control)
        assert file.linf == pytest.approx(outcome.linf[0], abs=1e-6)


@pytest.mark.parametrize(
    ("answer", "flags"),
    [
        ("torch.stack([clips.sum(1), -clips.sum(1)], 1)", []),
        ("torch.stack([clips.sum(1), -clips.sum(1)], 1).softmax(1)", ["probabilities"]),
        ("torch.stack([clips.sum(1), -clips.sum(1)], 1) + torch.randn(len(clips), 2)", ["randomised"]),
        ("torch.stack([clips.sum(1), -clips.sum(1)], 1) + 9 * clips.mean()", []),
        ("torch.stack([clips.sum(1), -clips.sum(1)], 1) * (1 + len(clips))", ["batch_dependent"]),
    ],
)
def test_the_signs_of_a_model_are_found_once(tmp_path, clips, answer, flags):
    reference = written(tmp_path / "net.py", answer)
    found = attacked(reference, clips, tmp_path / "out", trust=True)
    assert list(found.flags) == flags


def test_emotions_that_the_model_does_not_know_are_reported_before_the_attack(tmp_path, caplog):
    dataset = prepare(Synthetic(speakers=3, sentences=1, seconds=(0.5, 0.6)), tmp_path, tmp_path / "dataset")
    reference = written(tmp_path / "net.py", "clips[:, :2]")
    found = attacked(reference, dataset.folder, tmp_path / "out", trust=True)
    assert found.labels == ()
    assert {file.label for file in found.files} == {None}
    names = {"labels": {"joy": "anger", "fear": "neutral"}}
    again = attacked(reference, dataset.folder, tmp_path / "out", trust=True, source_settings=names)
    assert again.labels == dataset.labels
    assert [file.label for file in again.files] == [dataset.utterances[clip].label for clip in dataset.utterances]
    lines = [record.getMessage() for record in caplog.records if "the model knows" in record.getMessage()]
    assert len(lines) == 2
    assert "got others (anger, happiness, neutral, sadness); no robust accuracy is computed" in lines[0]
    assert "got others (happiness, sadness); their clips count as wrong" in lines[1]


def test_adversarial_files_are_not_written_where_they_would_be_attacked(source, clips):
    with pytest.raises(StaanetError, match=r"expected a place outside of .*, where the next command would attack"):
        attacked(source, clips, clips / "adversarial")
