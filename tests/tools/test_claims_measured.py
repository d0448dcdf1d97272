import claims_measured
import made_up_results
import pytest

TRANSFER = {"source": "emo18", "target": "zhao19"}
EVERYWHERE = dict.fromkeys(claims_measured.OTHERS, (0.1, 0.1, 0.1, 0.1))


def folds(shares, **options):
    return [made_up_results.clips(share, fold=fold, **options) for fold, share in enumerate(shares)]


def baselines(own, others):
    """Return results, alike on both corpora, in which attacks fool given shares of the clips of each fold."""
    cases = []
    for corpus in claims_measured.CORPORA:
        place = TRANSFER | {"source": f"emo18_{corpus}", "corpus": corpus}
        cases.append(made_up_results.case(f"staa_net_{corpus}", *folds(own), **place))
        for name, shares in others.items():
            cases.append(made_up_results.case(name, *folds(shares), **place))
    return made_up_results.results(*cases)


@pytest.fixture
def publish(monkeypatch):
    def set_results(results):
        monkeypatch.setattr(claims_measured, "published_results", lambda _: results)

    return set_results


def test_transfer_is_compared_with_the_published_presets(publish):
    publish(baselines((0.6, 0.6, 0.6, 0.6), EVERYWHERE | {"sparse_pgd": (1.0, 1.0, 1.0, 1.0)}))
    label, figures = claims_measured.transfers_better()
    assert label == "holds"
    assert "emodb, against PGD: ahead, 50.0 [" in figures
    assert "against the library's strengthened PGD: emodb −40.0 [" in figures
    assert "n = 160" in figures


def test_transfer_is_undecided_where_folds_disagree(publish):
    publish(baselines((0.9, 0.1, 0.1, 0.2), EVERYWHERE))
    label, figures = claims_measured.transfers_better()
    assert label == "undecided"
    assert "ravdess, against One-Pixel: undecided" in figures


def test_transfer_is_not_better_if_pgd_is_ahead_everywhere_and_partly_if_only_pgd_is(publish):
    better = (0.6, 0.6, 0.6, 0.6)
    publish(baselines((0.1, 0.1, 0.1, 0.1), dict.fromkeys(claims_measured.OTHERS, better)))
    assert claims_measured.transfers_better()[0] == "does not hold"
    publish(baselines(better, EVERYWHERE | {"sparse_pgd_paper": (0.9, 0.9, 0.9, 0.9)}))
    label, figures = claims_measured.transfers_better()
    assert label == "in part"
    assert "against PGD: behind, −30.0" in figures


def test_transfer_needs_every_attack_of_the_paper(publish):
    publish(baselines((0.6, 0.6), {"sparse_pgd_paper": (0.1, 0.1)}))
    assert claims_measured.transfers_better()[0] == "untestable here"
    publish(None)
    assert claims_measured.transfers_better()[0] == "untestable here"


@pytest.mark.parametrize(
    ("shares", "controls", "expected"),
    [((0.5, 0.6, 0.5), 0.1, "holds"), ((0.5, 0.2, 0.1), 0.1, "undecided"), ((0.0, 0.0, 0.0), 0.3, "does not hold")],
)
def test_transfer_is_compared_with_noise(publish, shares, controls, expected):
    case = made_up_results.case("staa_net", *folds(shares, controls=controls), **TRANSFER)
    publish(made_up_results.results(case))
    assert claims_measured.transfers()[0] == expected


def test_folds_on_which_settings_were_chosen_are_left_out_of_a_second_figure(publish):
    case = made_up_results.case("staa_net", *folds((0.9, 0.5, 0.5, 0.6), controls=0.1), **TRANSFER)
    publish(made_up_results.results(case, selection_folds=(0,)))
    figures = claims_measured.transfers()[1]
    assert "excess 52.5 [" in figures
    assert "(without folds 0, on which settings were chosen, 43.3 [" in figures


def test_positions_matter_by_paired_differences(publish):
    own = made_up_results.case("staa_net", *folds((0.5, 0.6, 0.5)), **TRANSFER)
    shuffled = made_up_results.case("shuffled_staa_net", *folds((0.1, 0.1, 0.2)), **TRANSFER)
    publish(made_up_results.results(own, shuffled))
    label, figures = claims_measured.positions_matter()
    assert label == "holds"
    assert "difference 40.0 [" in figures
    publish(made_up_results.results(own))
    assert claims_measured.positions_matter()[0] == "untestable here"


def test_the_speed_of_another_generator_decides_nothing(publish):
    fast = [made_up_results.case(f"staa_net_{c}", *folds((0.5,)), seconds_per_clip=0.01) for c in ("emodb", "ravdess")]
    slow = made_up_results.case("sparse_pgd_paper", *folds((0.5,)), seconds_per_clip=2.0)
    publish(made_up_results.results(*fast, slow))
    label, figures = claims_measured.faster_than_pgd()
    assert label == "untestable here"
    assert "another generator, in batches, on a CPU" in figures
    assert "200 times as long" in figures


def sources(whisper, emo18, targets=("zhao19",)):
    """Return results in which generators trained against two sources fool given shares of the clips of each fold."""
    return made_up_results.results(
        *(
            made_up_results.case("staa_net", *folds(shares), source=source, target=target)
            for target in targets
            for source, shares in (("whisper", whisper), ("emo18", emo18), ("zhao19", emo18))
        )
    )


@pytest.mark.parametrize(
    ("whisper", "emo18", "expected"),
    [
        ((0.6, 0.7, 0.6, 0.7), (0.2, 0.1, 0.2, 0.1), "holds"),
        ((0.2, 0.1, 0.2, 0.1), (0.6, 0.7, 0.6, 0.7), "does not hold"),
        ((0.9, 0.1, 0.2, 0.1), (0.1, 0.1, 0.2, 0.1), "undecided"),
    ],
)
def test_an_advanced_source_is_compared_with_a_simple_one_on_a_model_that_is_neither(publish, whisper, emo18, expected):
    publish(sources(whisper, emo18))
    label, figures = claims_measured.advanced_source_transfers_better()
    assert label == expected
    assert "emodb, whisper instead of emo18 on zhao19: " in figures
    assert "instead of zhao19" not in figures  # emo18 was no target


def test_an_advanced_source_needs_a_study_that_has_it(publish):
    publish(made_up_results.results(made_up_results.case("staa_net", *folds((0.5, 0.5)), **TRANSFER)))
    assert claims_measured.advanced_source_transfers_better()[0] == "untestable here"
    publish(None)
    assert claims_measured.advanced_source_transfers_better()[0] == "untestable here"
