"""Checks of the page of a study: its tables, the numbers in its sentences, and the cases that its flags name."""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from verify.cases import Case, cases_of
from verify.checks import Checks
from verify.formulae import FEW_SPEAKERS
from verify.rows_of_records import CONDITIONS, budget_text, lead_of, robustness, same_conditions
from verify.study import Study
from verify.tables import Table, as_text, number_agrees

Values = dict[str, Any]

RATE = "{%s} % (95 % interval {%s_low} to {%s_high} %)"
ROBUST, ASR = (RATE.replace("%s", name) for name in ("robust", "asr"))
EXCESS = (
    "; random noise of the same size on the same number of samples changed {control} %, so that the excess is "
    "{excess} points ({excess_low} to {excess_high})[doubt]."
)
RAISED = re.compile(
    r"(?P<attack>\S+): (?P<source>\S+) → (?P<target>[^\s,(]+?)"
    r"(?: \((?P<names>[^()]*(?:\([^()]*\)[^()]*)*)\))?(?:, folds? (?P<folds>\d+(?:, \d+)*))?"
    r"(?:, |(?: and \d+ more)?\.$)"
)
MORE = re.compile(r" and (\d+) more\.$")
MOST_NAMED = 6
"""Largest number of cases that a flag names; the others are counted."""


def check_page(study: Study, checks: Checks) -> None:
    """Check the page of a study against its tables and its cases."""
    cases = cases_of(study)
    text = (study.folder / "README.md").read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")
    for path in sorted((study.folder / "tables").glob("*.md")):
        own = path.read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ").strip()
        if path.stem != "listening":
            checks.invariant("README.md", f"it does not show tables/{path.name} as it is", holds=own in text)
    page = Page(study, cases)
    lines = [line for line in text.split("\n") if line.startswith("- **")]
    for line in lines:
        _check_flag(line, page, checks)
    shown = sorted(line.removeprefix("- **").partition("**")[0] for line in lines)
    checks.figure("README.md", "flags", shown, sorted(set().union(*(case.flags for case in cases))))
    found = Counter(page.check(sentence, checks) for sentence in _prose(text))
    for kind, count in page.expected.items():
        sentence = f"{found[kind]} sentences on {kind}, expected {count}"
        checks.invariant("README.md", sentence, holds=found[kind] == count)


def _prose(text: str) -> list[str]:
    """Return the paragraphs between the title and the figure, which sum up the results."""
    return [part.strip() for part in text.partition("![")[0].split("\n\n")[1:] if part.strip()]


class Page:
    """What the sentences of a page should say.

    Args:
        study: The study.
        cases: Its cases.
    """

    def __init__(self, study: Study, cases: list[Case]) -> None:
        self.study, self.cases = study, cases
        lead = lead_of(study, cases)
        assert lead is not None
        self.lead = lead

    @property
    def rivals(self) -> list[Case]:
        """The cases with the target of the lead under its conditions."""
        same = (*CONDITIONS, "folds", "labels_from", "seed")
        return [case for case in self.cases if same_conditions(case, same) == same_conditions(self.lead, same)]

    @property
    def others(self) -> dict[str, Case]:
        """The cases of the leading attack on other targets, by target."""
        same = [name for name in self.lead.names if name not in ("target", "signature", "defence", "split")]
        alike = [case for case in self.cases if same_conditions(case, same) == same_conditions(self.lead, same)]
        return {case.names["target"]: case for case in alike if case.names["target"] != self.lead.names["target"]}

    @property
    def loud(self) -> dict[tuple[str, str], dict[str, float]]:
        """What noise changes within each loud budget, in per cent, by target and corpus."""
        found: dict[tuple[str, str], dict[str, float]] = {}
        for case in self.cases:
            if "noise_sensitive" in case.flags:
                budgets = found.setdefault((case.names["target"], case.names["corpus"]), {})
                budgets.setdefault(budget_text(case), 100 * case.figures["asr_control"])
        return found

    @property
    def named(self) -> bool:
        """Whether the experiment names the leading case as its headline."""
        headline = self.study.layout.get("headline") or {"attack": None}
        return all(self.lead.names[name] == headline.get(name) for name in ("attack", "source", "target"))

    @property
    def expected(self) -> dict[str, int]:
        """The number of sentences that the page should have of each kind."""
        measured = self.lead.figures["asr_saved"] is not None
        return {
            "the leading case": 5 + measured + (not self.named and len(self.cases) > 1),
            "its folds": int(_by_fold(self, {}) is not None),
            "the folds without a choice": int(_not_chosen(self, {}) is not None),
            "the worst case": int(_worst(self, {}) is not None),
            "other targets": len(self.others),
            "loud budgets": len(self.loud),
        }

    def check(self, sentence: str, checks: Checks) -> str | None:
        """Compare the numbers of a sentence with recomputed ones, or note that it could not be checked.

        Returns:
            The kind of the sentence, None for one that is not known.
        """
        for template, (kind, values_of) in SENTENCES.items():
            if not (match := re.fullmatch(_pattern(template), sentence)):
                continue
            if (values := values_of(self, match.groupdict())) is None:
                checks.differ(f"README.md: the study has nothing that gives “{sentence[:60]}…”")
                return kind
            for name in sorted(values.keys() & match.groupdict().keys()):
                holds = _agrees(match[name], values[name])
                checks.cell(f"README.md: {name} in “{sentence[:60]}…”", match[name], str(values[name]), holds)
            return kind
        if re.search(r"\d", sentence):
            checks.could_not(f"README.md: “{sentence}”")
        return None


def _agrees(shown: str, value: Any) -> bool:
    if isinstance(value, tuple):
        return all(number_agrees(shown, own) for own in value)
    return shown == value if isinstance(value, str) else value is not None and number_agrees(shown, value)


def _pattern(template: str) -> str:
    """Return the regular expression of a template with numbers in braces and texts in brackets."""
    pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>−?\\d+(?:\\.\\d+)?)", re.escape(template))
    return re.sub(r"\\\[(\w+)\\\]", r"(?P<\1>.*?)", pattern)


def _rates(case: Case) -> Values:
    """Return the rates of a case in per cent, by the names of the placeholders."""
    figures, values = case.figures, {}
    for name, field in {"robust": "robust_accuracy", "asr": "asr", "excess": "asr_excess"}.items():
        low, high = figures[f"{field}_speaker_ci"]
        values |= {name: 100 * figures[field], f"{name}_low": 100 * low, f"{name}_high": 100 * high}
    low, high = figures["asr_excess_speaker_ci"]
    doubt = ", which is not significantly different from zero" if low <= 0 <= high else ""
    return values | {"control": 100 * figures["asr_control"], "doubt": doubt}


def _relation(case: Case) -> str:
    source, target = case.names["source"], case.names["target"]
    if source == target:
        return f"{target} itself (white-box)"
    return target if source == "none" else f"{target}, to which the attack had no access (transfer)"


def _origin(case: Case) -> str:
    source = case.names["source"]
    if source == "none":
        return "which needs no source model"
    return f"computed on {source}" if case.names.get("generator") is None else f"trained against {source}"


def _folds_text(case: Case) -> str:
    """Return the folds of a case as sentences name them."""
    folds, planned = case.names["folds"], case.names["folds_planned"]
    missing = f" of the {planned} planned" if len(folds) < planned else ""
    return f"fold{'s' if len(folds) > 1 else ''} {as_text(folds)}{missing}"


def _lead(page: Page, found: Values) -> Values:
    del found
    figures, relation = page.lead.figures, _relation(page.lead)
    few = ", too few for intervals that cover other speakers" if figures["speakers"] < FEW_SPEAKERS else ""
    folds = f" ({_folds_text(page.lead)})" if page.lead.names["folds"] else ""
    shares = ("chance", "accuracy_clean", "robust_uar", "uar_clean", "sparsity", "asr_saved")
    return {
        **_rates(page.lead),
        **{name: None if figures[name] is None else 100 * figures[name] for name in shares},
        "attack": page.lead.names["attack"],
        "origin": _origin(page.lead),
        "relation": f"{relation}," if "," in relation else relation,
        "target": page.lead.names["target"],
        "corpus": page.lead.names["corpus"],
        "n": figures["n"],
        "speakers": figures["speakers"],
        "snr": figures["snr_peak_db"],
        "cases": len(page.cases),
        "rest": folds + few,
        "unit": "samples" if page.lead.names["domain"] == "waveform" else "features",
    }


def _other(page: Page, found: Values) -> Values | None:
    case = page.others.get(re.split(r"[ ,]", found["relation"])[0])
    return None if case is None else {**_rates(case), "relation": _relation(case)}


def _by_fold(page: Page, found: Values) -> Values | None:
    del found
    if not page.lead.pooled:
        return None
    figures = page.lead.figures
    bounds = {"robust": figures["robust_accuracy_fold_ci"], "excess": figures["asr_excess_fold_ci"]}
    values: Values = {f"{name}_low": 100 * low for name, (low, _) in bounds.items()}
    return (
        values | {f"{name}_high": 100 * high for name, (_, high) in bounds.items()} | {"folds": len(page.lead.records)}
    )


def _not_chosen(page: Page, found: Values) -> Values | None:
    """Return the lead over the folds on which no setting was chosen, and over all for comparison."""
    del found
    chosen = page.study.layout.get("selection_folds") or []
    rest = [record for record in page.lead.records if record["fold"] not in chosen]
    if len(rest) in (0, len(page.lead.records)):
        return None
    others, everywhere = Case(page.study, rest), _rates(page.lead)
    used = sorted(set(page.lead.names["folds"]) & set(chosen))
    return {
        **_rates(others),
        **{f"all_{name}": everywhere[name] for name in ("robust", "asr", "excess")},
        "chosen": f"fold{'s' if len(used) > 1 else ''} {as_text(used)}",
        "over": f"fold{'s' if len(rest) > 1 else ''} {as_text(others.names['folds'])}",
    }


def _worst(page: Page, found: Values) -> Values | None:
    """Return the worst case over all attacks on the target of the lead under the same conditions."""
    del found
    rows = [row for row in robustness(page.study, page.rivals, Table("", [], [])) if row.names["access"] == "any"]
    if not rows:
        return None
    values = rows[0].values
    low, high = values["robust accuracy"].bounds or (0.0, 0.0)
    return {
        "attacks": values["attacks"].value,
        "target": page.lead.names["target"],
        "robust": 100 * values["robust accuracy"].value,
        "robust_low": 100 * low,
        "robust_high": 100 * high,
        "n": values["n"].value,
        "strongest": next(iter(values["strongest attack"].value)),
    }


def _loud(page: Page, found: Values) -> Values | None:
    """Return the least and the most that noise changes within the loud budgets of a model, and these budgets."""
    budgets = page.loud.get((found["target"], found["corpus"]))
    if budgets is None:
        return None
    lowest, highest = min(budgets.values()), max(budgets.values())
    return {
        "control": (lowest, highest),
        "lowest": lowest,
        "highest": highest,
        "these": "this budget is" if len(budgets) == 1 else f"these {len(budgets)} budgets are",
        "budgets": "; ".join(budgets),
    }


LOUD = " % of the predictions of [target] on [corpus]: [these] loud for this model ([budgets])."
SENTENCES: dict[str, tuple[str, Callable[[Page, Values], Values | None]]] = {
    f"Under [attack], [origin], the robust accuracy of [relation] is {ROBUST}, where chance is {{chance}} % and the "
    "accuracy before the attack {accuracy_clean} %.": ("the leading case", _lead),
    "No case was named beforehand[missing]: this is the lowest robust accuracy of {cases} cases, chosen after the "
    "fact, so that its interval flatters the attack.": ("the leading case", _lead),
    "The robust UAR is {robust_uar} %, the UAR before the attack {uar_clean} %.": ("the leading case", _lead),
    "Each of the {folds} folds trains its own models. With the fold as the unit, as for a claim about other trainings, "
    "the 95 % interval of robust accuracy is {robust_low} to {robust_high} %, and that of the excess {excess_low} to "
    "{excess_high} points.": ("its folds", _by_fold),
    f"Settings were chosen on [chosen], where results may be too good. Over [over] alone, the robust accuracy is "
    f"{ROBUST}, instead of {{all_robust}} % over all folds; the ASR is {{asr}} instead of {{all_asr}} %, and the "
    "excess {excess} instead of {all_excess} points.": ("the folds without a choice", _not_chosen),
    "In the worst case over all {attacks} attacks on [target] within the same budget, it is {robust} % (95 % interval "
    "{robust_low} to {robust_high} %; n = {n}); the strongest single attack is [strongest].": (
        "the worst case",
        _worst,
    ),
    f"The attack changed {ASR} of the predictions{EXCESS}": ("the leading case", _lead),
    f"On [relation], the robust accuracy is {ROBUST}; {ASR} of the predictions changed{EXCESS}": (
        "other targets",
        _other,
    ),
    f"Noise alone changed {{control}}{LOUD}": ("loud budgets", _loud),
    f"Noise alone changed {{lowest}} to {{highest}}{LOUD}": ("loud budgets", _loud),
    "The case has {n} clips of [corpus] by {speakers} speakers[rest].": ("the leading case", _lead),
    "The attack changed {sparsity} % of the [unit], at a peak SNR of {snr} dB.": ("the leading case", _lead),
    "The attack changed {sparsity} % of the [unit].": ("the leading case", _lead),
    "After the adversarial clips were written to 24-bit files and read back, they changed {asr_saved} % of the "
    "predictions of [target].": ("the leading case", _lead),
}
"""The sentences of a page: what each is on, and the function that computes its numbers; None if the study has no such
case."""


def _check_flag(line: str, page: Page, checks: Checks) -> None:
    """Check which cases, and which folds of them, a flag names, and how many more there are."""
    flag, _, listed = line.removeprefix("- **").partition("**: ")
    shown = Counter(
        (match["attack"], match["source"], match["target"], match["folds"] or "")
        for match in RAISED.finditer(listed.partition("Raised by ")[2])
    )
    expected = Counter(
        (*(case.names[name] for name in ("attack", "source", "target")), as_text(case.folds_flagged.get(flag, [])))
        for case in page.cases
        if flag in case.flags
    )
    wrong = [*(shown - expected)]
    text = "; ".join(": ".join(filter(None, name)) for name in wrong[:3])
    checks.invariant("README.md", f"{flag} is wrong for {text}", holds=not wrong, times=len(page.cases))
    more, missing = sum(map(int, MORE.findall(listed))), (expected - shown).total()
    named = min(MOST_NAMED, expected.total())
    sentence = (
        f"{flag} names {shown.total()} cases and {more} more, expected {named} and {expected.total() - named} more"
    )
    checks.invariant("README.md", sentence, holds=(shown.total(), more) == (named, missing))
