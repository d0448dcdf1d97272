import numpy as np
import pytest
import torch

from staanet.core.errors import StaanetError
from staanet.core.inputs import as_labels, as_waveforms, check_classes

CPU = torch.device("cpu")
CLIPS = [[0.5, -0.5], [0.25, 0.0]]


@pytest.mark.parametrize(
    "waveforms",
    [
        CLIPS,
        np.array(CLIPS),
        np.array(CLIPS, dtype=np.float32)[:, ::-1][:, ::-1],
        torch.tensor(CLIPS).half(),
        torch.tensor(CLIPS).bfloat16(),
        torch.tensor(CLIPS).double(),
        [torch.tensor(clip) for clip in CLIPS],
    ],
    ids=["lists", "float64-array", "strided", "half", "bfloat16", "double", "tensors"],
)
def test_clips_of_any_kind_become_float32_waveforms(waveforms):
    clips, lengths = as_waveforms(waveforms, np.array([2, 1], dtype=np.uint8))
    assert clips.dtype == torch.float32
    assert clips.tolist() == CLIPS
    assert lengths.tolist() == [2, 1]


def test_clips_made_in_inference_mode_can_carry_gradients():
    with torch.inference_mode():
        made = torch.tensor(CLIPS)
    assert as_waveforms(made)[0].requires_grad_().requires_grad


@pytest.mark.parametrize(
    ("waveforms", "words"),
    [
        ([[0.5], [0.5, 0.1]], "pad clips of different lengths"),
        (["a.wav", "b.wav"], "expected waveforms"),
        ([[1, 2]], "floating-point"),
        (np.zeros((1, 2), dtype=np.int16), "divide integers by their range"),
        ([[0.1, float("nan")]], "finite"),
        (np.full((1, 2), 1e300), "finite"),
    ],
)
def test_other_clips_are_refused_in_a_sentence(waveforms, words):
    with pytest.raises(StaanetError, match=words):
        as_waveforms(waveforms)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64", "bool"])
def test_labels_of_any_integer_type_become_int64(dtype):
    for labels in (torch.tensor([1, 0]).to(getattr(torch, dtype)), np.array([1, 0]).astype(dtype)):
        converted = as_labels(labels, 2, CPU)
        assert converted.dtype == torch.int64
        assert converted.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([0.0, 1.0], "convert them to integers"),
        (["anger", "joy"], "integer labels"),
        ([0], r"integer labels \[2\], got \[1\]"),
        ([[1, 0], [0, 1]], "one number per clip"),
        (None, "integer labels"),
    ],
)
def test_other_labels_are_refused_in_a_sentence(labels, words):
    with pytest.raises(StaanetError, match=words):
        as_labels(labels, 2, CPU)


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0]])
def test_labels_of_another_model_are_refused(labels):
    with pytest.raises(StaanetError, match=r"labels in 0\.\.2, .* belong to this model"):
        check_classes(torch.tensor(labels), 3)


def test_a_model_with_one_output_is_no_classifier():
    with pytest.raises(StaanetError, match="two or more classes"):
        check_classes(torch.tensor([0]), 1)
