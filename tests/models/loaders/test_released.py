"""Released models: found by name, compared with their hash, and never read before."""

import hashlib
import shutil
import zipfile

import pytest
import torch

import staanet
from staanet.assessment.clips import provenance_of
from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.models import create_model, loader_of
from staanet.models.loaders import released


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """Return an archive that is released as `small`, with its model, and a cache that is empty."""
    torch.manual_seed(0)
    model = create_model("emo18", ("anger", "fear"), seconds=0.5)
    checkpoints.save(model, tmp_path / "made", made_from={"dataset": "d"}, split={"test": []})
    path = tmp_path / "server" / "staanet-small.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as opened:
        for name in ("config.json", "model.safetensors"):
            opened.write(tmp_path / "made" / name, name)
        opened.writestr("README.md", "card")
        opened.writestr("LICENSE", "licence")
        opened.writestr("../escaped.txt", "escaped")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    entry = released.Release(path.as_uri(), digest, path.stat().st_size, "CC0-1.0", "A small model.")
    monkeypatch.setattr(released, "releases", lambda: {"small": entry})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("STAANET_CHECKPOINTS", raising=False)
    return path, model


def test_a_released_model_is_downloaded_once_and_loaded_by_name(archive, tmp_path):
    path, model = archive
    clips = torch.rand(2, 8000) - 0.5
    loaded = staanet.load_model("release:small")
    assert torch.equal(loaded(clips), model.eval()(clips))
    folder = released.folder_of("release:small")
    assert sorted(file.name for file in folder.iterdir()) == sorted([*released.FILES, "checksums.jsonl"])
    assert not list(tmp_path.rglob("escaped.txt"))
    assert provenance_of("release:small")["made_from"] == {"dataset": "d"}
    path.unlink()
    assert staanet.load_model("release:small", labels={"fear": "afraid"}).labels == ("anger", "afraid")
    assert loader_of("release:small").identity("release:small") == {"archive": released.releases()["small"].sha256}


def test_an_archive_of_the_user_is_used_instead(archive, tmp_path, monkeypatch):
    path, _ = archive
    (tmp_path / "own").mkdir()
    shutil.move(path, tmp_path / "own")
    monkeypatch.setenv("STAANET_CHECKPOINTS", str(tmp_path / "own"))
    assert staanet.load_model("release:small").labels == ("anger", "fear")


@pytest.mark.parametrize("change", [lambda content: content + b"x", lambda content: b"y" + content[1:], lambda _: b""])
def test_another_archive_is_refused_and_nothing_of_it_remains(archive, tmp_path, change):
    path, _ = archive
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(StaanetError, match=r"^staanet-small.zip: expected the released archive with the hash"):
        staanet.load_model("release:small")
    assert list((tmp_path / "cache" / "staanet" / "releases").iterdir()) == []


def test_what_cannot_be_had_is_told_with_what_to_do(archive):
    path, _ = archive
    path.unlink()
    with pytest.raises(StaanetError, match=r"^staanet-small.zip: expected it at .*; download it on a machine with a"):
        staanet.load_model("release:small")
    with pytest.raises(StaanetError, match="expected a released model from small; got 'smal'; did you mean 'small'"):
        staanet.load_model("release:smal")


@pytest.mark.usefixtures("archive")
def test_changed_files_in_the_cache_are_refused():
    staanet.load_model("release:small")
    weights = released.folder_of("release:small") / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    with pytest.raises(StaanetError, match="it was changed or damaged"):
        staanet.load_model("release:small")


def test_every_release_is_complete():
    for name, release in released.releases().items():
        assert release.url.startswith("https://")
        assert len(release.sha256) == 64
        assert release.licence
        assert release.summary.endswith(".")
        assert name == name.lower()
