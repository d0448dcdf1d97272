"""Experiments take models of emotions only: one line before any work says what to use for a model of dimensions."""

import pytest

from rated import NET
from staanet.core.errors import StaanetError
from staanet.study import load

EXPERIMENT = """
[corpus]
name = "synthetic"

[models.mine]
{model}

[attacks.fgsm]
{attack}
"""

OURS = 'model = "zhao19"'


@pytest.mark.parametrize(
    ("model", "attack", "message"),
    [
        ('model = "NET:build"\nsettings = { dimensions = ["arousal", "valence"] }', "", "decides between emotions"),
        ('model = "emo18"\nsettings = { dimensions = ["arousal"] }', "", "decides between emotions"),
        (OURS, 'dimension = "arousal"', "attack fgsm: expected no dimension"),
        (OURS, "distance = 0.2", "attack fgsm: expected no distance"),
        (OURS, 'direction = "up"', "attack fgsm: expected no direction"),
    ],
)
def test_models_and_goals_of_dimensions_are_refused(tmp_path, model, attack, message):
    (tmp_path / "net.py").write_text(NET)
    path = tmp_path / "rated.toml"
    path.write_text(EXPERIMENT.format(model=model.replace("NET", str(tmp_path / "net.py")), attack=attack))
    with pytest.raises(StaanetError, match=message) as caught:
        load(path)
    assert "staanet evaluate" in str(caught.value)
    assert "staanet attack" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_same_experiment_without_them_is_accepted(tmp_path):
    path = tmp_path / "emotions.toml"
    path.write_text(EXPERIMENT.format(model=OURS, attack=""))
    assert list(load(path)[1].models) == ["mine"]
