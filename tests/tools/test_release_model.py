"""The archive of a released model: what may be given away, and that it loads by its name."""

import zipfile

import pytest
import release_model
import torch
from made_up_entries import write

import staanet
from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.models import create_model
from staanet.models.loaders import released
from staanet.models.loaders.base import weights_digest


@pytest.fixture
def made(tmp_path):
    """Return a function that makes a checkpoint and its evaluation."""

    def make(architecture="emo18", dataset="d", **about):
        torch.manual_seed(0)
        model = create_model(architecture, ("anger", "joy"), seconds=0.5).eval()
        checkpoints.save(model, tmp_path / "model", made_from={"dataset": dataset}, hardening={})
        about = {"weights": weights_digest(model), "data": "d"} | about
        write(tmp_path / "run", [7] * 8 + [2] * 8, **about)
        (tmp_path / "run" / "card.md").write_text("---\nmodel-index:\n---\n\n## Robustness\n\nIt is robust.\n")
        return tmp_path / "model", tmp_path / "run"

    return make


def test_the_archive_loads_by_its_name(made, tmp_path, monkeypatch):
    folder, run = made()
    address = (tmp_path / "dist").as_uri()
    archive, entry = release_model.release(folder, run, "small", address, tmp_path / "dist")
    assert entry["licence"] == "CC0-1.0"
    assert entry["summary"] == "emo18 trained on emodb, hardened."
    with zipfile.ZipFile(archive) as opened:
        assert opened.namelist() == list(released.FILES)
        card = opened.read("README.md").decode()
        assert "Burkhardt" in card
        assert "It is robust." in card
        assert "model-index" not in card
        assert "trained on emodb only" in opened.read("LICENSE").decode()
    monkeypatch.setattr(released, "releases", lambda: {"small": released.Release(**entry)})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    clips = torch.rand(2, 8000) - 0.5
    assert torch.equal(staanet.load_model("release:small")(clips), staanet.load_model(folder)(clips))
    again, same = release_model.release(folder, run, "small", address, tmp_path / "again")
    assert same == entry
    assert again.read_bytes() == archive.read_bytes()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"corpus": "ravdess"},
            r"expected a model that was trained on speech under CC0-1.0, got one trained on ravdess",
        ),
        ({"weights": "b" * 64}, "expected the evaluation of .*, got that of other weights"),
        ({"dataset": "e"}, "expected test clips of the dataset that the model was trained on, got another dataset"),
    ],
)
def test_what_may_not_be_given_away_is_refused(made, tmp_path, settings, message):
    folder, run = made(**settings)
    with pytest.raises(StaanetError, match=message):
        release_model.release(folder, run, "small", "https://host", tmp_path / "dist")
    assert not (tmp_path / "dist").exists()


def test_weights_from_elsewhere_are_refused(made, tmp_path):
    folder, run = made()
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"emo18"', '"whisper"'))
    with pytest.raises(
        StaanetError, match=r"expected a model that was trained from scratch .* got whisper, whose first"
    ):
        release_model.release(folder, run, "small", "https://host", tmp_path / "dist")
