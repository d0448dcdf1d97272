import pytest
import verdicts


@pytest.mark.parametrize(
    ("signs", "expected"),
    [
        ((1, 1), "holds"),
        ((1, 0), "undecided"),
        ((0, 0), "undecided"),
        ((1, 0, -1), "in part"),
        ((0, -1), "does not hold"),
        ((), "undecided"),
    ],
)
def test_verdicts_from_signs(signs, expected):
    assert verdicts.from_signs(signs) == expected


@pytest.mark.parametrize(("supporting", "expected"), [(3, "holds"), (1, "in part"), (0, "does not hold")])
def test_verdicts_from_cells(supporting, expected):
    assert verdicts.verdict(supporting, 3, "figures") == (expected, "figures")
