"""Experiments with defended models."""

import pytest

import staanet
from every_defence import purifier
from staanet.core.checkpoints import digest
from staanet.core.errors import StaanetError
from staanet.study.loading import load
from staanet.study.verification import verify

EXPERIMENT = """
[corpus]
name = "synthetic"
settings = { speakers = 6, sentences = 1, seconds = [0.5, 0.6] }

[models.plain]
model = "emo18"
seconds = 0.4
training = { epochs = 1, crop = 0.3 }

[models.compressed]
model = "emo18"
seconds = 0.4
defence = { defence = "mp3", kbps = 48 }
base_model = "plain"

[models.hardened]
model = "emo18"
seconds = 0.4
training = { epochs = 1, crop = 0.3 }
defence = "adversarial_training"
base_model = "plain"

[models.both]
model = "emo18"
seconds = 0.4
defence = "rounding"
base_model = "hardened"

[models.distilled]
model = "emo18"
seconds = 0.4
training = { epochs = 1, crop = 0.3 }
defence = { defence = "distillation", temperature = 5.0 }

[attacks.fgsm]
sources = ["plain", "compressed"]
"""


def written(folder, text):
    path = folder / "defended.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defended_victims_are_trained_once_and_attacked_knowingly(tmp_path):
    records = staanet.run(written(tmp_path, EXPERIMENT), out=tmp_path / "run", device="cpu")
    assert {(record.source, record.target, record.defence) for record in records} == {
        (source, target, defence)
        for source in ("plain", "compressed")
        for target, defence in (
            ("plain", None),
            ("compressed", "mp3"),
            ("hardened", "adversarial_training"),
            ("both", "rounding"),
            ("distilled", "distillation"),
        )
    }
    trained = {path.name.split("-")[0] for path in (tmp_path / "run" / "models").iterdir()}
    assert trained == {"plain", "hardened", "distilled"}
    adaptive, blind = (
        next(record for record in records if (record.source, record.target) == (source, "compressed"))
        for source in ("compressed", "plain")
    )
    assert adaptive.signature != blind.signature
    settings = adaptive.settings["target"]
    assert settings["defence"] == {"name": "mp3", "kbps": 48}
    hardened = next(record.settings["target"] for record in records if record.target == "both")
    assert hardened["defence"] == {"name": "rounding", "bits": 16}
    assert hardened["base_model"]["defence"]["name"] == "adversarial_training"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('base_model = "plain"\n', "", "expected the model that mp3 wraps as base_model"),
        (
            'base_model = "plain"\n',
            'base_model = "plane"\n',
            "base_model: expected a model from .*did you mean 'plain'",
        ),
        ('base_model = "plain"\n', 'base_model = "compressed"\n', "compressed -> compressed"),
        ('defence = { defence = "mp3", kbps = 48 }\n', "", "expected a defence together with base_model"),
        ('"mp3"', '"mp4"', "did you mean 'mp3'"),
        ("kbps = 48", "kbps = 8", "kbps in 48..160"),
        ("kbps = 48", "bits = 8", "expected a key from kbps"),
        ('defence = { defence = "mp3", kbps = 48 }', "defence = { kbps = 48 }", "expected the name of a defence"),
        ('seconds = 0.4\ndefence = { defence = "mp3"', 'defence = { defence = "mp3"', "compressed: expected the model"),
        ('defence = "rounding"', 'training = "paper"\ndefence = "rounding"', "no training of its own"),
    ],
)
def test_a_mistake_is_told_before_any_work(tmp_path, old, new, told):
    assert old in EXPERIMENT
    with pytest.raises(StaanetError, match=told):
        load(written(tmp_path, EXPERIMENT.replace(old, new, 1)))


def test_features_behind_a_defence_cannot_be_attacked(tmp_path):
    text = EXPERIMENT.replace("emo18", "cnn_lstm").replace(", crop = 0.3", "")
    text = text.replace("[attacks.fgsm]", '[attacks.fgsm]\ndomain = "feature"')
    with pytest.raises(StaanetError, match="got compressed, whose input mp3 transforms"):
        load(written(tmp_path, text))


def test_a_defence_renames_no_other_model(tmp_path):
    text = EXPERIMENT.split("[models.compressed]")[0] + '[attacks.fgsm]\nsources = ["plain"]\n'
    alone = staanet.run(written(tmp_path, text), out=tmp_path / "run", device="cpu")
    together = staanet.run(written(tmp_path, EXPERIMENT), out=tmp_path / "run", device="cpu")
    (plain,) = (record for record in together if record.source == record.target == "plain")
    assert plain.signature == alone[0].signature


PURIFIED = """
[models.purified]
model = "emo18"
seconds = 0.4
defence = {{ defence = "purifier", checkpoint = "{}" }}
base_model = "plain"

[attacks.fgsm]
sources = ["purified"]
"""


def test_a_purified_model_is_named_by_the_weights_of_its_purifier(tmp_path):
    folder = purifier(tmp_path / "purifier")
    text = EXPERIMENT.split("[models.compressed]")[0] + PURIFIED.format(folder)
    records = staanet.run(written(tmp_path, text), out=tmp_path / "run", device="cpu")
    (record,) = (record for record in records if record.target == "purified")
    assert record.settings["target"]["defence"] == {"name": "purifier", "weights": digest(folder)}
    found = verify(tmp_path / "run")
    assert not found.problems
    assert any("the model purified is not in the folder" in line for line in found.not_checked)


def test_a_defence_that_cannot_take_the_clips_is_told_before_any_work(tmp_path):
    text = EXPERIMENT.split("[models.compressed]")[0] + PURIFIED.format(purifier(tmp_path / "purifier", 8000))
    with pytest.raises(StaanetError, match="expected clips at the purifier's 8000 Hz, got 16000 Hz"):
        load(written(tmp_path, text))
