from types import SimpleNamespace

import made_up_results
import pytest
import systematic_checks as checks


def study(shares, language="German", **contrasts):
    """Return a study of attacks that each fool a share of the clips of eight speakers."""
    cases = [
        made_up_results.case(
            name,
            made_up_results.clips(share, speakers=8, per_speaker=10),
            settings={"attack": {"name": name.partition("_")[0]}},
            source="published",
            target="published",
        )
        for name, share in shares.items()
    ]
    results = made_up_results.results(*cases)
    records = {record.attack: record for record in results.records}
    pairs = checks.pairwise_comparisons(results.records, results.outcomes, list(shares))
    return checks.Study(
        language,
        list(shares),
        records,
        {},
        contrasts,
        {(p.attack, p.other): p for p in pairs},
        results,
    )


def contrast(attack, difference, p_value):
    return SimpleNamespace(
        attack=attack,
        accuracy_difference=difference,
        accuracy_p_holm=p_value,
        asr_correct_difference=None,
        asr_correct_p_holm=None,
    )


@pytest.mark.parametrize(
    ("p_value", "difference", "verdict"),
    [
        (0.5, -0.1, "undecided: no difference is shown to be larger than differences between speakers"),
        (None, None, "undecided: no difference is shown to be larger than differences between speakers"),
        (0.01, -0.3, "holds for 1 of 1 attacks, the opposite for 0"),
        (0.01, 0.3, "holds for 0 of 1 attacks, the opposite for 1"),
    ],
)
def test_no_significant_difference_between_genders_decides_nothing(p_value, difference, verdict):
    own = study({"fgsm_1": 0.5}, fgsm_1=contrast("fgsm_1", difference, p_value))
    assert checks.male(own)[0] == verdict


@pytest.mark.parametrize(
    ("german", "italian", "verdict"),
    [
        (0.5, 0.5, "undecided: no difference is shown to be larger than differences between speakers"),
        (0.9, 0.1, "holds in 1 of 1 comparisons, the opposite in 0"),
        (0.1, 0.9, "holds in 0 of 1 comparisons, the opposite in 1"),
    ],
)
def test_no_significant_difference_between_languages_decides_nothing(german, italian, verdict):
    found, _ = checks.italian([study({"fgsm_1": german}), study({"fgsm_1": italian}, "Italian")])
    assert found == verdict


@pytest.mark.parametrize(
    ("white", "black", "verdict"),
    [
        (0.5, 0.5, "undecided: of 1 pairs 0 with a higher ASR, 0 with a lower ASR, 1 undecided"),
        (0.9, 0.1, "holds: of 1 pairs 1 with a higher ASR, 0 with a lower ASR, 0 undecided"),
        (0.1, 0.9, "does not hold: of 1 pairs 0 with a higher ASR, 1 with a lower ASR, 0 undecided"),
    ],
)
def test_pairs_that_are_all_undecided_decide_nothing(white, black, verdict):
    assert checks.white_box(study({"fgsm_1": white, "boundary": black}))[0] == verdict
