"""Clips to listen to: an original with its adversarial twin, and what every target model predicts for both."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from staanet.audio import files as audio
from staanet.core.checksums import seal
from staanet.core.files import atomic_write, write_json
from staanet.core.signature import signature_of
from staanet.study.artefacts.cases import Case

Rows = Sequence[Mapping[str, Any]]


def write_examples(cases: Mapping[str, Case]) -> list[Path]:
    """Write some of the adversarial examples for listening, a folder per clip, and return the folders.

    Args:
        cases: The same adversarial examples evaluated on the models whose predictions are written next to each clip, by
            the names of these models.
    """
    adversarial = next(iter(cases.values())).examples
    plan = adversarial.plan
    outcomes = {target: {row["id"]: row for row in case.outcomes} for target, case in cases.items()}
    signature = signature_of(
        {**adversarial.settings, "targets": {name: case.signature for name, case in cases.items()}}
    )
    chosen = plan.use.examples or 0
    attacked, (_, dataset) = adversarial.load(), adversarial.inputs.of(plan, adversarial.source_model)
    folders = []
    for number, clip in enumerate(_choose(outcomes, chosen) if isinstance(chosen, int) else chosen):
        if clip not in attacked.clips:
            continue
        label = number if isinstance(chosen, int) else clip
        folder = adversarial.workspace.out / "examples" / f"{plan.name}-{adversarial.source}-{signature}-{label}"
        folders.append(folder)
        if (folder / "example.json").is_file():
            continue
        row = next(iter(outcomes.values()))[clip]
        original, twin = attacked.pair(dataset, clip)
        facts = {
            "attack": plan.name,
            "source": adversarial.source,
            "domain": plan.use.domain,
            "id": clip,
            "label": dataset.labels[row["label"]],
            "predictions": {
                target: [dataset.labels[rows[clip][key]] for key in ("predicted_clean", "predicted_adv")]
                for target, rows in outcomes.items()
            },
            "snr_peak_db": row["snr_peak_db"],
            "sparsity": row["l0"] / row["length"],
        }
        with atomic_write(folder) as temporary:
            temporary.mkdir()
            audio.write(temporary / "original.flac", original.numpy(), dataset.sample_rate)
            audio.write(temporary / "adversarial.flac", twin.numpy(), dataset.sample_rate)
            write_json(temporary / "example.json", facts)
            seal(temporary)
    return folders


def _choose(outcomes: Mapping[str, Mapping[str, Mapping[str, Any]]], count: int) -> list[str]:
    """Return the ids of `count` clips: of different emotions if possible, then those that fooled more models."""
    fooled: dict[str, int] = {}
    labels: dict[str, int] = {}
    for rows in outcomes.values():
        for clip, row in rows.items():
            labels[clip] = row["label"]
            fooled[clip] = fooled.get(clip, 0) + (row["predicted_adv"] != row["predicted_clean"])
    chosen_of: dict[int, int] = {}
    ranks = []
    for clip in sorted(fooled, key=lambda clip: (-fooled[clip], clip)):
        before = chosen_of.get(labels[clip], 0)
        chosen_of[labels[clip]] = before + 1
        ranks.append((fooled[clip] == 0, before, -fooled[clip], clip))
    return [clip for *_, clip in sorted(ranks)[:count]]
