"""An input defence under attackers who do not know it, who know it, and who learn it."""

import json

import numpy as np
import pytest
import torch
from tests.assessment.conftest import SAMPLES

import staanet
from every_defence import purifier
from staanet.assessment.defended import Attackers, divided
from staanet.assessment.defended.draws import MOST_DRAWS, until_settled
from staanet.assessment.defended.figures import worst
from staanet.cli import app
from staanet.core.budget import Budget
from staanet.core.checkpoints import digest
from staanet.core.errors import StaanetError
from staanet.core.files import read_json
from staanet.corpora import Folder
from staanet.data import prepare
from staanet.defences import create_defence
from staanet.models import load_model

TINY = {"frame": 4, "widths": (8, 16), "detail": 2}
FILTER = {"defence": "smoothing_filter", "width": 3}
EPSILON_DB = 60.0
QUICK = Attackers(Budget(snr_db=EPSILON_DB), 20, 0)


class Clip:
    def __init__(self, label, speaker):
        self.label, self.speaker = label, speaker


@pytest.fixture
def assess(model, recordings, tmp_path):
    def run(defence=FILTER, name="decide", attackers=QUICK, **settings):
        reference = f"{model}:{name}"
        return staanet.assess_defence(
            reference, recordings, defence, tmp_path / "out", attackers=attackers, clips=None, **settings
        )

    return run


def test_the_adaptive_attacker_is_as_strong_as_the_gradient_allows(assess, model, recordings, tmp_path):
    """The defended model is linear, so which clips can be fooled is known: the attack finds all, the oblivious few."""
    found = assess()
    dataset = prepare(Folder(), recordings, tmp_path / "data-again", 16_000, to_train=False)
    ids, _ = divided(dataset, None)
    plain, defence = load_model(f"{model}:decide", trust=True), create_defence("smoothing_filter", width=3)
    robust = []
    for clip in ids:
        samples = dataset.waveform(clip)[None].requires_grad_()
        logits = plain(defence(samples, torch.tensor([SAMPLES]), 16_000), torch.tensor([SAMPLES]))[0]
        lead = logits[dataset.label(clip)] - logits[1 - dataset.label(clip)]
        (gradient,) = torch.autograd.grad(lead, samples)
        epsilon = float(samples.detach().abs().max()) * 10 ** (-EPSILON_DB / 20)
        robust.append(bool(lead > epsilon * gradient.abs().sum()))
    adaptive = next(one for one in found.attackers if one.name == "adaptive")
    oblivious = next(one for one in found.attackers if one.name == "oblivious")
    assert adaptive.accuracy == pytest.approx(np.mean(robust))
    assert found.worst.accuracy == adaptive.accuracy <= oblivious.accuracy <= found.clean.accuracy
    assert (found.gradient, found.converged, found.n) == ("exact", True, len(ids))


def test_a_generator_is_trained_through_the_defence_and_counts(assess, tmp_path):
    attackers = Attackers(Budget(snr_db=20.0), 5, 1, TINY)
    found = assess(attackers=attackers)
    assert [one.name for one in found.attackers] == ["oblivious", "adaptive", "generator"]
    assert found.worst.accuracy <= min(one.accuracy for one in found.attackers)
    text = (tmp_path / "out" / "defended.md").read_text()
    assert "under the worst of the attackers (oblivious, adaptive, generator)" in text
    assert read_json(tmp_path / "out" / "defended.json")["worst"]["accuracy"] == found.worst.accuracy
    assert "No generator was trained" in "\n".join(assess().lines())


def test_a_random_defence_is_averaged_over_until_more_draws_change_nothing(assess):
    found = assess({"defence": "noise", "snr_db": 30.0})
    assert found.gradient == "expectation"
    draws = [number for number, _ in found.draws]
    assert draws == [2**power for power in range(len(draws))]
    assert len(draws) >= 2
    assert found.converged == (abs(found.draws[-1][1] - found.draws[-2][1]) <= 0.02)
    assert found.converged or draws[-1] == MOST_DRAWS


def test_draws_are_doubled_only_while_that_changes_something():
    shares = {1: 8, 2: 5, 4: 5}
    robust, tried = until_settled(lambda draws: np.arange(10) < shares[draws], random=True)
    assert tried == [(1, 0.8), (2, 0.5), (4, 0.5)]
    assert robust.sum() == 5
    assert until_settled(lambda draws: np.arange(10) < shares[draws], random=False)[1] == [(1, 0.8)]


def test_the_verdict_is_refused_from_the_oblivious_attacker_alone():
    values = np.ones(4, dtype=bool)
    with pytest.raises(StaanetError, match=r"expected an adaptive attacker, .* got oblivious only"):
        worst({"oblivious": values}, values, [])


@pytest.mark.parametrize(("robust", "verdict"), [(30, "helps"), (15, "undecided"), (0, "harms")])
def test_the_verdict_follows_the_interval_of_the_paired_difference(robust, verdict):
    rows = [Clip("ab"[number % 2], str(number)) for number in range(40)]
    undefended = np.arange(40) < 14
    found = worst({"oblivious": np.ones(40, dtype=bool), "adaptive": np.arange(40) < robust}, undefended, rows)
    assert found["verdict"] == verdict
    assert found["gain"] == pytest.approx((robust - 14) / 40)


def test_a_model_without_gradients_and_a_training_defence_are_refused(assess):
    with pytest.raises(StaanetError, match="without which no attacker can be adaptive, got one that gives scores only"):
        assess(name="without_gradients", trust=True)
    with pytest.raises(StaanetError, match="expected an input defence, got adversarial_training"):
        assess("adversarial_training")


def test_a_purifier_is_named_by_its_weights_and_judged_by_the_attacker_who_knows_it(assess, tmp_path):
    folder = purifier(tmp_path / "purifier")
    found = assess({"defence": "purifier", "checkpoint": str(folder)})
    assert (found.gradient, found.settings) == ("exact", {"weights": digest(folder)})
    assert found.worst.accuracy <= found.attackers[1].accuracy
    assert str(folder) not in (tmp_path / "out" / "defended.json").read_text()


def test_a_purifier_of_another_rate_is_refused_before_the_work(assess, tmp_path):
    with pytest.raises(StaanetError, match="expected clips at the purifier's 8000 Hz, got 16000 Hz"):
        assess({"defence": "purifier", "checkpoint": str(purifier(tmp_path / "purifier", 8000))})
    assert not (tmp_path / "out").exists()


def test_the_generator_learns_from_other_speakers(dataset):
    ids, others = divided(dataset, None)
    speakers = [{dataset.utterances[clip].speaker for clip in clips} for clips in (ids, others)]
    assert speakers[0].isdisjoint(speakers[1])
    assert set(ids) | set(others) == set(dataset.utterances)


def test_the_command_line_defends(model, recordings, tmp_path):
    from typer.testing import CliRunner

    words = ["defend", f"{model}:decide", str(recordings), "-o", str(tmp_path / "out"), "--trust", "--json"]
    words += ["--defence", "rounding", "--defence-set", "bits=12", "--steps", "3", "--generator-epochs", "0"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["gradient"], found["settings"]) == ("straight_through", {"bits": 12})


@pytest.mark.parametrize("change", [{"name": "other"}, {"seed": 1}])
def test_a_generator_of_another_model_or_seed_is_not_used(assess, model, caplog, change):
    model.write_text(model.read_text() + "\n\ndef other(clips):\n    return -decide(clips)\n")
    attackers = Attackers(Budget(snr_db=20.0), 5, 1, TINY)
    with caplog.at_level("INFO", "staanet"):
        assess(attackers=attackers)
        assess(attackers=attackers, **change)
        assert "resumes after" not in caplog.text
        assess(attackers=attackers, **change)
    assert "resumes after epoch 1 of 1" in caplog.text


def test_both_models_are_attacked_alike(assess):
    """Rounding to 24 bits changes next to nothing, so that it neither helps nor harms, whoever attacks."""
    found = assess({"defence": "rounding", "bits": 24}, attackers=Attackers(Budget(snr_db=30.0), 5, 1, TINY))
    assert found.gain == 0
    assert found.verdict == "undecided"
