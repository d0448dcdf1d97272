"""Models named as `file.py:name` or `package.module:name`."""

import pytest
import torch

import staanet
from staanet.core.errors import StaanetError
from staanet.models import Model

FILE = """
import torch
from neighbour import size

labels = ("ang", "neu")


class Network(torch.nn.Module):
    sample_rate = 8000

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, size)

    def forward(self, clips):
        return self.layer(clips.mean(1, keepdim=True))


def build():
    return Network()


def build_with(width=2, *, deep=False):
    network = Network()
    network.labels = ["happy", "sad"]
    network.seconds = 2.0
    return network


network = Network()


def answer(clips):
    return torch.stack([clips.sum(1), -clips.sum(1)], 1)


def broken():
    raise RuntimeError("no weights\\nsecond line")


class Holder:
    network = network


def needs(width, depth):
    return None


seven = 7
checkpoint = staanet = None


def ours():
    from staanet.models import create_model

    return create_model("emo18", ("a", "b"), seconds=0.5)
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "neighbour.py").write_text("size = 2\n")
    path = tmp_path / "my_network.py"
    path.write_text(FILE)
    return path


@pytest.mark.parametrize("name", ["Network", "build", "build_with", "network", "Holder.network"])
def test_a_module_a_class_and_a_function_that_builds_one_are_models(file, name):
    model = staanet.load_model(f"{file}:{name}")
    assert model.access == "gradient"
    assert (model.sample_rate, model.training) == (8000, False)
    assert model.labels == (("happy", "sad") if name == "build_with" else ("ang", "neu"))
    assert model.trained_length == (16_000 if name == "build_with" else None)


def test_a_function_of_waveforms_is_a_model_at_the_default_rate(file):
    model = staanet.load_model(f"{file}:answer")
    assert model.sample_rate == 16_000
    assert model(torch.ones(1, 3)).tolist() == [[3.0, -3.0]]


def test_a_model_of_this_library_is_returned_as_it_is(file):
    model = staanet.load_model(f"{file}:ours")
    assert isinstance(model, Model)
    assert (model.name, model.labels) == ("emo18", ("a", "b"))


def test_a_module_on_the_path_and_in_the_working_directory_is_imported(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    assert staanet.load_model("my_network:build").labels == ("ang", "neu")


@pytest.mark.parametrize(
    ("settings", "labels"),
    [
        ({"labels": {"ang": "anger"}}, ("anger", "neu")),
        ({"labels": ["neutral", "anger"]}, ("neutral", "anger")),
        ({"labels": {}}, ("ang", "neu")),
    ],
)
def test_labels_are_renamed_by_a_table_or_a_list(file, settings, labels):
    assert staanet.load_model(f"{file}:build", **settings).labels == labels


def test_settings_replace_what_the_model_says(file):
    model = staanet.load_model(f"{file}:build_with", sample_rate=4000, seconds=1.0)
    assert (model.sample_rate, model.trained_length) == (4000, 4000)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("bild", {}, "did you mean 'build'"),
        ("Holder.net", {}, "expected a model from"),
        ("seven", {}, "got int"),
        ("broken", {}, r"my_network.py:broken: expected a model.* got RuntimeError: no weights$"),
        ("needs", {}, "from my_network.py:needs, got NoneType"),
        ("build", {"labels": {"angry": "anger"}}, r"expected labels of the model \(ang, neu\), got angry"),
        ("build", {"labels": {"ang": "neu"}}, "expected two or more different labels"),
        ("build", {"labels": ["a", "b", "c"]}, "expected 2 labels, one for each of ang, neu, got 3"),
        ("build", {"sample_rate": 0}, "expected a sample_rate in Hz"),
        ("build", {"second": 1}, "did you mean 'seconds'"),
        ("build", {"outputs": "classes"}, "outputs"),
    ],
)
def test_mistakes_are_told_in_one_line(file, name, settings, message):
    with pytest.raises(StaanetError, match=message) as caught:
        staanet.load_model(f"{file}:{name}", **settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nosuchpackage", "got ModuleNotFoundError: No module named 'nosuchpackage'"),
        ("def build(:", "got SyntaxError"),
        ("raise SystemExit(3)", "got SystemExit"),
        ("build = None", "got NoneType"),
        ("", "expected a model from"),
        ("def build():\n    return lambda clips: clips[:, :2]", "expected the labels of the model, found none"),
        ("labels = 'anger'\ndef build(clips):\n    return clips[:, :2]", "expected labels as a list of names"),
    ],
)
def test_a_file_that_gives_no_model_is_told_in_one_line(tmp_path, text, message):
    path = tmp_path / "network.py"
    path.write_text(text)
    with pytest.raises(StaanetError, match=message) as caught:
        staanet.load_model(f"{path}:build")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("nothing.py:build", "expected a Python file, found none"),
        ("nosuch_module:build", "expected a Python module that can be imported, found none"),
        ("my_network.py", "expected my_network.py:NAME"),
    ],
)
def test_a_reference_to_nothing_is_told_in_one_line(file, monkeypatch, reference, message):
    monkeypatch.chdir(file.parent)
    with pytest.raises(StaanetError, match=message):
        staanet.load_model(reference)


def test_the_code_does_not_run_without_trust(file, tmp_path):
    file.write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n" + FILE)
    with pytest.raises(StaanetError, match=r"my_network.py:build: expected your permission.*--trust"):
        staanet.load_model(f"{file}:build", trust=False)
    assert not (tmp_path / "ran").exists()
    staanet.load_model(f"{file}:build", trust=True)
    assert (tmp_path / "ran").exists()


def test_two_files_of_one_name_are_two_modules(tmp_path):
    models = []
    for number, place in enumerate(("one", "other")):
        folder = tmp_path / place
        folder.mkdir()
        (folder / "net.py").write_text(
            f"labels = ['a', 'b']\ndef answer(clips):\n    return clips[:, :2] * 0 + {number}\n"
        )
        models.append(staanet.load_model(f"{folder / 'net.py'}:answer"))
    assert [model(torch.ones(1, 4))[0, 0].item() for model in models] == [0.0, 1.0]
