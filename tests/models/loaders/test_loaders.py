"""The registry of loaders: references, trust, and loaders of other packages."""

import importlib.util
import sys
from importlib.metadata import EntryPoint

import pytest
import torch

import staanet
from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.models import LOADERS, create_model, load_model, loader_of, loaders
from staanet.models.external import External, ExternalSettings
from staanet.models.loaders import ExternalLoader, Loader


class Loud(ExternalLoader):
    """A loader of another package."""

    name = "loud"
    form = "loud://..."

    @classmethod
    def accepts(cls, reference):
        return reference.startswith("loud://")

    def load(self, reference):
        settings = ExternalSettings(labels=("quiet", "loud"), sample_rate=self.sample_rate or 8000)
        return External(lambda clips: clips[:, :2], settings, self.title(reference))

    def identity(self, reference):
        return {"name": self.title(reference)}


@pytest.mark.parametrize("loader", LOADERS.values(), ids=str)
def test_every_loader_says_how_its_references_look(loader):
    assert loader.form
    assert loader.__doc__.strip().splitlines()[0].endswith(".")
    assert not loader.accepts("just_a_name")


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("net.py:build", "python"),
        ("net.py", "python"),
        ("package.module:name", "python"),
        ("facebook/wav2vec2-base", "hugging_face"),
        ("facebook/wav2vec2-base@main", "hugging_face"),
        ("http://127.0.0.1:8000/predict", "http"),
        ("https://example.org", "http"),
        ("folder/model.onnx", "onnx"),
        ("model.pt", "torch"),
    ],
)
def test_a_reference_is_recognised_by_its_form(reference, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert loader_of(reference).name == name


def test_a_folder_is_one_of_this_library_unless_it_is_one_of_hugging_face(tmp_path):
    model = create_model("emo18", ("anger", "fear"), seconds=0.5)
    checkpoints.save(model, tmp_path / "emo18")
    assert loader_of(tmp_path / "emo18").name == "checkpoint"
    renamed = load_model(tmp_path / "emo18", labels={"fear": "afraid"})
    assert renamed.labels == ("anger", "afraid")
    clips = torch.rand(2, 8000) - 0.5
    assert torch.equal(renamed(clips), model(clips))
    assert loader_of(tmp_path / "emo18").identity(str(tmp_path / "emo18")) == {
        "weights": checkpoints.digest(tmp_path / "emo18")
    }


@pytest.mark.parametrize("reference", ["nothing", "no/such/folder", "./owner/name", "readme.txt", ""])
def test_what_is_no_model_is_refused_with_all_forms(reference, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "readme.txt").write_text("text")
    with pytest.raises(StaanetError, match=r"expected a model \(.*file.py:name.*found") as caught:
        staanet.load_model(reference)
    assert ("another kind" in str(caught.value)) == (reference == "readme.txt")


def test_a_missing_folder_inside_an_existing_one_is_not_taken_for_an_id_of_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    with pytest.raises(StaanetError, match="found no such file or folder"):
        staanet.load_model("models/emo18")


@pytest.mark.parametrize("reference", ["owner/name", "model.onnx", "http://127.0.0.1:1/model"])
def test_a_package_that_is_not_installed_is_named_with_its_extra(reference, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"x")
    for package in ("transformers", "huggingface_hub", "onnx", "onnxruntime", "requests", "urllib3"):
        monkeypatch.setitem(sys.modules, package, None)
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "transformers" else find(name))
    with pytest.raises(StaanetError, match=r"expected the package .*, found none; install staanet\["):
        load_model(reference)


@pytest.fixture
def points(monkeypatch):
    def points(value):
        point = EntryPoint("loud", value, "staanet.model_loaders")
        monkeypatch.setattr(loaders, "entry_points", lambda group: [point] if group == loaders.GROUP else [])
        return loaders._registry()

    return points


def test_another_package_adds_a_loader_by_an_entry_point(points, monkeypatch):
    registry = points(f"{__name__}:Loud")
    monkeypatch.setattr(loaders, "LOADERS", registry)
    assert load_model("loud://a", sample_rate=4000).sample_rate == 4000


@pytest.mark.parametrize("value", ["nosuch:Loud", "pathlib:Path", f"{__name__}:pytest"])
def test_an_entry_point_that_is_no_loader_is_told_with_its_name(points, value):
    with pytest.raises(StaanetError, match=f"^{value}: expected a"):
        points(value)


@pytest.mark.parametrize(("reference", "title"), [("models/emo18/", "emo18"), ("models/emo18", "emo18")])
def test_a_model_has_its_name_however_its_path_ends(reference, title):
    assert Loader.title(reference) == title


def test_a_model_in_the_working_directory_has_the_name_of_that(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert {Loader.title(reference) for reference in (".", "./")} == {tmp_path.name}
