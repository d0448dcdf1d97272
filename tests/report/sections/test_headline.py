"""The case of the summary, fold by fold."""

from report.made_up import case, clips, folded, results
from staanet.core.run import Headline, Layout
from staanet.report.sections.headline import section

SHARES = [(16, 0), (16, 8), (16, 4)]
NAMED = Headline("staa_net", "emo18", "emo18")


def test_all_folds_come_first_then_those_without_selection_then_each():
    made = section(results(*folded(SHARES), layout=Layout(headline=NAMED, selection_folds=(0,))))
    assert [row[0].text for row in made.table.rows] == ["0, 1, 2", "1, 2", "0", "1", "2"]
    assert [row[3].text for row in made.table.rows] == ["25.0", "37.5", "0.0", "50.0", "25.0"]
    assert [bool(row[4].interval) for row in made.table.rows] == [True, True, False, False, False]
    assert "Settings were chosen on fold 0" in made.table.caption
    assert [group for group, _ in made.table.groups] == ["", "robust accuracy", "", "ASR", "", "excess"]


def test_the_caption_names_only_folds_of_the_case():
    caption = section(results(*folded(SHARES), layout=Layout(selection_folds=(7, 1, 0)))).table.caption
    assert "Settings were chosen on folds 0, 1, so that results may be too good there; the rows without them" in caption
    caption = section(results(*folded(SHARES), layout=Layout(selection_folds=(2, 3)))).table.caption
    assert "Settings were chosen on fold 2, so that results may be too good there; the rows without it" in caption


def test_each_fold_shows_the_flags_that_it_raised():
    parts = [
        (case(rows, fold=fold, planned=2, flags=["one_class"] if fold else []), rows)
        for fold, rows in enumerate((clips(16, 4), clips(16, 8, fold=1)))
    ]
    made = section(results(*parts))
    assert [row[1].text for row in made.table.rows][1:] == ["", "one_class"]
    assert "one_class" in made.table.rows[0][1].text  # a flag of a model in any fold is shown
    assert "Settings were chosen" not in made.table.caption


def test_one_fold_left_has_no_row_of_its_own():
    made = section(results(*folded(SHARES[:2]), layout=Layout(selection_folds=(0,))))
    assert [row[0].text for row in made.table.rows] == ["0, 1", "0", "1"]


def test_a_case_of_one_fold_has_no_such_section():
    rows = clips(16, 4)
    assert section(results((case(rows), rows))) is None
