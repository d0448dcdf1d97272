"""An evaluation of a protected model: an attacker who does not know the protection, one who does, and the worst."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from tests.assessment.conftest import LABELS, results
from tests.report.test_templates import check
from typer.testing import CliRunner

import staanet
from staanet.assessment import evidence, wording
from staanet.assessment.compare import Side, compared
from staanet.assessment.protected import hardening_of, protection_of
from staanet.assessment.result import evaluation
from staanet.cli import app
from staanet.cli.options import chosen
from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.core.files import read_json
from staanet.defences import create_defence
from staanet.models import create_model
from staanet.models.loaders.base import weights_digest

CPU = torch.device("cpu")
BUDGETS = [40.0, 38.5, 37.0, 35.5, 34.0, 32.5]
"""Through a window of five samples, the oblivious attacker needs 1.25 times the change of the adaptive one: 1.9 dB."""
BEHIND = {
    "defence": {"name": "noise", "snr_db": 20.0},
    "gradient": "expectation",
    "access": "gradient",
    "draws": [[1, 0.8], [2, 0.5], [4, 0.5]],
    "hardening": None,
    "attackers": ["oblivious", "adaptive"],
}
TRAINED = {**BEHIND, "defence": None, "gradient": None, "draws": []}
HARDENED = {
    "defence": {"name": "adversarial_training", "attack": {"attack": "pgd", "steps": 5, "snr_db": 40.0}, "ratio": 1.0},
    "budget": {"epsilon": None, "snr_db": 40.0, "sparsity": 1.0},
    "smoothed": False,
    "weights_before": "w",
}


@pytest.fixture
def evaluate(model, recordings, tmp_path):
    def run(out="out", **settings):
        reference = f"{model}:decide"
        return staanet.evaluate(
            reference, recordings, tmp_path / out, preset="quick", clips=4, budgets=BUDGETS, **settings
        )

    return run


def under(attackers, **about):
    """Make up the evaluation of a model with the smallest budgets at which each attacker fools its clips."""
    worst = [min(pair) for pair in zip(*attackers.values(), strict=True)]
    rows, curves, known = results(worst, model="net", **about)
    rows = [
        replace(row, dense=replace(row.dense, attackers={name: own[number] for name, own in attackers.items()}))
        for number, row in enumerate(rows)
    ]
    return evaluation("net", rows, curves, LABELS, {}, known)


def test_a_defended_model_is_put_to_both_attackers_and_the_worst_of_them_counts(evaluate, tmp_path):
    found = evaluate(defence={"defence": "smoothing_filter", "width": 5})
    assert found.model == "linear.py:decide behind smoothing_filter"
    assert found.about["identity"]["defence"] == {"name": "smoothing_filter", "width": 5}
    assert found.about["protection"]["attackers"] == ["oblivious", "adaptive"]
    for row in read_json(tmp_path / "out" / "clips.json"):
        for curve in (row["dense"], row["sparse"]):
            assert curve["smallest"] == min(curve["attackers"].values(), default=0)
            assert bool(curve["attackers"]) == (row["predicted"] == row["label"])
    dense = [point for point in found.curve if point.sparsity == 1]
    assert all(point.accuracy_robust <= min(point.attackers.values()) for point in dense)
    assert any(point.attackers["adaptive"] < point.attackers["oblivious"] for point in dense)
    page = (tmp_path / "out" / "report" / "index.html").read_text()
    check(page)
    assert "Right under the oblivious attacker" in page
    for text in ("behind smoothing_filter (width = 5)", "its own gradient", "knows the protection"):
        assert text in (tmp_path / "out" / "evidence.md").read_text()


def test_a_random_defence_is_attacked_over_so_many_draws_that_more_change_nothing(evaluate, tmp_path):
    found = evaluate(defence={"defence": "noise", "snr_db": 20.0})
    draws = found.about["protection"]["draws"]
    assert [number for number, _ in draws] == [2**power for power in range(len(draws))]
    assert f"averages over {draws[-1][0]} draws" in (tmp_path / "out" / "evidence.md").read_text()
    (kept,) = (tmp_path / "out" / "parts").glob("*/draws.json")
    assert read_json(kept) == draws


def test_a_result_of_the_oblivious_attacker_alone_is_refused():
    with pytest.raises(StaanetError, match=r"expected an adaptive attacker, .* got oblivious only"):
        under({"oblivious": [0, 1, 2, 2]})


def test_each_attacker_is_shown_and_masked_gradients_are_told():
    found = under({"oblivious": [2, 2, 2, 2], "adaptive": [0, 1, 1, 2]}, protection=BEHIND)
    assert [point.attackers for point in found.curve] == [
        {"oblivious": 1.0, "adaptive": 0.75},
        {"oblivious": 1.0, "adaptive": 0.25},
    ]
    text = "\n".join(wording.lines(found))
    assert "At 40 dB it is right on 100.0 % under the oblivious attacker, on 25.0 % under the adaptive attacker" in text
    assert "noise (snr_db = 20.0)" in text
    assert "averages over 4 draws; more draws changed nothing" in text
    assert "masked" not in text
    assert "At 60 dB, 40 dB the attacker who does not know" in "\n".join(
        wording.lines(under({"oblivious": [0, 0, 2, 2], "adaptive": [2, 2, 2, 2]}, protection=BEHIND))
    )
    unsettled = under({"oblivious": [2], "adaptive": [1]}, protection={**BEHIND, "draws": [[16, 0.5], [32, 0.4]]})
    assert "more draws still gained: figures are too high" in "\n".join(wording.lines(unsettled))


@pytest.mark.parametrize(
    ("protection", "untested"),
    [
        ({**BEHIND, "gradient": "straight_through", "draws": []}, "Other approximations of the gradient"),
        ({**BEHIND, "access": "scores", "draws": []}, "Attacks with gradients through the defence"),
        (
            {**TRAINED, "hardening": HARDENED, "attackers": ["adaptive"]},
            "--hardened-from",
        ),
    ],
)
def test_the_evidence_says_what_was_not_tested_of_a_protection(protection, untested):
    text = evidence.text(under({"oblivious": [2, 1], "adaptive": [0, 1]}, protection=protection), {})
    assert "## Protection of the model" in text
    assert untested in text.split("## What was not tested")[1]
    assert "Protection of the model" not in evidence.text(under({"a": [0], "adaptive": [1]}), {})


def test_a_comparison_says_what_protects_each_model(run_of):
    plain, hardened = run_of([0, 0] * 8, weights="a"), run_of([2, 1] * 8, "harder", weights="b")
    hardened = replace(hardened, protection={**TRAINED, "hardening": HARDENED})
    (found,) = compared([Side("net", [plain]), Side("harder", [hardened])])
    note = next(note for note in found.notes if "adversarial_training" in note)
    assert note.startswith("harder: It was trained by adversarial_training (attack = {attack = pgd, steps = 5")
    assert "with the budget snr_db = 40.0, sparsity = 1.0" in note
    assert found.at_reference("accuracy_robust").result == "higher"


@pytest.fixture
def hardened(tmp_path):
    """Save a model, and another one that says it was hardened from it."""
    models = [create_model("emo18", ("anger", "neutral"), seconds=0.1) for _ in range(2)]
    made = {"hardened": {"weights": weights_digest(models[0])}, "defence": HARDENED["defence"], "budget": {}}
    checkpoints.save(models[0], tmp_path / "before")
    checkpoints.save(models[1], tmp_path / "after", made_from=made)
    return tmp_path


def protected(folder, origin, defence=None):
    clips = SimpleNamespace(labels=("anger", "neutral"))
    return protection_of(staanet.load_model(folder), folder, clips, defence, origin, None, CPU)


def test_a_hardened_model_is_also_attacked_on_the_model_before(hardened):
    found = protected(hardened / "after", hardened / "before")
    assert list(found.sources) == ["oblivious", "adaptive"]
    assert found.sources["adaptive"] is found.model
    assert weights_digest(found.sources["oblivious"]) == found.hardening["weights_before"]
    assert list(protected(hardened / "after", None).sources) == ["adaptive"]
    assert protected(hardened / "before", None).about is None


def test_another_model_is_refused_as_the_one_before(hardened):
    with pytest.raises(StaanetError, match="from which after was hardened, got another"):
        protected(hardened / "after", hardened / "after")
    with pytest.raises(StaanetError, match="before: expected a model that staanet harden wrote"):
        protected(hardened / "before", hardened / "after")
    with pytest.raises(StaanetError, match="got both"):
        protected(hardened / "after", hardened / "before", create_defence("median"))


def test_a_voter_is_told_from_a_model_that_decides_on_its_own(tmp_path):
    made = {"defence": {"name": "partition", "samples": 800, "votes": 2}}
    checkpoints.save(create_model("emo18", ("anger", "neutral"), seconds=0.1), tmp_path / "voter", made_from=made)
    hardening = hardening_of(tmp_path / "voter")
    assert hardening["smoothed"]
    found = under({"a": [0], "adaptive": [1]}, protection={**TRAINED, "hardening": hardening})
    assert "not about those of the votes, which staanet certify measures" in "\n".join(wording.lines(found))


def test_settings_without_a_defence_are_refused():
    assert chosen(None, None, "defence") is None
    with pytest.raises(StaanetError, match="expected the defence that --defence-set changes, got none"):
        chosen(None, ["kbps=64"], "defence")


def test_the_command_line_names_the_defence_and_both_attackers(model, recordings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["evaluate", f"{model}:decide", str(recordings), "--trust", "--dry-run", "--preset", "quick"]
    done = CliRunner().invoke(app, [*words, "--defence", "mp3", "--defence-set", "kbps=64"])
    assert done.exit_code == 0, done.output
    assert "linear.py:decide behind mp3 on 12 clips" in done.stdout
    assert "each by 2 attackers (oblivious, adaptive)," in done.stdout
    assert (tmp_path / "runs" / "linear.py-decide-behind-mp3").is_dir()
    done = CliRunner().invoke(app, [*words, "--defence-set", "kbps=64"])
    assert "name it with --defence" in str(done.exception)


def test_what_is_no_input_defence_is_refused_before_the_work(evaluate, tmp_path):
    with pytest.raises(StaanetError, match="expected an input defence, got trades"):
        evaluate(defence="trades")
    assert not (tmp_path / "out").exists()


def test_the_attacker_whom_a_user_names_decides_the_results(hardened):
    """What was measured without him is not read as if he had attacked."""
    assert protected(hardened / "after", hardened / "before").named == (weights_digest_of(hardened / "before"),)
    assert protected(hardened / "after", None).named == ()


def weights_digest_of(folder):
    return weights_digest(staanet.load_model(folder))
