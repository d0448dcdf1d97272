"""The figures of a defended model: each attacker, and the worst of them for every clip."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from staanet.assessment.attackers import check_adaptive
from staanet.assessment.result import Interval, interval
from staanet.metrics.intervals import beyond_clips, paired
from staanet.metrics.success import mean_recall
from staanet.report.wording import interval as in_percent
from staanet.report.wording import percent

Flags = NDArray[np.bool_]

Verdict = Literal["helps", "harms", "undecided"]


@dataclass(frozen=True)
class Attacker:
    """The share of the clips that are right under one attacker.

    Args:
        name: `none`, `oblivious`, `adaptive`, `generator`, `gradient` (on the model without the defence) or `worst`.
        accuracy: Share of the clips that are right without and under the attack.
        accuracy_ci: Its 95 % interval, which allows for clips of one speaker being alike.
        uar: The same as the mean over emotions.
    """

    name: str
    accuracy: float
    accuracy_ci: Interval
    uar: float

    @classmethod
    def of(cls, name: str, values: Flags, rows: Sequence[Any]) -> "Attacker":
        """Return the figures of whether each clip is right; `rows` have its label and speaker."""
        shares = values.astype(np.float64)
        names = np.unique([row.label for row in rows], return_inverse=True)[1]
        uar = float(mean_recall(names, np.where(values, names, -1)))
        return cls(name, float(shares.mean()), interval(shares, rows), uar)


@dataclass(frozen=True)
class Defended:
    """What a defence is worth for a model; `defended.json` has these fields.

    Args:
        model: Name of the model.
        corpus: Name of the corpus.
        defence: Name of the defence.
        settings: Its settings.
        gradient: What the adaptive attacker uses of the defence: `exact`, `straight_through` or `expectation`.
        budget: Budget of all attackers.
        n: Number of clips.
        clean: The defended model without an attack.
        clean_undefended: The model without the defence and without an attack.
        undefended: The model without the defence under the same attackers, the worst for each clip.
        attackers: The defended model under each attacker.
        draws: Robust accuracy under the adaptive attacker for each number of draws.
        converged: Whether twice as many draws changed nothing in the end.
        worst: The defended model under the worst attacker for each clip.
        gain: Robust accuracy under the worst attacker minus that of the model without the defence.
        gain_ci: Its 95 % interval, paired by clip.
        verdict: `helps` if the interval is above 0, `harms` if it is below, else `undecided`.
    """

    model: str
    corpus: str
    defence: str
    settings: dict[str, Any]
    gradient: str
    budget: dict[str, Any]
    n: int
    clean: Attacker
    clean_undefended: Attacker
    undefended: Attacker
    attackers: Sequence[Attacker]
    draws: Sequence[tuple[int, float]]
    converged: bool
    worst: Attacker
    gain: float
    gain_ci: Interval
    verdict: Verdict

    def lines(self) -> list[str]:
        """Return the result as a terminal shows it."""
        names = ", ".join(one.name for one in self.attackers)
        lines = [
            f"{self.model} behind {self.defence} ({self.gradient} gradient) is right on {percent(self.clean.accuracy)} "
            f"% of {self.n} clips ({percent(self.clean_undefended.accuracy)} % without it) and under the worst of the "
            f"attackers ({names}) on {percent(self.worst.accuracy)} % {in_percent(self.worst.accuracy_ci)}.",
            f"Without the defence it is right on {percent(self.undefended.accuracy)} % under them; the difference is "
            f"{percent(self.gain)} points {in_percent(self.gain_ci)}: {self.verdict}.",
        ]
        if not self.converged:
            lines.append(
                f"The adaptive attacker still gained with {self.draws[-1][0]} draws; the defence is weaker than this."
            )
        if all(one.name != "generator" for one in self.attackers):
            lines.append("No generator was trained through the defence; the worst of three attackers may be worse.")
        return lines

    def markdown(self) -> str:
        """Return the result as Markdown."""
        shown = [self.clean_undefended, self.undefended, self.clean, *self.attackers, self.worst]
        behind = ["no", "no", *["yes"] * (2 + len(self.attackers))]
        rows = [
            f"| {where} | {one.name} | {percent(one.accuracy)} {in_percent(one.accuracy_ci)} | {percent(one.uar)} |"
            for where, one in zip(behind, shown, strict=True)
        ]
        settings = ", ".join(f"{key} = {value}" for key, value in self.settings.items())
        budget = ", ".join(f"{key} = {value}" for key, value in self.budget.items() if value is not None)
        return "\n".join(
            [
                f"## {self.model} behind {self.defence}",
                "",
                *self.lines(),
                "",
                f"Defence: {self.defence} ({settings}). Budget: {budget}.",
                "",
                "| defence | attacker | right, % [95 % interval] | UAR, % |",
                "| --- | --- | --- | --- |",
                *rows,
                "",
            ]
        )


def worst(robust: Mapping[str, Flags], undefended: Flags, rows: Sequence[Any]) -> dict[str, Any]:
    """Return the figures of the worst attacker for each clip, and the verdict on the defence.

    Args:
        robust: Whether each clip is right, by the name of the attacker.
        undefended: The same of the model without the defence, under the same attackers.
        rows: The clips, with their label and speaker.

    Raises:
        StaanetError: If no attacker knows the defence.
    """
    check_adaptive(robust)
    together = np.logical_and.reduce(list(robust.values()))
    differences = together.astype(np.float64) - undefended.astype(np.float64)
    labels = np.unique([row.label for row in rows], return_inverse=True)[1]
    low, high = beyond_clips(differences, labels, [row.speaker for row in rows], paired(differences), low=-1.0)
    verdict: Verdict = "helps" if low > 0 else "harms" if high < 0 else "undecided"
    return {
        "worst": Attacker.of("worst", together, rows),
        "gain": float(differences.mean()),
        "gain_ci": (low, high),
        "verdict": verdict,
    }
