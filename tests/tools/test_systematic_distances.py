import made_up_results
import pytest
import systematic_checks as checks
import systematic_distances as distances

SIZES = {
    "jsma_1": {"l0": 5, "l1": 10.0, "l2": 4.0, "linf": 3.0},
    "pixel_1": {"l0": 1, "l1": 6.0, "l2": 6.0, "linf": 6.0},
    "deepfool_5": {"l0": 900, "l1": 90.0, "l2": 2.0, "linf": 0.2},
    "bim_1": {"l0": 900, "l1": 900.0, "l2": 30.0, "linf": 1.0},
}
LARGE = {"speakers": 8, "per_speaker": 10}


def study(fooled=1.0, speakers=8, **fooled_by):
    """Return a study with attacks on features, each of which fools a share of the clips with a fixed change."""
    given = dict.fromkeys(SIZES, fooled) | fooled_by
    cases = [
        _case(name, {**SIZES[name], "margin_adv": -1.0}, share, speakers, "feature") for name, share in given.items()
    ]
    waveform = {"l0": 1, "l1": 1.0, "l2": 1.0, "linf": 0.1, "feature_l2": 8.0}
    cases.append(_case("bim_waveform", waveform, 0.5, speakers, "waveform"))
    results = made_up_results.results(*cases)
    records = {record.attack: record for record in results.records}
    return checks.Study("German", list(given), records, {}, {}, {}, results)


def _case(name, sizes, share, speakers, domain):
    rows = [row | sizes for row in made_up_results.clips(share, speakers=speakers)]
    settings = {"attack": {"name": name.split("_")[0]}}
    return made_up_results.case(name, rows, domain=domain, settings=settings, source="published", target="published")


def verdicts(own):
    found, _ = distances.minimal_perturbation(own)
    return dict(part.split(": ", 1) for part in found.removeprefix("by ").split("; by "))


def test_the_norm_decides_which_attack_is_the_most_effective():
    assert verdicts(study()) == {
        "L0": "holds (of 4 pairs 4 ahead, 0 behind, 0 undecided)",
        "L1": "holds (of 4 pairs 4 ahead, 0 behind, 0 undecided)",
        "L2": "in part (of 4 pairs 2 ahead, 2 behind, 0 undecided)",
        "Linf": "does not hold (of 4 pairs 0 ahead, 4 behind, 0 undecided)",
    }


def test_an_attack_that_fools_no_clip_is_behind_however_small_its_changes():
    own = study(pixel_1=0.0)
    assert verdicts(own)["L0"] == "in part (of 4 pairs 2 ahead, 2 behind, 0 undecided)"
    rows = {(first, other): cells for first, other, *cells in distances.minimal_perturbation(own)[1]}
    assert rows["pixel", "bim"][1].startswith("−100.0 [")
    assert rows["pixel", "bim"][1].endswith(" behind")


def test_equal_success_and_few_clips_are_undecided():
    assert verdicts(study(pixel_1=0.5))["L0"] == "undecided (of 4 pairs 2 ahead, 0 behind, 2 undecided)"
    assert set(verdicts(study(speakers=1, jsma_1=0.3, pixel_1=0.3, deepfool_5=0.0, bim_1=0.0)).values()) == {
        "undecided (of 4 pairs 0 ahead, 0 behind, 4 undecided)"
    }


def test_there_is_no_verdict_without_the_attacks_of_the_claim():
    own = study()
    kept = {name: record for name, record in own.records.items() if not name.startswith(("jsma", "pixel"))}
    assert distances.minimal_perturbation(checks.Study("German", [], kept, {}, {}, {}, own.results)) == (
        "undecided: not run",
        [],
    )


def test_the_least_change_is_that_of_the_best_setting():
    weak = {"l0": 2, "l1": 5.0, "l2": 3.0, "linf": 2.0, "margin_adv": 1.0}
    own = study()
    weaker = _case("jsma_2", weak, 0.5, 8, "feature")
    cases = [[(record, own.results.outcomes(record))] for record in own.results.parts]
    results = made_up_results.results(*cases, weaker)
    records = {record.attack: record for record in results.records}
    both = checks.Study("German", [], records, {}, {}, {}, results)
    rows = {name: cells for name, *cells in distances.least_changes(both)}
    assert rows["jsma"] == ["80", "100.0", "3.50", "7.50", "3.50", "2.50"]
    assert rows["pixel"] == ["80", "100.0", "1.00", "6.00", "6.00", "6.00"]
    assert distances.least_changes(study(bim_1=0.0))[-1] == ["bim", "80", "0.0", "–", "–", "–", "–"]


def test_distances_on_the_waveform_are_those_in_feature_space():
    rows = {(name, domain): cells for name, domain, *cells in distances.nearest_by_domain(study())}
    n, near, *_, factor = rows["bim", "waveform"]
    assert (n, near[:2], factor) == ("80", "0 ", "4.0")
    assert rows["bim", "waveform"][2].startswith("50 [")
    assert (rows["deepfool", "feature"][1][:4], rows["deepfool", "feature"][-1]) == ("100 ", "1.0")


@pytest.mark.parametrize(
    ("fooled", "margin", "expected"), [(False, 1e-5, 1), (False, 0.01, 0), (True, -1e-5, 0), (False, 0.0, 1)]
)
def test_clips_on_the_boundary_are_counted(fooled, margin, expected):
    rows = [made_up_results.clip("a", "x", fooled=fooled, margin_adv=margin)]
    assert checks.on_boundary(rows) == expected
