import pickle
import warnings
import zipfile

import pytest
import torch
from torch import nn

from staanet.attacks import create_attack
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.models.external import External, ExternalSettings
from staanet.models.loaders.torch_file import TorchFile

LABELS = ("anger", "joy", "neutral")
TITLES = {"script": "model.pt", "trace": "traced.ts", "program": "model.pt2", "pickle": "pickled.pth"}


class Network(nn.Module):
    """Three classes by the mean of two filters, with a batch normalisation and a dropout that training would change."""

    labels: list[str]

    def __init__(self):
        super().__init__()
        self.labels, self.sample_rate = list(LABELS), 8000
        self.filters, self.norm = nn.Conv1d(1, 2, 9, stride=4), nn.BatchNorm1d(2)
        self.drop, self.head = nn.Dropout(0.5), nn.Linear(2, 3)

    def forward(self, waveforms):
        return self.head(self.drop(torch.tanh(self.norm(self.filters(waveforms[:, None]))).mean(2)))


class WithLengths(Network):
    def forward(self, waveforms, lengths):
        return self.head(waveforms.cumsum(1).gather(1, lengths[:, None] - 1) * torch.ones(1, 2))


class Pair(Network):
    def forward(self, waveforms):
        hidden = waveforms[:, None, :].abs()
        return hidden, self.head(hidden.mean((1, 2))[:, None] * torch.ones(1, 2)), hidden.mean(1)


class Channel(Network):
    def forward(self, waveforms):
        return super().forward(waveforms[:, 0])


class OneClip(Network):
    def forward(self, waveform):
        return super().forward(waveform[None])[0]


class Names:
    """An object that is no network."""


def network(cls=Network):
    with seeded("network"):
        return cls().eval()


def write(kind, path, module, example=(2, 800), extra=None):
    waveforms = torch.zeros(example)
    inputs = (waveforms, torch.full((len(waveforms),), 3)) if isinstance(module, WithLengths) else (waveforms,)
    with warnings.catch_warnings(action="ignore"):
        if kind == "script":
            torch.jit.save(torch.jit.script(module), path, _extra_files=extra)
        elif kind == "trace":
            torch.jit.save(torch.jit.trace(module, inputs), path, _extra_files=extra)
        elif kind == "pickle":
            torch.save(module, path)
        else:
            batch, time = torch.export.Dim("batch"), torch.export.Dim("time", min=16)
            shapes = ({0: batch, 1: time}, {0: batch})[: len(inputs)] if extra is None else None
            entries = {"labels": ",".join(LABELS), "sample_rate": "8000"}
            torch.export.save(torch.export.export(module, inputs, dynamic_shapes=shapes), path, extra_files=entries)
    return str(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """One network as each kind of file."""
    folder = tmp_path_factory.mktemp("files")
    entries = {"labels": ",".join(LABELS), "sample_rate": "8000"}
    return {
        kind: write(kind, folder / title, network(), extra=entries if kind == "trace" else None)
        for kind, title in TITLES.items()
    }


@pytest.mark.parametrize("kind", TITLES)
def test_a_file_answers_and_is_attacked_as_its_network(files, kind, clips):
    waveforms, lengths, labels = clips
    model = TorchFile().load(files[kind])
    module = External(network(), ExternalSettings(labels=LABELS, sample_rate=8000, seconds=None), "module")
    assert (model.name, model.labels, model.sample_rate) == (TITLES[kind], LABELS, 8000)
    assert model.access == "gradient"
    torch.testing.assert_close(model(waveforms, lengths), module(waveforms, lengths))
    attack = create_attack("pgd", epsilon=0.1, steps=4)
    attacked, expected = (attack(one, waveforms, labels, lengths) for one in (model, module))
    assert (attacked - waveforms).abs().max() > 0.05
    torch.testing.assert_close(attacked, expected)
    assert torch.equal(model(attacked, lengths).argmax(1), module(expected, lengths).argmax(1))


@pytest.mark.parametrize("kind", TITLES)
def test_users_see_no_warnings_of_torch(files, kind, clips):
    with warnings.catch_warnings(action="error"):
        TorchFile().load(files[kind])(*clips[:2])


@pytest.mark.parametrize("kind", ["script", "trace", "program"])
def test_lengths_reach_a_network_that_takes_them(tmp_path, kind, clips):
    model = TorchFile(labels=LABELS).load(write(kind, tmp_path / "model.pt", network(WithLengths)))
    torch.testing.assert_close(model(*clips[:2]), network(WithLengths)(*clips[:2]))


@pytest.mark.parametrize("kind", ["script", "trace"])
def test_the_logits_are_found_among_several_outputs(tmp_path, kind, clips):
    model = TorchFile(labels=LABELS).load(write(kind, tmp_path / "model.pt", network(Pair)))
    torch.testing.assert_close(model(clips[0]), network(Pair)(clips[0])[1])


@pytest.mark.parametrize(
    ("cls", "example", "clip"),
    [
        (Network, (2, 800), lambda module, clips: module(clips)),
        (Channel, (1, 1, 800), lambda module, clips: module(clips[:, None])),
        (OneClip, (800,), lambda module, clips: torch.stack([module(clip) for clip in clips])),
    ],
)
def test_a_program_of_fixed_sizes_takes_any_number_of_clips(tmp_path, cls, example, clip, clips):
    waveforms = clips[0].requires_grad_()
    path = write("program", tmp_path / "fixed.pt2", network(cls), example, extra={})
    model = TorchFile().load(path)
    assert model.trained_length == 800
    expected = clip(network(cls), waveforms[:, :800])
    torch.testing.assert_close(model(waveforms), expected)
    (gradient,) = torch.autograd.grad(model(waveforms).square().sum(), waveforms)
    torch.testing.assert_close(gradient, torch.autograd.grad(expected.square().sum(), waveforms)[0])
    with pytest.raises(
        StaanetError, match=r"fixed\.pt2: expected an input of 800 samples.*got 0\.5 s; leave seconds out"
    ):
        TorchFile(seconds=0.5).load(path)


def test_the_framing_is_that_of_the_settings(files):
    settings = {"seconds": 0.1, "offset": 0.01, "crop": "centre", "fill": "zeros"}
    model = TorchFile(labels={"joy": "happiness"}, sample_rate=16_000, **settings).load(files["script"])
    assert (model.labels, model.sample_rate) == (("anger", "happiness", "neutral"), 16_000)
    long, short = torch.rand(1, 2000), torch.rand(1, 700)
    with torch.no_grad():
        torch.testing.assert_close(model(long), network()(long[:, 160 + 120 : 160 + 120 + 1600]))
        torch.testing.assert_close(model(short), network()(nn.functional.pad(short[:, 160:], (0, 1060))))


def test_an_entry_of_the_file_comes_before_an_attribute(tmp_path):
    path = write("script", tmp_path / "model.pt", network(), extra={"labels": "a, b, c", "sample_rate": "22050"})
    model = TorchFile().load(path)
    assert (model.labels, model.sample_rate) == (("a", "b", "c"), 22_050)
    path = write("script", tmp_path / "model.pt", network(), extra={"sample_rate": "fast"})
    with pytest.raises(
        StaanetError, match=r"model\.pt: expected its entry sample_rate in Hz, such as 16000, got 'fast'"
    ):
        TorchFile().load(path)


def test_other_contents_cause_another_identity(files):
    identities = [TorchFile().identity(path)["file"] for path in files.values()]
    assert len(set(identities)) == len(files)


def test_weights_alone_are_told_without_unpickling(tmp_path):
    path = tmp_path / "weights.pth"
    for weights in (network().state_dict(), {"epoch": 3, "state_dict": network().state_dict()}):
        for zipped in (True, False):
            torch.save(weights, path, _use_new_zipfile_serialization=zipped)
            with pytest.raises(
                StaanetError, match=r"expected a whole model, got weights without their network; give file"
            ):
                TorchFile().check(str(path))
    torch.save(torch.zeros(3), path)
    with pytest.raises(StaanetError, match="expected a whole model, got Tensor"):
        TorchFile().check(str(path))


class Bomb(nn.Module):
    def __setstate__(self, state):
        raise AssertionError


@pytest.mark.parametrize("zipped", [True, False])
def test_checking_a_file_runs_nothing_of_it(tmp_path, zipped):
    path = tmp_path / "bomb.pt"
    torch.save(Bomb(), path, _use_new_zipfile_serialization=zipped)
    TorchFile().check(str(path))
    TorchFile().identity(str(path))
    with pytest.raises(StaanetError, match=r"bomb\.pt: expected a model that torch .* can load, got AssertionError"):
        TorchFile().load(str(path))


def damaged(kind, path):
    if kind == "cut":
        torch.save(network(), path)
        path.write_bytes(path.read_bytes()[:700])
    elif kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("a letter, not a network\n" * 50)
    elif kind == "archive":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("arr_0.npy", b"0")
    elif kind == "pickle":
        path.write_bytes(pickle.dumps(Names))
    elif kind == "folder":
        path.mkdir()
    return str(path)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "expected a file of torch, found none"),
        ("folder", "expected a file of torch, found a folder"),
        ("cut", "got another or a damaged file; give file.py:name"),
        ("empty", "got another or a damaged file; give file.py:name"),
        ("text", "got another or a damaged file; give file.py:name"),
        ("archive", "expected a file of torch, got a zip archive of something else; give file.py:name"),
        ("pickle", "got a pickle of another kind; give file.py:name"),
    ],
)
def test_a_file_of_another_kind_is_told_before_trust_is_asked_for(tmp_path, kind, message):
    path = damaged(kind, tmp_path / "model.pt")
    for use in (TorchFile().check, TorchFile().identity, TorchFile().load):
        with pytest.raises(StaanetError, match=message) as told:
            use(path)
        assert "\n" not in str(told.value)


def test_what_is_no_network_is_refused_in_one_line(tmp_path):
    torch.save(Names(), tmp_path / "names.pt")
    with pytest.raises(StaanetError, match=r"names\.pt: expected a torch\.nn\.Module, got Names; give file\.py:name"):
        TorchFile().load(str(tmp_path / "names.pt"))
    path = write("script", tmp_path / "model.pt", network())
    with pytest.raises(StaanetError, match="expected 3 labels, one for each of anger, joy, neutral, got 2"):
        TorchFile(labels=("a", "b")).load(path)
    with pytest.raises(StaanetError, match=r"model\.pt: expected an answer to clips \[1, 4\], got .*; give seconds"):
        TorchFile().load(path)(torch.zeros(1, 4))
    path = write("trace", tmp_path / "model.pt", network())
    with pytest.raises(StaanetError, match=r"model\.pt: expected the labels of the model, found none"):
        TorchFile().load(path)
    with pytest.raises(StaanetError, match="expected one output for each of the 2 labels a, b, got 3"):
        TorchFile(labels=("a", "b")).load(path)


def test_a_program_that_cannot_serve_is_refused_in_one_line(tmp_path):
    path = write("program", tmp_path / "model.pt2", network().train())
    with pytest.raises(StaanetError, match=r"model\.pt2: expected a program that was exported in eval mode"):
        TorchFile().load(path)
    torch.export.save(torch.export.export(nn.Linear(40, 3), (torch.zeros(1, 40),)), path)
    with pytest.raises(
        StaanetError, match=r"model\.pt2: expected an input of waveforms .*got \[1, 40\], as for features"
    ):
        TorchFile(labels=LABELS).load(path)
    torch.export.save(torch.export.export(nn.Embedding(3, 3), (torch.zeros(1, dtype=torch.int64),)), path)
    with pytest.raises(StaanetError, match=r"expected a program of waveforms.*got inputs torch\.int64 \[1\]"):
        TorchFile(labels=LABELS).load(path)


def test_folders_and_addresses_are_not_files_of_torch(tmp_path):
    assert TorchFile.accepts("a/MODEL.PT2")
    assert not TorchFile.accepts("https://host/model.pt")
    (tmp_path / "model.pt").mkdir()
    assert not TorchFile.accepts(str(tmp_path / "model.pt"))
