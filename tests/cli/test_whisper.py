"""`staanet import whisper`: from a folder of faster-whisper to a checkpoint that a model is trained on."""

import pytest

from faster_whisper import content, tiny_encoder, variables_of


@pytest.fixture
def theirs(tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "model.bin").write_bytes(content(variables_of(tiny_encoder())))
    return tmp_path / "theirs"


def test_an_imported_encoder_becomes_a_trained_model(staanet, theirs, tmp_path, dataset):
    mine = tmp_path / "mine"
    status, out, err = staanet("import", "whisper", theirs, "--out", mine)
    assert (status, err) == (0, "")
    assert out.startswith(f"{mine}: encoder of Whisper, 2 layers of 32, 80 mel bands; SHA-256 of model.bin ")
    given = ("--dataset", dataset, "--checkpoint", mine, "--out", tmp_path / "model", "--set", "epochs=1")
    status, out, err = staanet("train", "whisper", *given)
    assert status == 0
    assert "whisper, validation UAR" in out


@pytest.mark.parametrize("damage", ["truncated", "missing"])
def test_a_file_that_cannot_be_read_is_one_line(staanet, theirs, tmp_path, damage):
    content = (theirs / "model.bin").read_bytes()
    (theirs / "model.bin").unlink()
    if damage == "truncated":
        (theirs / "model.bin").write_bytes(content[:5_000])
    status, out, err = staanet("import", "whisper", theirs, "--out", tmp_path / "mine")
    assert (status, out) == (2, "")
    assert err.startswith(f"staanet: {theirs}")
    assert err.count("\n") == 1
    assert not (tmp_path / "mine").exists()
