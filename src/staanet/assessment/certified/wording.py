"""A certification in sentences, as Markdown and as a page."""

from staanet.assessment.certified.figures import Certified, CertifiedPoint
from staanet.certificates import Draws
from staanet.defences import RandomisedSmoothing, Smoothing
from staanet.report.templates import page as html_page
from staanet.report.wording import interval, percent


def plan(model: str, smoothing: Smoothing, draws: Draws, clips: int) -> str:
    """Return what a certification of so many clips will do."""
    if isinstance(smoothing, RandomisedSmoothing):
        return f"{model}, {smoothing.name}: {draws.selection + draws.estimation} votes on each of {clips} clips"
    return f"{model}, {smoothing.name}: one vote on each part of each of {clips} clips"


def headline(found: Certified) -> str:
    """Return the result in one sentence."""
    best = found.curve[0] if found.norm == "l0" else _middle(found)
    return (
        f"{found.model} with {found.smoothing} is right on {percent(found.accuracy)} % of {found.n} clips (UAR "
        f"{percent(found.uar)} %) and provably stays so on {percent(best.accuracy)} % {interval(best.accuracy_ci)} for "
        f"{_changes(best)}."
    )


def _middle(found: Certified) -> CertifiedPoint:
    """Return the largest budget in energy that is certified for anything, or the smallest budget."""
    energies = [point for point in found.curve if point.snr_db is not None]
    return next((point for point in reversed(energies) if point.accuracy > 0), energies[0])


def _changes(point: CertifiedPoint) -> str:
    if point.samples is not None:
        return f"any change of {point.budget}"
    return f"any change of the clip that is {point.budget}"


def reservations(found: Certified) -> list[str]:
    """Return what the certificate is about and what it does not say."""
    chance = (
        f"For each clip, the certificate is wrong with a probability of at most {found.alpha:g} ({found.draws} votes; "
        f"the votes abstain on {percent(found.abstained)} % of the clips, which count as wrong)."
        if found.draws is not None
        else "All voters are asked, so nothing in the certificate is left to chance."
    )
    return [
        found.certified_object,
        chance,
        f"A classifier that always gives the same answer is right on {percent(found.accuracy_constant)} % of these "
        f"clips (UAR {percent(found.uar_constant)} %) under any attack; a certificate below this says little.",
        "The certificate holds for the decision of the votes, for every attack within the budget, and for nothing "
        "beyond it: budgets at which every sample may change by 40 dB below the peak, or one per cent of the samples "
        "by any amount, are far larger than what can be certified today.",
    ]


def lines(found: Certified) -> list[str]:
    """Return the result as a terminal shows it."""
    points = ", ".join(f"{point.budget} {percent(point.accuracy)} %" for point in found.curve)
    return [headline(found), f"correct and certified: {points}", *reservations(found)]


def markdown(found: Certified) -> str:
    """Return a summary as Markdown."""
    rows = [
        f"| {point.budget} | {percent(point.accuracy)} {interval(point.accuracy_ci)} | {percent(point.uar)} |"
        for point in found.curve
    ]
    settings = ", ".join(f"{key} = {value}" for key, value in found.settings.items())
    return "\n".join(
        [
            f"## Certificate of {found.model}",
            "",
            headline(found),
            "",
            f"Smoothing: {found.smoothing} ({settings}).",
            "",
            "| budget of the attack | correct and certified, % [95 % interval] | UAR, % |",
            "| --- | --- | --- |",
            f"| none | {percent(found.accuracy)} {interval(found.accuracy_ci)} | {percent(found.uar)} |",
            *rows,
            f"| any, constant answer | {percent(found.accuracy_constant)} | {percent(found.uar_constant)} |",
            "",
            *(f"- {line}" for line in reservations(found)),
            "",
        ]
    )


def page(found: Certified) -> str:
    """Return the page."""
    return html_page(
        "certificate.html.j2",
        styles=("page.css",),
        scripts=(),
        found=found,
        headline=headline(found),
        reservations=reservations(found),
        percent=percent,
        interval=interval,
    )
