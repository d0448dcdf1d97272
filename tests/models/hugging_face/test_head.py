"""The head of a checkpoint: a trained one that decides between its labels, or an error."""

import warnings

import pytest
import torch
from safetensors.torch import load_file, save_file

from staanet.core import checkpoints
from staanet.core.errors import StaanetError, StaanetWarning
from staanet.core.files import read_json, write_json
from staanet.models import create_model, load_model
from staanet.models.hugging_face.head import read_labels
from staanet.models.wrappers import LabelView
from tiny import hugging_face

EMOTIONS = {"0": "anger", "1": "joy", "2": "sad"}
DEFAULT = {"LABEL_0": 0, "LABEL_1": 1, "LABEL_2": 2}


def change_config(folder, **changes):
    write_json(folder / "config.json", {**read_json(folder / "config.json"), **changes})


def change_weights(folder, change):
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


@pytest.mark.parametrize(
    ("config", "labels"),
    [
        ({"id2label": EMOTIONS}, ("anger", "joy", "sad")),
        ({"id2label": {"2": "sad", "0": "anger", "1": "joy"}}, ("anger", "joy", "sad")),
        ({"id2label": EMOTIONS, "label2id": {"sad": 2, "anger": 0, "joy": 1}}, ("anger", "joy", "sad")),
        ({"id2label": EMOTIONS, "label2id": {"sad": "2", "anger": "0", "joy": "1"}}, ("anger", "joy", "sad")),
        ({"id2label": EMOTIONS, "label2id": DEFAULT}, ("anger", "joy", "sad")),
        ({"id2label": EMOTIONS, "num_labels": 3}, ("anger", "joy", "sad")),
        ({"id2label": EMOTIONS, "problem_type": "single_label_classification"}, ("anger", "joy", "sad")),
        ({"id2label": {"0": "high arousal", "1": "low arousal"}}, ("high arousal", "low arousal")),
        ({}, ("LABEL_0", "LABEL_1")),
        ({"num_labels": 3, "label2id": DEFAULT}, ("LABEL_0", "LABEL_1", "LABEL_2")),
    ],
    ids=str,
)
def test_labels_are_read_in_the_order_of_the_logits(config, labels):
    assert read_labels(config, "config.json") == labels


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"id2label": {"1": "anger", "2": "joy", "3": "sad"}}, "id2label with the numbers 0, 1, 2 .* got 1, 2, 3"),
        ({"id2label": {"0": "anger", "1": "joy", "3": "sad"}}, "id2label with the numbers 0, 1, 2 .* got 0, 1, 3"),
        ({"id2label": {"0": "anger", "00": "joy"}}, "id2label with the numbers 0, 1 .* got 0, 00"),
        ({"id2label": {"anger": "0", "joy": "1"}}, "id2label with the numbers 0, 1 .* got anger, joy"),
        ({"id2label": ["anger", "joy"]}, "id2label as a table of names"),
        ({"id2label": {}}, "id2label as a table of names"),
        ({"id2label": {"0": 0, "1": 1}}, "id2label as a table of names"),
        ({"id2label": {"0": "anger", "1": None}}, "id2label as a table of names"),
        (
            {"id2label": {"0": "anger", "1": "joy", "2": "anger"}},
            "id2label with labels that differ in more than capital letters",
        ),
        (
            {"id2label": {"0": "anger", "1": "Anger"}},
            "id2label with labels .* capital letters, got anger, Anger; rename them",
        ),
        ({"id2label": {"0": "anger", "1": "anger "}}, "id2label with labels that differ in more than capital letters"),
        ({"id2label": {"0": "anger", "1": " "}}, "id2label with labels that differ in more than capital letters"),
        (
            {"id2label": EMOTIONS, "label2id": {"anger": 1, "joy": 0, "sad": 2}},
            "label2id to be the inverse of id2label, got anger = 1 in label2id and 0 in id2label",
        ),
        (
            {"id2label": EMOTIONS, "label2id": {"anger": 0, "joy": 1}},
            "label2id to be the inverse of id2label, got sad = None in label2id and 2 in id2label",
        ),
        (
            {"id2label": EMOTIONS, "label2id": {"anger": 0, "joy": 1, "sad": 2, "fear": 3}},
            "label2id to be the inverse of id2label, got fear = 3 in label2id and None in id2label",
        ),
        (
            {"num_labels": 3, "label2id": {"anger": 0, "joy": 1, "sad": 2}},
            "label2id to be the inverse of id2label, got LABEL_0 = None in label2id and 0 in id2label",
        ),
        ({"id2label": EMOTIONS, "label2id": ["anger"]}, "label2id as a table of numbers"),
        ({"id2label": EMOTIONS, "num_labels": 5}, "num_labels = 3, the number of labels in id2label, got 5"),
        ({"num_labels": "five"}, "num_labels as an integer, got 'five'"),
    ],
    ids=str,
)
def test_labels_without_a_clear_order_raise(config, message):
    with pytest.raises(StaanetError, match=f"^config.json: expected {message}"):
        read_labels(config, "config.json")


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"id2label": EMOTIONS, "problem_type": "regression"}, "a regression head"),
        ({"id2label": {"0": "arousal", "1": "dominance", "2": "valence"}}, "a regression head"),
        ({"id2label": {"0": "Valence", "1": "Activation"}}, "a regression head"),
        ({"id2label": {"0": "anger"}}, "a regression head"),
        ({"num_labels": 1}, "a regression head"),
        ({"id2label": EMOTIONS, "problem_type": "multi_label_classification"}, "a multi-label head"),
        ({"id2label": EMOTIONS, "problem_type": "ranking"}, "a head for 'ranking'"),
    ],
    ids=str,
)
def test_a_head_whose_largest_output_is_no_decision_raises(config, kind):
    advice = (
        r"load it by load_model with its dimensions = \[.*\], or fine-tune" if "regression" in kind else "fine-tune"
    )
    expected = rf"expected a head that decides between labels, got {kind} \(.*largest output is no decision; {advice}"
    with pytest.raises(StaanetError, match=expected):
        read_labels(config, "config.json")


@pytest.mark.parametrize(
    "changes",
    [
        {"id2label": {"1": "a", "2": "b", "3": "c"}},
        {"id2label": ["a", "b", "c"]},
        {"label2id": {"a": 1, "b": 0, "c": 2}},
        {"problem_type": "regression"},
        {"problem_type": "multi_label_classification"},
    ],
    ids=str,
)
def test_loading_a_checkpoint_checks_its_labels(damaged, error_of, changes):
    change_config(damaged, **changes)
    assert f"{damaged}: config.json: expected " in error_of(load_model, damaged)


def test_a_checkpoint_that_does_not_decide_may_be_fine_tuned(damaged):
    change_config(damaged, problem_type="regression")
    with pytest.warns(StaanetWarning, match="expected a head for a, b, c, found none that decides between labels"):
        model = create_model("hugging_face", ("a", "b", "c"), checkpoint=str(damaged))
    assert model.settings.architecture["problem_type"] is None
    kept = load_file(damaged / "model.safetensors")["classifier.weight"]
    assert not torch.equal(model.network.classifier.weight, kept)


def test_a_head_that_fits_is_kept_without_a_warning(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = create_model("hugging_face", ("a", "b", "c"), checkpoint=str(folder))
    kept = load_file(folder / "model.safetensors")["classifier.weight"]
    assert torch.equal(model.network.classifier.weight, kept)


@pytest.mark.parametrize("labels", [("b", "a", "c"), ("x", "y", "z"), ("a", "b")])
def test_a_head_for_other_labels_is_initialised_anew_with_a_warning(folder, labels):
    with pytest.warns(StaanetWarning, match=f"head for {', '.join(labels)}, found one for a, b, c; a new one decides"):
        model = create_model("hugging_face", labels, checkpoint=str(folder))
    kept = load_file(folder / "model.safetensors")["classifier.weight"]
    assert model.labels == labels
    assert model.network.classifier.weight.shape[0] == len(labels)
    assert not torch.equal(model.network.classifier.weight, kept)
    assert model.network.classifier.weight.std() < 0.05


def test_a_checkpoint_without_a_head_may_only_be_fine_tuned(tmp_path, error_of):
    hugging_face(tmp_path, head=False)
    message = error_of(load_model, tmp_path)
    assert "expected trained weights of a head, found none for classifier.bias, classifier.weight, proj" in message
    assert "fine-tune it with a new head first" in message
    with pytest.warns(StaanetWarning, match="expected a head for a, b, c, found none; a new one decides at random"):
        create_model("hugging_face", ("a", "b", "c"), checkpoint=str(tmp_path))


def test_a_head_of_other_layers_raises(damaged, error_of):
    def rename(weights):
        weights["classifier.dense.weight"] = weights.pop("classifier.weight")

    change_weights(damaged, rename)
    message = error_of(load_model, damaged)
    assert "found none for classifier.weight but classifier.dense.weight, which Wav2Vec2ForSequence" in message


def test_a_head_of_another_class_raises(damaged, error_of):
    change_config(damaged, architectures=["Wav2Vec2ForSpeechClassification"])
    message = error_of(load_model, damaged)
    assert "expected a head of Wav2Vec2ForSequenceClassification, found one of Wav2Vec2ForSpeechClass" in message
    change_config(damaged, architectures=None)
    assert load_model(damaged).labels == ("a", "b", "c")


def test_a_head_of_another_size_raises(damaged, error_of):
    change_weights(damaged, lambda weights: weights.update({"classifier.weight": torch.zeros(4, 16)}))
    message = error_of(load_model, damaged)
    assert "expected classifier.weight of shape [3, 16] for 3 labels, found [4, 16]" in message


def test_labels_without_names_are_used_with_a_warning(tmp_path):
    hugging_face(tmp_path, labels=("LABEL_0", "LABEL_1", "LABEL_2"))
    with pytest.warns(StaanetWarning, match="names of the emotions in id2label of config.json, found LABEL_0, LABEL_1"):
        assert load_model(tmp_path).labels == ("LABEL_0", "LABEL_1", "LABEL_2")


def test_a_saved_model_has_as_many_logits_as_labels(folder, tmp_path):
    model = load_model(folder)
    architecture = {**model.settings.architecture, "id2label": {"0": "x", "1": "y"}}
    built = create_model("hugging_face", ("a", "b", "c"), architecture=architecture)
    assert built(torch.rand(1, 900)).shape == (1, 3)
    checkpoints.save(built, tmp_path / "model")
    assert load_model(tmp_path / "model").labels == ("a", "b", "c")


@torch.no_grad()
def test_a_view_keeps_the_logits_of_its_labels_by_name(folder, clips):
    waveforms, lengths, _ = clips
    model = load_model(folder)
    assert torch.equal(LabelView(model, ("c", "a"))(waveforms, lengths), model(waveforms, lengths)[:, [2, 0]])
