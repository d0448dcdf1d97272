"""Experiments with ensembles: several models as one source, by the mean of their logits."""

import json

import pytest
import torch

import staanet
from staanet.core.errors import StaanetError
from staanet.core.run import Run
from staanet.data import Dataset
from staanet.models import load_model
from staanet.study.loading import load
from staanet.study.toy import toy_experiment
from staanet.study.verification import verify

EXPERIMENT = """
sources = ["both"]
targets = ["second", "both"]
split = { folds = 3, run = [0] }

[corpus]
name = "synthetic"
settings = { speakers = 6, sentences = 1, seconds = [0.5, 0.6] }

[models.first]
model = "emo18"
seconds = 0.1
training = { epochs = 1, batch_size = 16 }

[models.second]
model = "zhao19"
seconds = 0.2
training = { epochs = 1, batch_size = 16 }

[models.both]
members = ["first", "second"]

[generators.compact]
generator = "compact"
sizes = { frame = 4, widths = [8, 16], detail = 2 }
training = { epochs = 1 }

[attacks.staa_net]
generator = "compact"

[attacks.fgsm]
[attacks.contrastive]
"""


def written(folder, text):
    path = folder / "ensembles.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ensembles")
    staanet.run(written(folder, EXPERIMENT), out=folder / "run", device="cpu")
    return folder / "run"


def test_the_members_are_trained_once_and_attacked_together(finished):
    records = Run(finished).records
    assert {(record.attack, record.source, record.target) for record in records} == {
        (attack, "both", target) for attack in ("staa_net", "fgsm") for target in ("second", "both")
    }
    assert sorted(path.name.split("-")[0] for path in (finished / "models").iterdir()) == ["first", "second"]
    (generator,) = (finished / "generators").glob("*/config.json")
    source = json.loads(generator.read_text())["made_from"]["source"]
    assert [member["model"] for member in source["mean_logits"]] == ["emo18", "zhao19"]
    assert source["seconds"] == 0.2


def test_what_cannot_use_a_mean_of_logits_is_left_out(finished):
    (sentence,) = Run(finished).layout.left_out
    assert "contrastive on both was left out" in sentence


def test_its_decisions_are_those_of_the_mean_of_the_logits(finished):
    (folder,) = (finished / "datasets").iterdir()
    dataset = Dataset(folder)
    first, second = (load_model(next((finished / "models").glob(f"{name}-*"))) for name in ("first", "second"))
    run = Run(finished)
    (record,) = (one for one in run.records if (one.attack, one.target) == ("fgsm", "both"))
    rows = run.outcomes(record)
    batch = dataset.batch([row["id"] for row in rows])
    with torch.no_grad():
        logits = [model(batch.waveforms, batch.lengths) for model in (first, second)]
    assert [row["predicted_clean"] for row in rows] == ((logits[0] + logits[1]) / 2).argmax(1).tolist()


def test_a_run_with_an_ensemble_can_be_verified(finished):
    found = verify(finished)
    assert (found.problems, found.not_checked) == ([], [])


def test_a_toy_run_keeps_the_members(tmp_path):
    experiment = toy_experiment(load(written(tmp_path, EXPERIMENT))[1], tmp_path)
    assert experiment.models["both"].members == ("first", "second")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('["first", "second"]', '["first"]', "expected two or more different members, got first"),
        ('["first", "second"]', '["first", "first"]', "expected two or more different members"),
        ('["first", "second"]', '["first", "secand"]', "both: members: .*did you mean 'second'"),
        ('["first", "second"]', '["first", "both"]', "expected single models as members, got the ensemble both"),
        ("members =", 'model = "emo18"\nmembers =', "expected either a model or the members of an ensemble"),
        ("members =", "seconds = 1.0\nmembers =", "expected the members of an ensemble only"),
        ('members = ["first", "second"]', "", "got neither; give one of them"),
        (
            'model = "zhao19"',
            'model = "zhao19"\nsettings = { sample_rate = 8000 }',
            "members of one sampling rate, got first for 16000 Hz and second for 8000 Hz",
        ),
        (
            "[models.both]",
            '[models.defended]\nmodel = "emo18"\ndefence = "mp3"\nbase_model = "both"\n\n[models.both]',
            "expected a single model as base_model, got the ensemble both",
        ),
    ],
)
def test_a_mistake_is_told_before_any_work(tmp_path, old, new, told):
    assert old in EXPERIMENT
    with pytest.raises(StaanetError, match=told):
        load(written(tmp_path, EXPERIMENT.replace(old, new, 1)))


def test_members_with_the_classes_of_different_corpora_are_refused(tmp_path):
    corpora = "".join(
        f'[corpora.{name}]\nname = "synthetic"\nsettings = {{ speakers = 6, emotions = {emotions} }}\n'
        for name, emotions in (("one", '["anger", "sadness"]'), ("other", '["anger", "neutral"]'))
    )
    text = EXPERIMENT[EXPERIMENT.index("[models") :]
    for number, corpus in enumerate(("one", "other")):
        model = ("first", "second")[number]
        text = text.replace(f"[models.{model}]", f'[models.{model}]\ncorpus = "{corpus}"')
    with pytest.raises(StaanetError, match="members with the classes of one corpus, got first of one and second of"):
        load(written(tmp_path, f"cross_corpus = false\n{corpora}{text}"))
