"""Comparison of evaluations: equal models are told equal, others apart, and results that do not belong together."""

import json
from itertools import combinations, pairwise

import numpy as np
import pytest
import soundfile
from scipy.stats import binomtest
from typer.testing import CliRunner

import staanet
from staanet.assessment.compare import Side, compare, compared
from staanet.assessment.compare import wording as compare_wording
from staanet.assessment.settings import Curves
from staanet.cli import app
from staanet.core.errors import StaanetError

CLIPS = 100


def at(found, measure="accuracy_robust", budget="40 dB"):
    return next(one for one in found.of(measure) if one.budget == budget)


def alarms(found):
    return any(one.result != "undecided" for one in found.of("accuracy_robust"))


@pytest.fixture
def side(run_of):
    def make(fooled_at, name, **settings):
        return Side(name, [run_of(fooled_at, name, **settings)])

    return make


TWO_DIRECTIONS = """
import numpy as np
import torch

labels = ["anger", "neutral"]
first, second = torch.from_numpy(np.random.default_rng(0).choice([-1.0, 1.0], (2, 200))).float()


def hardened(clips):
    level = 10 * (clips[:, :200] @ first)
    return torch.stack([level, -level], 1)


def plain(clips):
    level = 10 * (clips[:, :200] @ (first + 30 * second))
    return torch.stack([level, -level], 1)
"""


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """Folder of evaluations: of a plain model, and of a hardened one with two attack seeds.

    The plain model also uses a direction in which the clips carry nothing.
    """
    folder = tmp_path_factory.mktemp("two")
    first, second = np.random.default_rng(0).choice([-1.0, 1.0], (2, 200))
    directions = np.linalg.qr(np.stack([first, second], 1))[0]
    toward = first - second * (first @ second) / 200
    for number in range(10):
        sound = np.random.default_rng([1, number]).normal(size=200)
        sound -= directions @ (directions.T @ sound)
        sound = 0.4 * sound / np.abs(sound).max() + (0.02, -0.02)[number % 2] * toward
        path = folder / "clips" / ("anger", "neutral")[number % 2] / f"{number:02d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, sound, 16_000, subtype="FLOAT")
    (folder / "two.py").write_text(TWO_DIRECTIONS)
    settings = {"preset": "quick", "budgets": [80.0, 40.0], "floats": True}
    model, before = f"{folder / 'two.py'}:hardened", folder / "plain"
    staanet.evaluate(f"{folder / 'two.py'}:plain", folder / "clips", before, **settings)
    staanet.evaluate(model, folder / "clips", folder / "hardened", baseline=before, **settings)
    staanet.evaluate(model, folder / "clips", folder / "again", seed=1, **settings)
    return folder


def test_two_attack_seeds_of_one_model_are_equal(evaluated):
    (found,) = compare([evaluated / "hardened", evaluated / "again"])
    assert {one.result for one in found.differences} == {"undecided"}
    assert (found.n, found.reference) == (10, "40 dB")
    assert (found.a, found.b) == ("two.py:hardened (hardened)", "two.py:hardened (again)")
    assert "are equal within" in compare_wording.headline(found)
    assert not any("recipes" in note for note in found.notes)


def test_a_hardened_model_is_told_from_a_plain_one(evaluated):
    (found,) = compare([evaluated / "plain", evaluated / "hardened"])
    sentence = compare_wording.headline(found)
    assert sentence.startswith("two.py:hardened is more robust than two.py:plain by 100.0 points at 40 dB")
    assert at(found, budget="80 dB").result == "undecided"
    assert found.at_reference("accuracy_clean").difference == 0


def test_a_baseline_is_compared_in_every_file(evaluated):
    (found,) = compare([evaluated / "plain", evaluated / "hardened"])
    written = json.loads((evaluated / "hardened" / "evaluation.json").read_text())
    assert written["baseline"] == json.loads(json.dumps(found.as_json()))
    for name in ("summary.md", "evidence.md"):
        assert compare_wording.headline(found) in (evaluated / "hardened" / name).read_text()
    assert json.loads((evaluated / "again" / "evaluation.json").read_text())["baseline"] is None


def test_a_difference_has_the_values_of_its_clips(written):
    one = written("one", [2] * 10 + [0] * 10, speakers=4)
    other = written("other", [2] * 10 + [1] * 8 + [-1, 0], model="else", speakers=4)
    (found,) = compare([one, other])
    assert (at(found).a, at(found).b) == (0.5, 0.5)
    assert (at(found, budget="60 dB").a, at(found, budget="60 dB").b) == (0.5, pytest.approx(0.9))
    assert at(found, budget="60 dB").p_value == pytest.approx(2 * 0.5**8)
    assert at(found, budget="60 dB").p_holm == pytest.approx(2 * 2 * 0.5**8)
    assert at(found, budget="60 dB").result == "higher"
    assert found.at_reference("accuracy_clean").difference == pytest.approx(-0.05)
    headline = compare_wording.headline(found)
    assert headline.startswith("else is more robust than net by 40.0 points at 60 dB (90.0 and 50.0 %")
    assert "Clean accuracy differs by at most" in compare_wording.besides(found)


def test_directions_that_differ_between_budgets_are_both_told(written):
    one = written("one", [2] * 30 + [-1] * 30)
    other = written("other", [1] * 60, model="else")
    headline = compare_wording.headline(compare([one, other])[0])
    assert headline.startswith("net is more robust than else by 50.0 points at 40 dB (50.0 and 0.0 %")
    assert headline.endswith("; else is more robust at 60 dB.")


def test_the_order_of_the_models_changes_the_sign_only(written):
    random = np.random.default_rng(0)
    one, other = (written(name, random.integers(-1, 3, CLIPS), model=name) for name in ("one", "other"))
    (there,), (back,) = compare([one, other]), compare([other, one])
    for first, second in zip(there.differences, back.differences, strict=True):
        assert second.difference == -first.difference
        assert second.p_value == pytest.approx(first.p_value)
        assert second.ci == pytest.approx((-first.ci[1], -first.ci[0]), abs=0.01)


def share_of_alarms(side, draw, groups=10, **settings):
    """Return a test of the share of alarms among all pairs of five seeds, for several groups of seeds."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(groups):
        sides = [side(draw(random), f"seed{seed}", **settings) for seed in range(5)]
        found += [alarms(compared(pair)[0]) for pair in combinations(sides, 2)]
    return binomtest(sum(found), len(found))


def test_false_alarms_over_all_pairs_of_five_seeds_are_as_rare_as_stated(side):
    test = share_of_alarms(side, lambda random: random.integers(0, 3, CLIPS))
    assert test.proportion_ci().low <= 0.05


def test_clips_of_a_speaker_that_are_alike_raise_no_false_alarms(side):
    speakers = np.arange(CLIPS) // 2 % 10

    def draw(random):
        return random.integers(0, 3, 10)[speakers]

    test = share_of_alarms(side, draw, speakers=10)
    assert test.proportion_ci().low <= 0.05


def test_a_true_difference_is_found_in_most_pairs_of_seeds(side):
    random = np.random.default_rng(0)
    found = [
        alarms(
            compared(
                [
                    side(random.choice([0, 2], CLIPS, p=[1 - share, share]), name)
                    for name, share in (("plain", 0.4), ("hardened", 0.7))
                ]
            )[0]
        )
        for _ in range(40)
    ]
    assert np.mean(found) > 0.8


def recipe(written, name, shares, seed):
    random = np.random.default_rng(seed)
    for number, share in enumerate(shares):
        fooled = random.choice([0, 2], CLIPS, p=[1 - share, share])
        folder = written(f"{name}/{number}", fooled, weights=f"{name}{number}")
    return folder.parent


def test_recipes_are_compared_over_their_trainings(written):
    plain = recipe(written, "plain", (0.2, 0.25, 0.3), 0)
    hardened = recipe(written, "hardened", (0.7, 0.75, 0.8), 1)
    (found,) = compare([plain, hardened])
    assert (found.unit, found.trainings, found.a) == ("training", (3, 3), "plain")
    assert compare_wording.headline(found).startswith("hardened is more robust than plain by")
    given = [sorted(path for path in folder.iterdir()) for folder in (plain, hardened)]
    assert compare(a=given[0], b=given[1])[0].differences == found.differences
    assert compare(a=[plain], b=[hardened])[0].differences == found.differences


def test_trainings_that_differ_as_much_as_recipes_decide_nothing(written):
    """Two trainings on many clips differ beyond chance, but their recipes do not."""
    plain = recipe(written, "plain", (0.2, 0.8), 0)
    hardened = recipe(written, "hardened", (0.9, 0.3), 1)
    assert alarms(compare([plain / "0", hardened / "0"])[0])
    assert not alarms(compare([plain, hardened])[0])


def test_trainings_that_agree_by_chance_are_no_surer_than_their_clips(written):
    """Without a spread of trainings, only that of the clips remains."""
    for name, fooled in (("plain", [0, 2, 2, 2]), ("hardened", [2, 2, 2, 2])):
        for number in range(2):
            folder = written(f"{name}/{number}", fooled * 2, weights=f"{name}{number}")
    (found,) = compare([folder.parent.parent / "plain", folder.parent])
    assert at(found).difference == pytest.approx(0.25)
    assert at(found).ci[0] < 0 < at(found).ci[1]
    assert at(found).result == "undecided"


def test_the_correction_counts_all_comparisons(written):
    random = np.random.default_rng(0)
    folders = [written(str(number), random.integers(0, 3, CLIPS), model=f"m{number}") for number in range(3)]
    alone, together = compare(folders[:2]), compare(folders)
    assert [(one.a, one.b) for one in together] == [("m0", "m1"), ("m0", "m2")]
    for one, among in zip(alone[0].differences, together[0].differences, strict=True):
        assert among.p_value == one.p_value
        assert among.p_holm >= one.p_holm
    assert any(
        among.p_holm > one.p_holm for one, among in zip(alone[0].differences, together[0].differences, strict=True)
    )


FEW = [0, 1, 2, 2]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fooled_at": [*FEW, 2]}, "expected the same clips, got 4 and 5 of which 4 are in both"),
        ({"ensemble": "standard-1999.01"}, "expected the same version of the attacks"),
        ({"labels": ["anger", "sadness"]}, "expected models of the same emotions"),
        ({"preset": "standard"}, "expected the same preset"),
        ({"curves": Curves(dense=(50.0, 40.0), sparse=())}, "expected the same budgets"),
        ({"saved": "float32"}, "expected clips saved in the same format"),
        ({"corpus": "emodb"}, "expected clips of the same corpus"),
        ({"data": "other"}, "expected the same recordings"),
        ({"speakers": 1}, "expected the same emotion and speaker of the clip clip0002"),
    ],
)
def test_results_that_do_not_belong_together_are_refused_in_one_line(written, changes, message):
    one = written("one", FEW)
    other = written("other", **{"fooled_at": FEW, "model": "else", **changes})
    for folders in ([one, other], [other, one]):
        with pytest.raises(StaanetError) as caught:
            compare(folders)
        assert "\n" not in str(caught.value)
    assert message in str(caught.value) or len(changes) == 1
    with pytest.raises(StaanetError, match=message):
        compare([one, other])


def test_other_orders_of_the_emotions_and_other_rates_may_be_compared(written):
    one = written("one", FEW)
    other = written("other", FEW, labels=["neutral", "anger"], sample_rate=8000, data="other")
    (found,) = compare([one, other])
    assert any("16000 and 8000 Hz" in note for note in found.notes)


def test_what_restricts_a_comparison_is_told(written):
    one = written("one", FEW)
    other = written("other", FEW, model="else", attacks=["fakebob"], flags=["zero_gradients"], weights="v", speakers=8)
    (found,) = compare([one, other])
    text = " ".join(found.notes)
    assert "else is flagged (zero_gradients)" in text
    assert "net was attacked by fmn, apgd, else by fakebob" in text
    assert "several trainings of each" in text
    assert "fewer than 8 speakers" in text


def test_folders_that_cannot_be_compared_are_refused(written, tmp_path):
    one = written("one", FEW)
    recipe_of_one = written("recipe/0", FEW).parent
    with pytest.raises(StaanetError, match="expected two or more evaluations"):
        compare([one])
    with pytest.raises(StaanetError, match="got this one twice"):
        compare([one, one])
    with pytest.raises(StaanetError, match="give either"):
        compare([one], a=[one], b=[one])
    with pytest.raises(StaanetError, match="give either"):
        compare()
    with pytest.raises(StaanetError, match="expected a folder that `staanet evaluate` or `staanet certify` wrote"):
        compare([one, tmp_path / "nothing"])
    with pytest.raises(StaanetError, match="two trainings or more, got 1"):
        compare([recipe_of_one, one])
    written("recipe/1", FEW)
    two = [written(f"other/{number}", FEW, weights=str(number)) for number in range(2)]
    with pytest.raises(StaanetError, match="got the same weights in 0 and 1"):
        compare(a=[recipe_of_one], b=two)


def test_damaged_results_are_refused_in_one_line(written):
    one, other = written("one", FEW), written("other", FEW)
    rows = json.loads((other / "clips.json").read_text())
    (other / "clips.json").write_text(json.dumps(rows[:-1]))
    with pytest.raises(StaanetError, match="expected results of 4 clips, got 3"):
        compare([one, other])
    del rows[0]["dense"]
    (other / "clips.json").write_text(json.dumps(rows))
    with pytest.raises(StaanetError, match="evaluate again"):
        compare([one, other])
    (other / "clips.json").unlink()
    with pytest.raises(StaanetError, match="found none"):
        compare([one, other])


def test_a_baseline_of_other_clips_is_refused_before_any_work(model, recordings, written, tmp_path):
    with pytest.raises(StaanetError, match=r"and this evaluation: expected the same budgets"):
        staanet.evaluate(
            f"{model}:decide", recordings, tmp_path / "out", preset="quick", baseline=written("before", FEW)
        )
    assert not (tmp_path / "out" / "parts").exists()


def test_the_command_compares_models_and_recipes(written):
    one, other = written("one", [0] * 20), written("other", [2] * 20, model="else")
    done = CliRunner().invoke(app, ["compare", str(one), str(other)])
    assert done.exit_code == 0
    assert done.stdout.startswith("else is more robust than net by 100.0 points at 40 dB")
    (found,) = json.loads(CliRunner().invoke(app, ["compare", str(one), str(other), "--json"]).stdout)
    assert found["summary"] in done.stdout
    assert {"a", "b", "unit", "differences"} <= set(found)
    plain, hardened = recipe(written, "plain", (0.2, 0.3), 0), recipe(written, "hardened", (0.7, 0.8), 1)
    words = ["compare", "--a", *map(str, plain.iterdir()), "--b", *map(str, hardened.iterdir()), "--json"]
    (found,) = json.loads(CliRunner().invoke(app, words).stdout)
    assert (found["unit"], found["trainings"]) == ("training", [2, 2])


def test_the_table_of_a_pull_request_has_a_row_per_difference(written):
    (found,) = compare([written("one", [0] * 20), written("other", [2] * 20, model="else")])
    rows = [line for line in compare_wording.markdown(found).splitlines() if line.startswith("|")]
    assert len(rows) == len(found.differences) + 2
    assert len({row.count("|") for row in rows}) == 1
    assert sum("**higher**" in row for row in rows) == 2


def test_lines_have_no_doubled_spaces_or_signs(written):
    (found,) = compare([written("one", [0, 2] * 10), written("other", [2, 0] * 10, model="else")])
    for line, after in pairwise(compare_wording.lines(found)):
        assert "--" not in line
        assert line != after
