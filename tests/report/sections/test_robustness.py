"""The worst case over attacks, counted by hand."""

import pytest

from report.made_up import case, clips, folded, results
from staanet.report.sections.robustness import ANY, NO_ACCESS, section, table, worst_cases
from staanet.report.tables import markdown


def attacked(left, **changes):
    """Return sixteen recognised clips of which only those whose numbers are in `left` are robust."""
    return [
        {**row, "predicted_adv": row["label"] if place in left else 1 - row["label"], **changes}
        for place, row in enumerate(clips(16, 16))
    ]


def found(*cases):
    run = results(*cases)
    return worst_cases(run.records, run.outcomes)


WHITE_BOX = attacked(range(4)), "pgd", "emo18"
TRANSFER = attacked(range(2, 10)), "staa_net", "zhao19"
OTHER = attacked(range(3, 12)), "fgsm", "zhao19"
NOISE = attacked(range(15)), "noise", "none"


def of(rows, attack, source, **changes):
    return case(rows, attack, source, **changes), rows


def test_a_clip_is_robust_in_the_worst_case_if_no_attack_takes_it():
    any_access, blind = found(of(*WHITE_BOX), of(*TRANSFER), of(*OTHER), of(*NOISE))
    assert (any_access.access, any_access.attacks, any_access.strongest) == (ANY, 4, "pgd")
    assert (any_access.n, any_access.robust_accuracy) == (16, 1 / 16)  # only clip 3
    assert (blind.access, blind.attacks, blind.strongest) == (NO_ACCESS, 2, "staa_net")
    assert blind.robust_accuracy == 7 / 16  # clips 3 to 9
    assert blind.robust_uar == pytest.approx((3 / 8 + 4 / 8) / 2)
    assert blind.chance == 0.5
    assert (blind.accuracy_clean, blind.uar_clean) == (1, 1)


def test_only_attacks_within_one_budget_on_the_same_clips_make_a_worst_case():
    assert found(of(*WHITE_BOX), of(*TRANSFER, budget_sparsity=0.01)) == []
    some, attack, source = OTHER
    (worst, _) = found(of(*WHITE_BOX), of(*TRANSFER), of(some[4:10], attack, source))
    assert (worst.n, worst.robust_accuracy) == (6, 0)
    assert found(of(*WHITE_BOX)) == []
    assert section(results(of(*WHITE_BOX))) is None


def test_a_wrong_answer_that_becomes_right_is_not_robust():
    rows = [{**row, "predicted_clean": 1 - row["label"], "predicted_adv": row["label"]} for row in clips(16, 16)]
    (worst,) = found(of(rows, "pgd", "emo18"), of(rows, "fgsm", "emo18"))
    assert worst.robust_accuracy == 0


def test_models_are_in_the_order_of_their_robust_accuracy():
    weak = [of(attacked(range(2)), name, "zhao19", target="zhao19", asr_excess=0.0) for name in ("pgd", "fgsm")]
    strong = [of(attacked(range(9)), name, "emo18", asr_excess=0.9) for name in ("pgd", "fgsm")]
    assert [row.target for row in found(*weak, *strong)] == ["emo18", "zhao19"]


def test_the_order_holds_within_each_budget_and_the_caption_says_so():
    records = [
        of(attacked(range(hits)), name, target, target=target, budget_epsilon=epsilon)
        for epsilon, hits in ((0.03, 9), (0.06, 2))
        for target in ("emo18", "zhao19")
        for name in ("pgd", "fgsm")
    ]
    rows = found(*records)
    assert [row.budget.split(" of ")[0] for row in rows] == ["epsilon 0.03"] * 2 + ["epsilon 0.06"] * 2
    caption = table(rows, [record for record, _ in records]).caption
    assert "Within each budget and access, models are in the order of their robust accuracy." in caption


def test_the_table_has_robust_accuracy_first_with_its_intervals_and_chance():
    run = results(*folded([(16, 6), (16, 8)]), *folded([(16, 7), (16, 9)], "pgd"))
    made = section(run).table
    assert made.groups[0][1][:4] == ("robust accuracy", "by fold", "robust UAR", "chance")
    assert "Chance (1/K) is 50.0 % for 2 classes." in made.caption
    assert "fold as the unit" in made.caption
    assert "treat clips as independent" in made.caption  # four speakers
    (row,) = made.rows
    assert row[5].text == "43.8"
    assert row[6].interval.startswith("[")
    single = results(of(*WHITE_BOX), of(*TRANSFER))
    without = table(worst_cases(single.records, single.outcomes), single.records)
    assert "By fold" not in without.caption
    assert "None" not in markdown(without)
