"""Readers refuse what once went wrong in fuzzing, and what a short round of fuzzing makes."""

import random

import pytest

from reliability.bad.case import Case, judge
from reliability.fuzzed import READERS, mutated, seeds_of

ROUNDS = 15


@pytest.mark.parametrize("name", READERS)
def test_a_reader_reads_or_refuses_changed_seeds(name, tmp_path):
    drawn, seeds = random.Random(0), seeds_of(name)
    for content in [*seeds, *(mutated(drawn.choice(seeds), seeds, drawn) for _ in range(ROUNDS))]:
        case = Case(name, "fuzzed", lambda folder, content=content: READERS[name](content, folder))
        judgement = judge(case, tmp_path)
        assert judgement.result in ("refused", "told", "accepted"), (judgement, content[:200])
