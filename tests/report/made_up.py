"""Results of made-up runs in memory, whose figures follow from their outcomes."""

from types import SimpleNamespace

from report.sections.outcomes import row
from report.test_report import made
from staanet.core.run import Layout
from staanet.evaluation import pooled
from staanet.evaluation.case import figures
from staanet.report.results import Results

COSTS = dict.fromkeys(("comb_share", "comb_share_model", "seconds_per_clip", "queries", "gradients"), 0.5)
CLIPS = 16


def clips(correct, robust, *, fold=0, number=CLIPS, speakers=2, control=0):
    """Return clips of two classes: the first `correct` are recognised, of these the first `robust` under attack too.

    The other predictions stay as they were. The first `control` controls of each clip change its prediction.
    """
    return [
        row(
            1000 * fold + place,
            "female",
            f"{fold}-{place % speakers}",
            place % 2,
            place % 2 if place < correct else 1 - place % 2,
            place % 2 if place < robust else 1 - place % 2,
            predicted_control=[1 - (place % 2 if place < correct else 1 - place % 2) if place < control else
                               (place % 2 if place < correct else 1 - place % 2)] * 3,
        )
        for place in range(number)
    ]  # fmt: skip


def case(rows, attack="staa_net", source="emo18", target="emo18", *, fold=None, planned=0, **changes):
    """Return the record of a case, with the figures of its outcomes."""
    values = {
        "signature": f"{attack}-{source}-{target}-{fold}",
        "labels": ["anger", "joy"],
        "fold": fold,
        "folds": () if fold is None else (fold,),
        "folds_planned": planned,
        "split": f"{fold}",
    }
    return made(attack, source, target, **{**figures(rows, 2, COSTS), **values, **changes})


def results(*cases, layout=None):
    """Return the results of a run of some cases, each a record with its rows."""
    outcomes = {record.signature: rows for record, rows in cases}
    run = SimpleNamespace(layout=layout or Layout(), outcomes=lambda record: outcomes[record.signature], toy=False)
    parts = [record for record, _ in cases]
    return Results(run, parts, pooled(parts, run.outcomes))


def folded(shares, attack="staa_net", source="emo18", target="emo18", **changes):
    """Return the records of a case and their rows, one per fold, with the numbers of correct and robust clips."""
    rows = {fold: clips(*share, fold=fold) for fold, share in enumerate(shares)}
    more = {"planned": len(shares), **changes}
    return [(case(own, attack, source, target, fold=fold, **more), own) for fold, own in rows.items()]
