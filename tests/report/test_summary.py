"""Sentences of the summary: the case that the experiment names, robust accuracy first, what intervals assume."""

from dataclasses import replace

import pytest

from report.made_up import case, clips, folded, results
from report.test_report import FOUR, TRANSFERRED, made, run_with
from staanet.core.run import Headline, Layout, Run
from staanet.evaluation.flags import FLAGS
from staanet.report import summary
from staanet.report.results import Results


def text(found):
    return " ".join(summary.sentences(found)).replace("\N{NO-BREAK SPACE}", " ")


def of(*found, layout=None):
    """Return the results of records of one fold whose numbers do not follow from their clips."""
    named = [replace(record, signature=f"{number}") for number, record in enumerate(found)]
    return results(*((record, clips(8, 4)) for record in named), layout=layout)


def test_robust_accuracy_comes_first_next_to_chance_and_then_the_success_rate():
    first, _, second, *rest = summary.sentences(of(made()))
    assert first.replace("\N{NO-BREAK SPACE}", " ") == (
        "Under staa_net, trained against emo18, the robust accuracy of emo18 itself (white-box) is 27 % (95 % interval "
        "19 to 38 %), where chance is 25 % and the accuracy before the attack 69 %."
    )
    assert second.startswith("The robust UAR is 26")
    assert "changed 57 % (95 % interval 46 to 67 %) of the predictions; random noise" in text(of(made()))
    assert "After the adversarial clips were written to 24-bit files and read back, they changed 56 %" in text(
        of(made())
    )
    assert all("robust accuracy" not in sentence for sentence in rest)


def test_the_case_that_the_experiment_names_leads_whatever_the_results():
    named = of(*FOUR, layout=Layout(headline=Headline("staa_net", "emo18", "zhao19")))
    assert (named.lead.attack, named.lead.target) == ("staa_net", "zhao19")
    assert "The experiment names this case as its headline. " in text(named)
    assert "not chosen for its results" not in text(named)
    assert "chosen after the fact" not in text(named)


def test_without_a_named_case_the_worst_leads_and_is_said_to_be_chosen_after_the_fact():
    strong = made("pgd", generator=None, robust_accuracy=0.01, asr_excess=0.1)
    found = of(made(asr_excess=0.9), strong, made(**TRANSFERRED))
    assert found.lead.attack == "pgd"  # by robust accuracy, though the excess of others is higher
    assert "No case was named beforehand: this is the lowest robust accuracy of 3 cases, chosen after the fact" in text(
        found
    )
    assert "the only case" in text(of(made()))


def test_a_named_case_without_a_record_is_reported():
    found = of(*FOUR, layout=Layout(headline=Headline("staa_net", "none", "zhao19")))
    assert "since the case that the experiment names has no record" in text(found)


@pytest.mark.parametrize(
    ("changes", "corpus", "found"),
    [
        ({"corpus": "ravdess"}, "ravdess", True),
        ({"corpus": "synthetic", "stands_for": "ravdess"}, "ravdess", True),
        ({"corpus": "synthetic", "stands_for": "emodb"}, "ravdess", False),
        ({"corpus": "emodb"}, "ravdess", False),
    ],
)
def test_a_headline_names_a_corpus_by_what_its_records_stand_for(changes, corpus, found):
    headline = Headline("staa_net", "emo18", "emo18", corpus)
    assert (of(made(**changes), layout=Layout(headline=headline)).named is not None) == found


def test_of_several_subsets_the_test_clips_count():
    headline = Headline("staa_net", "emo18", "emo18")
    both = of(made(subset="val"), made(subset="test"), layout=Layout(headline=headline))
    assert both.named.subset == "test"


def test_a_named_case_survives_in_run_json(tmp_path):
    run_with(tmp_path, *FOUR)
    layout = Layout("A run", headline=Headline("staa_net", "emo18", "zhao19", "emo_db"), selection_folds=(0, 1))
    names = sorted((tmp_path / "records").glob("*.json"))
    Run(tmp_path).write(layout, records=names)
    read = Results.read(Run(tmp_path))
    assert read.layout.headline == layout.headline
    assert read.layout.selection_folds == (0, 1)
    assert read.lead.target == "zhao19"


def test_folds_on_which_settings_were_chosen_are_told_apart():
    """Robust clips of folds of 16 clips: 0, 8 and 4, so that 12 of 48 are robust and 12 of 32 without fold 0."""
    found = results(*folded([(16, 0), (16, 8), (16, 4)]), layout=Layout(selection_folds=(0,)))
    assert found.lead.robust_accuracy == 0.25
    assert found.lead_without_selection.robust_accuracy == 0.375
    said = text(found)
    assert "Settings were chosen on fold 0, where results may be too good. Over folds 1, 2 alone, " in said
    assert "the robust accuracy is 38 % " in said
    assert (
        ", instead of 25 % over all folds; the ASR is 62 instead of 75 %, and the excess 62.5 instead of 75.0" in said
    )


@pytest.mark.parametrize("chosen", [(), (5,), (0, 1)])
def test_without_other_folds_nothing_is_said_of_the_choice(chosen):
    found = results(*folded([(16, 0), (16, 8)]), layout=Layout(selection_folds=chosen))
    assert found.lead_without_selection is None
    assert "Settings were chosen" not in text(found)


def test_a_headline_of_several_folds_has_the_interval_by_fold():
    found = results(*folded([(16, 6), (16, 8), (16, 10)]))
    low, high = found.lead.robust_accuracy_fold_ci
    assert "With the fold as the unit" in text(found)
    assert f"the 95 % interval of robust accuracy is {100 * low:.0f} to {100 * high:.0f} %" in text(found)
    assert "With the fold as the unit" not in text(of(made()))


def test_the_worst_case_over_attacks_counts_clips_that_any_attack_takes():
    """Of 16 clips one attack leaves the first 8, another all but the first 4: together 4 to 7 stay."""
    rows = (
        clips(16, 8),
        [
            {**row, "predicted_adv": 1 - row["label"] if place < 4 else row["label"]}
            for place, row in enumerate(clips(16, 8))
        ],
    )
    found = results((case(rows[0]), rows[0]), (case(rows[1], "pgd", generator=None), rows[1]))
    assert "In the worst case over all 2 attacks on emo18 within the same budget, it is 25 % " in text(found)
    assert "the strongest single attack is staa_net" in text(found)


def test_few_speakers_are_said_to_be_few():
    assert "by 10 speakers." in text(of(made()))
    assert "by 7 speakers, too few for intervals that cover other speakers." in text(of(made(speakers=7)))


def test_loud_budgets_are_one_warning_per_model():
    loud = made(flags=["noise_sensitive"], asr_control=0.43)
    said = text(of(loud, replace(loud, attack="pgd"), made(**TRANSFERRED)))
    assert said.count("loud for this model") == 1
    assert "Noise alone changed 43 % of the predictions of emo18 on emo_db: this budget is loud for this model" in said
    said = text(of(loud, replace(loud, budget_epsilon=0.06, asr_control=0.6)))
    assert "Noise alone changed 43 to 60 % of the predictions of emo18 on emo_db: these 2 budgets are loud" in said
    assert "loud" not in text(of(made()))


def test_an_attack_on_features_changes_features():
    assert "The attack changed 4.9 % of the features" in text(of(made(domain="feature")))


def test_every_flag_has_a_sentence():
    assert set(FLAGS) == set(summary.FLAGS)


def test_flags_of_a_model_name_the_folds_that_raised_them():
    pooled = made(
        folds=(0, 1, 2), folds_planned=3, flags=["one_class", "few_speakers"], folds_flagged={"one_class": [0, 2]}
    )
    found = {name: cases for name, _, cases in summary.flags([pooled])}
    assert found == {"one_class": ["staa_net: emo18 → emo18, folds 0, 2"], "few_speakers": ["staa_net: emo18 → emo18"]}


def test_a_page_names_a_few_records_with_a_flag_and_counts_the_others():
    names = [f"case {number}" for number in range(9)]
    assert summary.listed(names[:6]) == "case 0, case 1, case 2, case 3, case 4, case 5"
    assert summary.listed(names[:7]) == "case 0, case 1, case 2, case 3, case 4, case 5 and 1 more"
    assert summary.listed(names).endswith("case 5 and 3 more")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"budget_epsilon": None, "budget_snr_db": 17.0, "budget_sparsity": 0.12}, "17 dB below the peak, 12 %"),
        ({"budget_epsilon": 0.06}, "epsilon 0.06, 5 %"),
        ({"budget_sparsity": 0.125}, "epsilon 0.03, 12.5 %"),
        ({"budget_epsilon": None, "seed": 1}, "seed 1, epsilon unbounded, 5 %"),
    ],
)
def test_records_of_several_budgets_are_named_with_the_budget_as_one(changes, named):
    pair = [made(flags=["comb"]), made(flags=["comb"], **changes)]
    ((_, _, names),) = summary.flags(pair)
    assert names[1] == f"staa_net: emo18 → emo18 ({named})"
