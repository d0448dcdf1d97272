import made_up_results
import pytest
import suspicions

COMB, ONE_CLASS, NOISE = suspicions.SUSPICIONS
LARGE = {"speakers": 4, "per_speaker": 50}


def cases(*shares, controls=0.1, own_source=(0.6, 0.6, 0.6), comb=None, fields=None, rows=None):
    """Return the cases of a generator on an unseen model, with its own source."""
    given = rows or [
        made_up_results.clips(share, controls=controls, fold=fold, **LARGE) for fold, share in enumerate(shares)
    ]
    source = [made_up_results.clips(share, controls=0.1, fold=fold, **LARGE) for fold, share in enumerate(own_source)]
    attacks = [made_up_results.case("wave_unet", *given, target="zhao19", **(fields or {}))]
    if own_source:
        attacks.append(made_up_results.case("wave_unet", *source))
    if comb is not None:
        attacks.append(
            made_up_results.case(
                "comb",
                *[made_up_results.clips(share, fold=fold, **LARGE) for fold, share in enumerate(comb)],
                target="zhao19",
            )
        )
    return suspicions.cases(made_up_results.results(*attacks))


def verdict(suspicion, *shares, **options):
    return suspicions.verdict(cases(*shares, **options)[0], suspicion)


def one_class(*favourites, share=0.9):
    """Return clips of folds in each of which the attack moves most clips to a favourite class, and noise does not."""
    return [
        [
            row
            | {"predicted_adv": favourite if number < share * 200 else 3 - favourite, "predicted_control": [number % 4]}
            for number, row in enumerate(made_up_results.clips(0.0, fold=fold, **LARGE))
        ]
        for fold, favourite in enumerate(favourites)
    ]


@pytest.mark.parametrize("own_source", [(0.1, 0.1, 0.1), (0.1, 0.05, 0.12), (0.0, 0.0, 0.0)])
@pytest.mark.parametrize("suspicion", suspicions.SUSPICIONS)
def test_a_generator_that_does_not_beat_noise_on_its_source_is_not_judged(suspicion, own_source):
    found = verdict(suspicion, 0.6, 0.6, 0.6, own_source=own_source, fields={"comb_share": 0.99})
    assert found == "undecided: the generator is not shown to have trained"


def test_training_is_judged_over_speakers_and_not_over_clips():
    of_one_speaker = [made_up_results.clips(1.0, 0.0, 0.0, 0.0, controls=0.1, fold=fold, **LARGE) for fold in range(1)]
    own = made_up_results.case("wave_unet", *of_one_speaker)
    (case,) = suspicions.cases(made_up_results.results(own))
    assert case.excess.mean > 0.1
    assert not suspicions.trained(case)


def test_there_is_no_verdict_without_enough_clips_folds_or_a_source():
    few = [made_up_results.clips(0.6, fold=fold) for fold in range(3)]
    assert verdict(NOISE, rows=few) == "undecided: 120 clips"
    assert verdict(NOISE, 0.6, 0.6, fields={"partial": True}) == "undecided: folds are missing"
    assert verdict(NOISE, 0.6, 0.6, own_source=()) == "undecided: the generator was not run on its own source"


def test_a_favourite_class_of_each_fold_is_found_although_pooling_hides_it():
    rows = one_class(1, 2)
    pooled = [sum(row["predicted_adv"] == one for fold in rows for row in fold) for one in (1, 2)]
    assert max(pooled) / 400 == 0.5
    assert verdict(ONE_CLASS, rows=rows) == "holds"


def test_one_class_in_some_folds_holds_in_part():
    rows = [one_class(1)[0], one_class(1, 1, share=0.5)[1]]
    assert verdict(ONE_CLASS, rows=rows) == "in part: 2 of 2 folds above 40 %"
    spread = [row | {"predicted_adv": number % 4} for number, row in enumerate(rows[1])]
    assert verdict(ONE_CLASS, rows=[rows[0], spread]) == "in part: 1 of 2 folds above 40 %"
    assert verdict(ONE_CLASS, rows=[[row | {"id": f"x{row['id']}"} for row in spread], spread]) == "does not hold"


def test_a_class_that_noise_makes_as_large_does_not_count():
    rows = [
        [row | {"predicted_control": [favourite]} for row in fold] for favourite, fold in enumerate(one_class(1, 2), 1)
    ]
    assert verdict(ONE_CLASS, rows=rows) == "does not hold"


def test_a_comb_in_every_fold_holds():
    assert verdict(COMB, 0.6, 0.6, comb=(0.1, 0.5), fields={"comb_share": 0.3, "comb_share_model": 0.95}) == (
        f"holds; {suspicions.NO_BETTER}"
    )
    found = verdict(COMB, 0.6, 0.6, 0.6, comb=(0.1, 0.1, 0.1), fields={"comb_share": 0.95})
    assert found == "holds"
    assert verdict(COMB, 0.6, 0.6, comb=(0.6, 0.6), fields={"comb_share": 0.1}) == (
        f"does not hold; {suspicions.NO_BETTER}"
    )
    assert verdict(COMB, 0.6, 0.6) == "undecided: the comb share is not known"


def test_limits_apply_to_every_fold():
    assert suspicions.by_limits([0.95, 0.92], (0.9, 0.5)) == "holds"
    assert suspicions.by_limits([0.95, 0.3], (0.9, 0.5)) == "in part: 1 of 2 folds above 50 %"
    assert suspicions.by_limits([0.1, 0.5], (0.9, 0.5)) == "does not hold"


@pytest.mark.parametrize(
    ("shares", "controls", "expected"),
    [
        ((0.6, 0.6, 0.58), 0.1, "does not hold"),
        ((0.6, 0.6, 0.58), 0.4, "in part"),
        ((0.1, 0.1, 0.12), 0.4, "holds"),
        ((0.1, 0.1, 0.12), 0.1, "undecided over speakers"),
        ((0.9, 0.3), 0.1, "undecided by fold; for these trainings: does not hold"),
        ((0.6,), 0.1, "undecided by fold; for these trainings: does not hold"),
    ],
)
def test_noise_is_judged_over_speakers_and_folds(shares, controls, expected):
    assert verdict(NOISE, *shares, controls=controls) == expected


def test_spread_of_one_fold_is_empty():
    assert (suspicions.spread([0.253, 0.693]), suspicions.spread([0.5])) == ("(25.3 to 69.3)", "")
