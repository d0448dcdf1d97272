"""Each bad input ends in one line, or is admitted with a line that says what was left out."""

from collections import Counter

import pytest

from reliability.bad.case import judge
from reliability.bad.table import cases, good

CASES = cases()
READERS = sorted({case.reader for case in CASES})


@pytest.mark.parametrize("reader", READERS)
def test_no_bad_input_ends_in_a_traceback_is_accepted_or_hangs(reader, tmp_path):
    wrong = []
    for number, case in enumerate(case for case in CASES if case.reader == reader):
        (tmp_path / str(number)).mkdir()
        judgement = judge(case, tmp_path / str(number))
        if not judgement.right:
            wrong.append(judgement)
    assert not wrong


@pytest.mark.parametrize(("reader", "read"), [pytest.param(*pair, id=pair[0]) for pair in good()])
def test_the_good_input_next_to_the_bad_ones_is_read(reader, read, tmp_path):
    assert read(tmp_path), reader


def test_there_are_three_hundred_cases_and_each_has_a_name_of_its_own():
    assert len(CASES) >= 300
    assert Counter((case.reader, case.name) for case in CASES).most_common(1)[0][1] == 1
