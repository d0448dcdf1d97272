"""The encoder of Whisper in CTranslate2 files."""

import numpy as np
import pytest
import torch

from faster_whisper import content, tiny_encoder, variables_of
from staanet.core.errors import StaanetError
from staanet.core.files import read_json
from staanet.models.whisper.ctranslate2 import content_of, read_encoder
from staanet.tasks.whisper import import_whisper
from tiny import WHISPER


@pytest.fixture(scope="module")
def encoder():
    return tiny_encoder()


@pytest.fixture
def variables(encoder):
    return variables_of(encoder)


@pytest.fixture
def folder(tmp_path):
    def folder(written):
        (tmp_path / "theirs").mkdir(exist_ok=True)
        (tmp_path / "theirs" / "model.bin").write_bytes(written)
        return tmp_path / "theirs"

    return folder


def message(folder):
    with pytest.raises(StaanetError) as caught:
        read_encoder(*reversed(content_of(folder)))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["<f2", "<f4"])
def test_an_imported_encoder_is_the_original(encoder, variables, folder, tmp_path, kind):
    from transformers import AutoFeatureExtractor, WhisperForAudioClassification

    given = {name: value.astype(kind) if value.dtype == "<f2" else value for name, value in variables.items()}
    sizes = import_whisper(folder(content(given)), tmp_path / "mine")
    assert {name: sizes[name] for name in WHISPER} == WHISPER
    assert read_json(tmp_path / "mine" / "imported.json")["model.bin"] == sizes["sha256"]
    imported = WhisperForAudioClassification.from_pretrained(tmp_path / "mine", dtype=torch.float32).encoder
    assert all(torch.equal(value, encoder.state_dict()[name]) for name, value in imported.state_dict().items())
    assert AutoFeatureExtractor.from_pretrained(tmp_path / "mine").feature_size == 80


def test_parts_are_joined(variables, folder, tmp_path):
    whole = folder(content(variables))
    written, parts = (whole / "model.bin").read_bytes(), tmp_path / "parts"
    parts.mkdir()
    for number in range(11):  # so that part10 must not come before part2
        share = written[number * len(written) // 11 : (number + 1) * len(written) // 11]
        (parts / f"model.bin.part{number + 1}").write_bytes(share)
    assert content_of(parts)[1] == written
    (parts / "model.bin.part4").unlink()
    assert "all its parts" in message(parts)


def test_a_folder_without_a_model_is_refused(tmp_path):
    assert "found none" in message(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.999])
def test_a_truncated_file_is_refused(variables, folder, share):
    written = content(variables)
    assert "truncated or damaged" in message(folder(written[: int(share * (len(written) - 4))]))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 3}, "version 6, got version 3"),
        ({"spec": "TransformerSpec"}, "got 'TransformerSpec'"),
    ],
)
def test_other_headers_are_refused(variables, folder, change, words):
    assert words in message(folder(content(variables, **change)))


def test_a_pickle_is_refused(folder, tmp_path):
    torch.save({"weight": torch.zeros(3)}, tmp_path / "pickle")
    assert "another kind of file" in message(folder((tmp_path / "pickle").read_bytes()))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("conv1/weight", None, "found none"),
        ("layer_1/ffn/linear_0/bias", None, "expected this variable"),
        ("layer_1/ffn/linear_1/weight", np.zeros((32, 63), "<f2"), "the shape [32, 64], got [32, 63]"),
        ("layer_0/ffn/linear_1/weight", np.zeros((32, 64), "int8"), "got int8; convert it again"),
        ("layer_0/ffn/linear_1/weight_scale", np.zeros(32, "<f4"), "if the file is quantised, convert it again"),
        ("layer_1/self_attention/linear_0/bias", np.ones(96, "<f2"), "zeros for the keys"),
        ("conv2/bias", np.full(32, np.nan, "<f2"), "finite values"),
        ("num_heads", np.array(5, "<i2"), "a divisor of 32, got 5"),
        ("num_heads", np.array(0, "<i2"), "a divisor of 32, got 0"),
    ],
)
def test_another_encoder_is_refused(variables, folder, name, value, words):
    changed = {**variables, f"encoder/{name}": value}
    given = {name: value for name, value in changed.items() if value is not None}
    assert words in message(folder(content(given)))


def test_sizes_that_contradict_a_shape_are_refused(variables, folder):
    written = content(variables)
    place = written.index(b"conv2/bias") + len(b"conv2/bias\0") + 1
    assert "bytes for encoder/conv2/bias" in message(folder(written[:place] + b"\x21" + written[place + 1 :]))


def test_files_of_others_are_not_replaced(variables, folder, tmp_path):
    given = folder(content(variables))
    with pytest.raises(StaanetError, match="got other files"):
        import_whisper(given, given)
    import_whisper(given, tmp_path / "mine")
    import_whisper(given, tmp_path / "mine")  # which this library wrote
