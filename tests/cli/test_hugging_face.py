"""Checkpoints of Hugging Face on the command line: attacked, fine-tuned, or refused in one line."""

import pytest
from safetensors.torch import load_file, save_file

from staanet.core.files import read_json, write_json
from tiny import hugging_face

SIZES = {"conv_kernel": (40, 16), "conv_stride": (20, 8)}
REGRESSION = {"labels": ("arousal", "dominance", "valence"), "problem_type": "regression"}


def attack(folder, clips, out):
    return "attack", "noise", clips / "one.wav", out / "adversarial.wav", "--source", folder


def fit(folder, dataset, out):
    place = out / "generator"
    return "fit", "compact", "--source", folder, "--dataset", dataset, "--out", place, "--set", "epochs=1"


def without_head(folder):
    hugging_face(folder, head=False, **SIZES)


def numbered_from_one(folder):
    hugging_face(folder, **SIZES)
    config = read_json(folder / "config.json")
    write_json(folder / "config.json", {**config, "id2label": {"1": "a", "2": "b", "3": "c"}})


def of_another_size(folder):
    hugging_face(folder, **SIZES)
    weights = load_file(folder / "model.safetensors")
    save_file(
        {**weights, "classifier.bias": weights["classifier.bias"][:2]}, folder / "model.safetensors", {"format": "pt"}
    )


def of_text(folder):
    folder.mkdir()
    write_json(folder / "config.json", {"model_type": "bert"})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (without_head, "expected trained weights of a head, found none"),
        (numbered_from_one, "expected id2label with the numbers 0, 1, 2 of the 3 outputs, got 1, 2, 3"),
        (of_another_size, "expected classifier.bias of shape [3] for 3 labels, found [2]"),
        (of_text, "expected the model_type of an audio classifier"),
        (lambda folder: hugging_face(folder, **REGRESSION, **SIZES), "got a regression head"),
        (
            lambda folder: hugging_face(folder, problem_type="multi_label_classification", **SIZES),
            "got a multi-label head",
        ),
    ],
    ids=["without a head", "from one", "another size", "text", "regression", "multi-label"],
)
def test_a_checkpoint_that_does_not_decide_is_refused_in_one_line(staanet, tmp_path, clips, dataset, make, message):
    folder = tmp_path / "checkpoint"
    make(folder)
    for command in (attack(folder, clips, tmp_path), fit(folder, dataset, tmp_path)):
        status, out, err = staanet(*command)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert err.startswith(f"staanet: {folder}: ")
        assert message in err
    assert not (tmp_path / "adversarial.wav").exists()


def test_a_regression_checkpoint_is_fine_tuned_and_then_attacked(staanet, tmp_path, clips, dataset):
    folder = hugging_face(tmp_path / "checkpoint", **REGRESSION, **SIZES)
    tuned = tmp_path / "tuned"
    status, _, err = staanet(
        *("train", "hugging_face", "--dataset", dataset, "--checkpoint", folder, "--out", tuned),
        *("--set", "epochs=1"),
    )
    assert status == 0, err
    assert "found none that decides between labels; a new one decides at random until it is fine-tuned" in err
    status, out, _ = staanet(*attack(tuned, clips, tmp_path))
    assert status == 0
    assert "1 fooled" in out or "0 of 1 fooled" in out


def test_a_generator_needs_no_labels_of_the_dataset(staanet, tmp_path, dataset):
    folder = hugging_face(tmp_path / "checkpoint", labels=("x", "y"), **SIZES)
    status, _, err = staanet(*fit(folder, dataset, tmp_path))
    assert status == 0, err
