"""What an experiment fills in for the attacks that need more than their table says."""

import pytest
import torch

from staanet.attacks import create_attack
from staanet.core.errors import StaanetError
from staanet.core.records import NO_SOURCE
from staanet.study.artefacts import adversarial
from staanet.study.attack_plans import SPEECH_CLIPS
from staanet.study.loading import load
from staanet.study.study import Study

EXPERIMENT = """
sample_rate = 8000
[corpus]
name = "synthetic"
settings = { speakers = 6, sentences = 1, seconds = [0.5, 0.6] }
[models.a]
model = "emo18"
[attacks.hum]
frequency = 150.0
[attacks.babble]
voices = 3
[attacks.talk]
attack = "babble"
budget = { sparsity = 1.0 }
[attacks.noise]
"""


@pytest.fixture
def experiment(tmp_path):
    def written(text=EXPERIMENT):
        path = tmp_path / "sounds.toml"
        path.write_text(text)
        return load(path)[1]

    return written


def test_sounds_have_the_sampling_rate_of_the_experiment(experiment):
    plans = experiment().attack_plans
    assert plans["hum"].build() == create_attack("hum", frequency=150.0, sample_rate=8000)
    assert plans["babble"].build().sample_rate == 8000
    assert plans["babble"].needs_speech
    assert plans["babble"].model_free
    assert not plans["hum"].needs_speech


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("run")


def babble_of(experiment, out, name="babble"):
    """Return the study of an experiment, its only split, and the adversarial examples of an attack in it."""
    study = Study("sounds", experiment, out, None, torch.device("cpu"))
    (place,) = study.data.corpus_splits()
    return study, place, study.adversarial(study.experiment.attack_plans[name], NO_SOURCE, place)


@pytest.mark.parametrize("most", [5, 1000])
def test_babble_is_mixed_of_training_clips_of_the_fold(most, experiment, out, monkeypatch):
    monkeypatch.setattr(adversarial, "SPEECH_CLIPS", most)
    study, place, examples = babble_of(experiment(), out)
    split, dataset = study.data.split(place), study.data.dataset("synthetic")
    training = [dataset.waveform(clip) for clip in split.train]
    speech = examples.attack.speech
    assert len(speech) == min(most, len(training))
    assert all(any(torch.equal(clip, other) for other in training) for clip in speech)
    again = babble_of(experiment(), out, "talk")[2].attack.speech
    assert all(torch.equal(*pair) for pair in zip(speech, again, strict=True))


def test_the_settings_of_babble_hold_no_samples_and_depend_on_the_split(experiment, out):
    study, place, examples = babble_of(experiment(), out)
    assert examples.settings["attack"]["speech"] == f"up to {SPEECH_CLIPS} training clips"
    assert examples.settings["split"] == study.data.split(place).digest()
    assert examples.signature != babble_of(experiment("seed = 1\n" + EXPERIMENT), out)[2].signature


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ('[attacks.babble]\nspeech = "folder"\n', "attack babble: expected no speech, because an experiment takes"),
        ("[attacks.hum]\nsample_rate = 8000\n", "attack hum: expected no sample_rate, because"),
        ('[attacks.hum]\ndomain = "feature"\n', 'attack hum: expected domain = "waveform" for a sound'),
        ("[attacks.hum]\nfrequency = 4000\n", "half of the sampling rate, 4000 Hz, got 4000"),
        ("[attacks.babble]\nvoices = 0\n", "voices of 1 or more"),
        ("[attacks.pgd]\ntargeted = true\n", "attack pgd: expected no targeted, because the attacks of an experiment"),
        ('[attacks.all]\nattack = "standard"\ntargeted = true\n', "attack all: expected no targeted"),
    ],
)
def test_a_mistake_is_reported_before_any_work(experiment, changed, message):
    with pytest.raises(StaanetError, match=message):
        experiment(EXPERIMENT.split("[attacks")[0] + changed)
