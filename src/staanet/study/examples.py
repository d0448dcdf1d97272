"""Clips to listen to: an original beside its adversarial twin, and what every target heard in both."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from staanet.audio import files as audio
from staanet.core.files import atomic_write, write_json
from staanet.data import Dataset
from staanet.evaluation import AdversarialSet

Rows = Sequence[Mapping[str, Any]]


def write(
    folder: Path,
    name: str,
    dataset: Dataset,
    adversarial: AdversarialSet,
    outcomes: Mapping[str, Rows],
    *,
    chosen: int | Sequence[str],
    about: Mapping[str, str],
) -> list[Path]:
    """Write clips to folders of their own, and return the folders.

    Args:
        folder: where.
        name: what the folders' names begin with.
        dataset: the clean clips.
        adversarial: the attacked ones.
        outcomes: the per-clip rows of each target, by its name.
        chosen: how many clips, those that fooled the most targets first; or their ids, of which some may be elsewhere.
        about: what is written beside each clip's own figures.
    """
    clips = {target: {row["id"]: row for row in rows} for target, rows in outcomes.items()}
    places = []
    for number, clip in enumerate(_chosen(outcomes, chosen) if isinstance(chosen, int) else chosen):
        if clip not in adversarial.clips:
            continue
        place = folder / f"{name}-{number if isinstance(chosen, int) else clip}"
        places.append(place)
        if (place / "example.json").is_file():
            continue
        row = next(iter(clips.values()))[clip]
        decided = ("predicted_clean", "predicted_adv")
        facts = {
            "id": clip,
            "label": dataset.labels[row["label"]],
            "predictions": {t: [dataset.labels[rows[clip][key]] for key in decided] for t, rows in clips.items()},
            "snr_peak_db": row["snr_peak_db"],
            "sparsity": row["l0"] / row["length"],
        }
        original, attacked = adversarial.beside(dataset, clip)
        with atomic_write(place) as temporary:
            temporary.mkdir()
            audio.write(temporary / "original.flac", original.numpy(), dataset.sample_rate)
            audio.write(temporary / "adversarial.flac", attacked.numpy(), dataset.sample_rate)
            write_json(temporary / "example.json", {**about, **facts})
    return places


def _chosen(outcomes: Mapping[str, Rows], count: int) -> list[str]:
    """Return the ids of `count` clips: of different emotions where there are, then those that fooled more targets."""
    fooled: dict[str, int] = {}
    labels: dict[str, int] = {}
    for rows in outcomes.values():
        for row in rows:
            labels[row["id"]] = row["label"]
            fooled[row["id"]] = fooled.get(row["id"], 0) + (row["predicted_adv"] != row["predicted_clean"])
    heard: dict[int, int] = {}
    ranks = []
    for clip in sorted(fooled, key=lambda clip: (-fooled[clip], clip)):
        again = heard.get(labels[clip], 0)
        heard[labels[clip]] = again + 1
        ranks.append((fooled[clip] == 0, again, -fooled[clip], clip))
    return [clip for *_, clip in sorted(ranks)[:count]]
