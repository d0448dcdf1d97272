"""A few cases of the tables in docs/reliability.md; all of them take `python tools/reliability/<table>.py`."""

import pytest


@pytest.mark.parametrize("seed", [2, 5])
def test_a_killed_run_ends_with_the_records_of_an_undisturbed_one(tiny, whole, tmp_path, seed):
    import kills

    (tmp_path / "case").mkdir()
    made = kills.case(seed, tiny.results(whole), 3.0, tmp_path / "case")
    assert made["result"] == "identical", made


@pytest.mark.parametrize("seed", [1, 8, 15, 22])
def test_damage_is_never_silent(tiny, whole, tmp_path, seed):
    import damage

    (tmp_path / "case").mkdir()
    made = damage.case(seed, whole, tiny.results(whole), tmp_path / "case")
    assert made["result"] in damage.RIGHT, made


def test_three_processes_in_one_folder_make_the_records_of_one(tiny, whole, tmp_path):
    import processes

    (tmp_path / "case").mkdir()
    made = processes.case(0, 3, tiny.results(whole), tmp_path / "case")
    assert made["result"] == "identical", made


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_damage_to_any_file_is_never_silent(tiny, whole, tmp_path, seed):
    import damage

    (tmp_path / "case").mkdir()
    made = damage.case(seed, whole, tiny.results(whole), tmp_path / "case")
    assert made["result"] in damage.RIGHT, made
