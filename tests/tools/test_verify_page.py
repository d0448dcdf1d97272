import dataclasses
import json
import re
import shutil

import pytest

pytest.importorskip("pyarrow")

from verified_study import bumped, differences
from verify import pages
from verify.checks import Checks
from verify.sentences import SENTENCES, check_page

from staanet.core.run import Run
from staanet.report.results import Results
from staanet.report.summary import sentences


def test_the_study_has_every_table_and_every_sentence(published):
    assert {path.stem for path in (published / "tables").iterdir()} == {*pages.TABLES, "listening"}
    text = (published / "README.md").read_text()
    parts = text.partition("![")[0].split("\n\n")[1:]
    # the leading attack has a known ratio, and each of the other sentences is there once, but for two other targets
    assert len(SENTENCES) - 1 == sum(bool(re.search(r"\d", part)) for part in parts) - 1


def test_every_altered_number_of_the_page_is_named(published, study, tmp_path):
    shutil.copytree(published, tmp_path / "study")
    copied, path = dataclasses.replace(study, folder=tmp_path / "study"), tmp_path / "study" / "README.md"
    text = path.read_text()
    summary = text.partition("![")[0]
    numbers = [match for match in re.finditer(r"(?<![\w.-])\d+(?:\.\d+)?", summary) if match.start() > 10]
    assert len(numbers) > 50
    missed = []
    for number in numbers:
        path.write_text(text[: number.start()] + bumped(number[0]) + text[number.end() :])
        checks = Checks("study")
        check_page(copied, checks)
        if not any("README.md" in line for line in [*checks.differences, *checks.unchecked]):
            missed.append(summary[number.start() - 30 : number.end() + 10])
    assert missed == []


@pytest.mark.parametrize(
    ("headline", "selection_folds", "shown"),
    [
        (("pgd", "emo18", "zhao19"), (0, 1), "Over fold 2 alone"),
        (("pgd", "emo18", "zhao19"), (), "of zhao19, to which the attack had no access (transfer), is"),
        (("pgd", "emo18", "zhao19"), (2,), "On emo18 itself (white-box), the robust accuracy is"),
        (("noise", "none", "emo18"), (0, 1, 2), "Under noise, which needs no source model, the robust accuracy of emo"),
        (("fgsm_0.5", "emo18", "emo18"), (1,), "of the features"),
    ],
)
def test_every_sentence_on_another_leading_case_is_checked(study, tmp_path, headline, selection_folds, shown):
    names = dict(zip(("attack", "source", "target"), headline, strict=True))
    run = Run(published_as(study, tmp_path, headline=names, selection_folds=selection_folds))
    text = sentences(Results.read(run))
    assert any(shown in sentence for sentence in text)
    (tmp_path / "study" / "README.md").write_text("\n\n".join(["# A study", *text, "![", ""]))
    layout = study.layout | {"headline": names, "selection_folds": list(selection_folds)}
    checks = Checks("study")
    check_page(dataclasses.replace(study, folder=tmp_path / "study", layout=layout), checks)
    assert [line for line in checks.differences if "does not show" not in line and "flag" not in line] == []
    assert list(checks.unchecked) == []


def published_as(study, place, **layout):
    """Return a copy of the study, without its tables, in which the layout differs."""
    shutil.copytree(study.folder, place / "study", ignore=shutil.ignore_patterns("tables"))
    (place / "study" / "run.json").write_text(json.dumps(study.layout | layout))
    return place / "study"


def test_a_lost_sentence_is_named(published, study, tmp_path):
    shutil.copytree(published, tmp_path / "study")
    copied, path = dataclasses.replace(study, folder=tmp_path / "study"), tmp_path / "study" / "README.md"
    text = path.read_text()
    lines = [line for line in text.partition("![")[0].split("\n\n")[1:] if re.search(r"\d", line)]
    assert len(lines) > 10
    for line in lines:
        path.write_text(text.replace(f"{line}\n\n", "", 1))
        assert any("README.md: " in found and "sentences on" in found for found in differences(check_page, copied)), (
            line
        )


ALTERED = {
    "computed on emo18": "computed on zhao19",
    "itself (white-box) is": "itself (black-box) is",
    "to which the attack had no access (transfer)": "to which the attack had access (transfer)",
    "folds 1, 2 alone": "folds 1, 3 alone",
    "chosen on fold 0": "chosen on fold 1",
    "instead of": "instead of 1",
    "these 2 budgets are": "these 3 budgets are",
    "this budget is": "these 2 budgets are",
    "epsilon 0.25 deviations": "epsilon 0.2 deviations",
    "predictions of guarded on": "predictions of zhao19 on",
    "strongest single attack is pgd": "strongest single attack is noise",
}


@pytest.mark.parametrize("words", ALTERED)
def test_altered_words_of_the_page_are_named(published, study, tmp_path, words):
    shutil.copytree(published, tmp_path / "study")
    text = (published / "README.md").read_text()
    assert words in text.partition("![")[0]
    (tmp_path / "study" / "README.md").write_text(text.replace(words, ALTERED[words], 1))
    assert differences(check_page, dataclasses.replace(study, folder=tmp_path / "study"))


def test_a_flag_that_leaves_out_cases_or_counts_them_wrongly_is_named(published, study, tmp_path):
    shutil.copytree(published, tmp_path / "study")
    copied, path = dataclasses.replace(study, folder=tmp_path / "study"), tmp_path / "study" / "README.md"
    text = path.read_text()
    flag = next(line for line in text.splitlines() if line.startswith("- **") and line.endswith(" more."))
    assert not differences(check_page, copied)
    count = re.search(r"(\d+) more\.$", flag)[1]
    *_, last = re.finditer(r", \S+: \S+ → ", flag)
    one_less = f"{flag[: last.start()]} and {count} more."
    more_listed = f"{flag[: last.start()]} and {int(count) + 1} more."
    for wrong in (flag.replace(f"{count} more", f"{int(count) + 1} more"), flag.replace(f" and {count} more", ""),
                  one_less, more_listed):  # fmt: skip
        assert wrong != flag
        path.write_text(text.replace(flag, wrong))
        assert any("README.md" in line and "more" in line for line in differences(check_page, copied)), wrong


def test_a_flag_that_names_another_fold_or_case_is_named(published, study, tmp_path):
    shutil.copytree(published, tmp_path / "study")
    copied, path = dataclasses.replace(study, folder=tmp_path / "study"), tmp_path / "study" / "README.md"
    text = path.read_text()
    flag = next(line for line in text.splitlines() if line.startswith("- **") and ", fold" in line)
    name = flag.removeprefix("- **").partition("**")[0]
    for wrong in (re.sub(r"folds? [\d, ]*\d", "fold 7", flag), flag.replace("→ emo18", "→ zhao19", 1), ""):
        path.write_text(text.replace(flag, wrong))
        assert any("README.md" in line and name in line for line in differences(check_page, copied)), wrong
