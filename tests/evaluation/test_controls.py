import pytest

from staanet.core.signature import to_jsonable
from staanet.evaluation.controls import trained_with_control
from staanet.training.settings import MODEL_PRESETS

QUIET, NOISY = {"augmentation": {"noise": 0.0}}, {"augmentation": {"noise": 0.7}}


@pytest.mark.parametrize(("preset", "with_noise"), [("default", True), ("paper", False), ("fine_tune", False)])
def test_presets_from_papers_do_not_have_the_noise_of_the_control(preset, with_noise):
    training = to_jsonable(MODEL_PRESETS[preset])
    assert trained_with_control({"target": {"model": "emo18", "training": training}}) == with_noise


@pytest.mark.parametrize(
    ("target", "with_noise"),
    [
        ({"model": "wav2vec2"}, False),  # a checkpoint that was not trained here
        ({"training": NOISY, "defence": {"name": "mp3", "bitrate": 64}}, True),
        ({"training": QUIET, "defence": {"name": "noise", "snr_db": 20.0}}, False),  # a defence of the input
        ({"training": QUIET, "defence": {"name": "adversarial_training", "attack": {"attack": "noise"}}}, True),
        ({"training": QUIET, "defence": {"name": "adversarial_training", "attack": {"attack": "fgsm"}}}, False),
        ({"training": QUIET, "defence": {"name": "distillation"}, "base_model": {"training": NOISY}}, True),
        ({"training": QUIET, "base_model": {"training": QUIET}}, False),
    ],
)
def test_defences_and_base_models_count(target, with_noise):
    assert trained_with_control({"target": target, "attack": {"name": "fgsm"}}) == with_noise


@pytest.mark.parametrize(
    ("trained_on", "attacked", "with_noise"), [("feature", "feature", True), ("feature", "waveform", False)]
)
def test_noise_in_features_is_not_noise_in_waveforms(trained_on, attacked, with_noise):
    defence = {"name": "adversarial_training", "attack": {"attack": "noise"}, "domain": trained_on}
    domain = {"domain": "feature"} if attacked == "feature" else {}
    assert trained_with_control({"target": {"training": QUIET, "defence": defence}, **domain}) == with_noise
    assert not trained_with_control({"target": {"training": NOISY}, "domain": "feature"})


def test_an_imported_model_has_a_hash_in_the_place_of_settings():
    assert not trained_with_control({"target": "0123456789"})


def test_a_worst_case_names_no_target():
    assert not trained_with_control({"worst": {"standard.apgd": "0123456789"}})
