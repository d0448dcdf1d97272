"""Write results/claims.md from the paper's own numbers and from published results: `python tools/claims.py`.

Each claim of the STAA-Net paper gets two verdicts: one from the tables of the paper, one from results measured here.
"""

from collections.abc import Callable
from dataclasses import dataclass

import claims_measured as measured
import claims_published as paper
from claims_measured import LICENSED, untestable
from verdicts import HOLDS, NOT, PARTLY, RESULTS, UNDECIDED, UNTESTABLE, Verdict

from staanet.report.tables import grid

PAGE = RESULTS / "claims.md"


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Args:
        text: The claim in one sentence.
        section: Section of the paper that makes it.
        paper: Check against the tables of the paper.
        here: Check against the results measured here.
    """

    text: str
    section: str
    paper: Callable[[], Verdict]
    here: Callable[[], Verdict]


CLAIMS = (
    Claim(
        "The generated examples fool models other than the source (abstract, section 6)",
        "5.2",
        paper.fools_unseen_models,
        measured.transfers,
    ),
    Claim(
        "They transfer better than those of PGD, SparseFool and One-Pixel",
        "5.2",
        paper.transfers_best,
        measured.transfers_better,
    ),
    Claim(
        "The generator learns patterns that transfer, not positions that do not matter",
        "3.2.4",
        untestable("no table tests it"),
        measured.positions_matter,
    ),
    Claim(
        "A more advanced source raises the ASR on simpler models",
        "5.2",
        paper.advanced_source_transfers_better,
        measured.advanced_source_transfers_better,
    ),
    Claim(
        "One pass is at least 57 to 100 times as fast as PGD", "5.2", paper.faster_than_pgd, measured.faster_than_pgd
    ),
    Claim(
        "The perturbations are the sparsest except for One-Pixel",
        "5.2",
        paper.sparsest,
        untestable("the paper's generator chooses its own sparsity; here the budget sets it"),
    ),
    Claim(
        "They are imperceptible: about 17 dB counts as 20 dB or larger",
        "5.2",
        paper.imperceptible,
        measured.hardly_audible,
    ),
    Claim(
        "One-Pixel fails to attack any of the samples",
        "5.2",
        paper.one_pixel_fails,
        untestable("needs DEMoS; staanet run table4 with the corpus"),
    ),
    Claim(
        "The models are comparable or superior to previous work on DEMoS",
        "5.1",
        paper.models_reach_prior_work,
        untestable("DEMoS is licensed and was not available; staanet run table2 with the corpus"),
    ),
    Claim(
        "Without factorisation every sample changes", "5.3", paper.dense_without("factorisation"), untestable(LICENSED)
    ),
    Claim("Without the magnitude loss ASRs are poor", "5.3", paper.worse_without_magnitude, untestable(LICENSED)),
    Claim(
        "Without the sparsity loss every sample changes", "5.3", paper.dense_without("sparsity"), untestable(LICENSED)
    ),
    Claim(
        "Without the quantisation loss the sparsity rises",
        "5.3",
        paper.more_samples_without_quantisation,
        untestable(LICENSED),
    ),
)


def page() -> str:
    """Return the page in Markdown."""
    rows = [[claim.text, claim.section, *claim.paper(), *claim.here()] for claim in CLAIMS]
    heads = ["claim", "section", "in its own numbers", "because", "measured here", "because"]
    lines = [
        "# The STAA-Net paper's claims",
        "`python tools/claims.py` writes this page from "
        "[the paper's numbers](../src/staanet/experiments/published/staanet.toml) (arXiv 2402.01227) and from the "
        "results published in this folder. *In its own numbers*: whether the tables of the paper support the claim, "
        "cell by cell. *Measured here*: whether the results in this folder do. DEMoS and IEMOCAP are available on "
        f"request only; claims that need them are {UNTESTABLE} until somebody runs `staanet run table1` to `table6` on "
        "them. Results on EmoDB instead are marked as such. Differences are paired clip by clip, in percentage points. "
        "Of their two 95 % intervals, the first allows for clips of a speaker to resemble each other, and the second, "
        "*by fold*, also covers other trainings of the models and generators, since each fold trained its own. A "
        f"difference counts if both intervals exclude 0; else it is {UNDECIDED}. A claim {HOLDS} if all cases support "
        f"it, {PARTLY} if some support and some contradict it, {NOT} if some contradict and none supports it, and is "
        f"{UNDECIDED} otherwise.",
        grid(heads, rows, words=len(heads)),
        "## Contradictions within the paper",
        *(f"{number}. {text}" for number, text in enumerate(paper.inconsistencies(), 1)),
    ]
    return "\n\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
