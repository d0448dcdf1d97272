"""Made-up results with known answers: records and outcomes as the tools read them."""

from types import SimpleNamespace

NOTHING = {"label": 0, "predicted_clean": 0}


def clip(name, speaker, *, fooled, control=False, **row):
    """Return the outcome of a clip, with one control."""
    own = {"predicted_adv": int(fooled), "predicted_control": [int(control)], "length": 16_000}
    return NOTHING | own | {"id": name, "speaker": speaker} | row


def clips(*shares, speakers=4, per_speaker=10, controls=0.0, fold=0):
    """Return clips of some speakers; in each fold, each speaker has the share of fooled clips given for the speaker.

    Args:
        shares: Share of fooled clips of each speaker; one value for all.
        speakers: Number of speakers.
        per_speaker: Clips of each speaker.
        controls: Share of clips that the control fools.
        fold: Fold, which becomes part of the names of clips and speakers.
    """
    each = shares if len(shares) == speakers else shares * speakers
    return [
        clip(
            f"{fold}-{speaker}-{number}",
            f"{fold}-{speaker}",
            fooled=number < share * per_speaker,
            control=number < controls * per_speaker,
        )
        for speaker, share in enumerate(each)
        for number in range(per_speaker)
    ]


def part(attack, fold, rows, **fields):
    """Return the record of one fold, with the figures that the tools read."""
    n = len(rows)
    classes = max(row["predicted_adv"] for row in rows) + 1
    own = {
        "signature": f"{attack}-{fold}-{fields.get('source', 'emo18')}-{fields.get('target', 'emo18')}",
        "attack": attack,
        "fold": fold,
        "folds": (fold,),
        "pooled": [],
        "partial": False,
        "source": "emo18",
        "target": "emo18",
        "corpus": "emodb",
        "protocol": "file",
        "budget_epsilon": None,
        "budget_snr_db": 17.0,
        "budget_sparsity": 0.12,
        "domain": "waveform",
        "labels_from": "predictions",
        "speakers": len({row["speaker"] for row in rows}),
        "n": n,
        "asr": sum(row["predicted_adv"] != row["predicted_clean"] for row in rows) / n,
        "asr_control": sum(row["predicted_control"][0] != row["predicted_clean"] for row in rows) / n,
        "predictions_adv": [sum(row["predicted_adv"] == one for row in rows) for one in range(classes)],
        "comb_share": None,
        "comb_share_model": None,
        "seconds_per_clip": None,
        "settings": {"attack": {"name": attack}, "target": {"seconds": 1.0}},
    }
    return SimpleNamespace(**(own | fields))


def results(*cases, selection_folds=()):
    """Return results of cases, each a list of pairs of a record per fold and its rows."""
    parts = [record for case in cases for record, _ in case]
    rows = {record.signature: own for case in cases for record, own in case}
    return SimpleNamespace(
        parts=parts,
        records=[_pooled(case) for case in cases],
        outcomes=lambda record: rows[record.signature],
        layout=SimpleNamespace(selection_folds=selection_folds),
    )


def case(attack, *folds, **fields):
    """Return a case of as many folds as there are lists of rows."""
    return [(part(attack, fold, rows, **fields), rows) for fold, rows in enumerate(folds)]


def _pooled(case):
    if len(case) == 1:
        return case[0][0]
    records = [record for record, _ in case]
    n = sum(record.n for record in records)
    means = {name: sum(getattr(r, name) * r.n for r in records) / n for name in ("asr", "asr_control")}
    own = {"pooled": [r.signature for r in records], "folds": tuple(r.fold for r in records), "fold": None, "n": n}
    return SimpleNamespace(**(vars(records[0]) | own | means | {"signature": "pooled"}))
