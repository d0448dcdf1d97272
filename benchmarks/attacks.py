"""Compare our attacks with those of ART and torchattacks: CPU time to the same success, on one thread, clips of 1 s.

    python benchmarks/attacks.py             4 clips, results are only printed
    python benchmarks/attacks.py --full      16 clips, results are written to results/attacks.json
    python benchmarks/attacks.py --model FOLDER --dataset DATASET     your own model, on test clips of its split
    python benchmarks/attacks.py --only jsma cw_l2                    only these attacks

Needs the extra `dev`, and torchattacks: pip install --no-deps torchattacks. The default model is an Emo18 trained on
synthetic speech. All libraries attack the same clips within the same limits, away from the decision of the model.

Iterative gradient attacks compute as many gradients in each library; the time of these gradients alone is measured as
well. Other attacks stop on their own. Ours run with settings from the cheapest to the most expensive, and the result
is that of the first settings which fool as many clips, by perturbations that are no larger if both attacks minimise
their size.
"""

import argparse
import json
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attack_libraries import LIBRARIES, AttackInput, Settings, our_attack
from attack_settings import COMPARISONS, GRADIENT_ATTACKS, Comparison
from claims import RESULTS, provenance
from scene import trained
from torch import Tensor

from staanet import load_model
from staanet.core.memory import keep_freed_memory
from staanet.core.provenance import versions
from staanet.core.seeds import seeded
from staanet.corpora import Synthetic
from staanet.data import Dataset

REPEATS = 3
"""Timed repeats of iterative gradient attacks."""


def cpu_seconds(run: Callable[[], Any]) -> tuple[float, Any]:
    with seeded("attack"):
        np.random.seed(0)  # noqa: NPY002 (other libraries draw from it)
        began = time.process_time()
        result = run()
        return time.process_time() - began, result


# ------------------------------------------------------------------ iterative gradient attacks


class GradientRecorder:
    """A model that records which gradients an attack computes, so that they can be computed again without it."""

    def __init__(self, model: Callable[..., Tensor]) -> None:
        self.model = model
        self.passes: list[list[Any]] = []  # waveforms, and the number of their backward passes

    def __call__(self, waveforms: Tensor) -> Tensor:
        logits = self.model(waveforms)
        if logits.requires_grad:
            self.passes.append([waveforms.detach(), 0])
            logits.register_hook(lambda _, entry=self.passes[-1]: entry.__setitem__(1, entry[1] + 1))
        return logits

    def replay(self) -> None:
        for waveforms, gradients in self.passes:
            if gradients:
                points = waveforms.requires_grad_()
                logits = self.model(points).sum()
                for remaining in reversed(range(gradients)):
                    torch.autograd.grad(logits, points, retain_graph=remaining > 0)


def compare_gradient_attacks(name: str, given: AttackInput) -> Iterator[dict[str, Any]]:
    """Compare attacks that compute the same gradients, by medians of interleaved repeats without the first one."""
    settings, others = GRADIENT_ATTACKS[name]
    attack, recorder = our_attack(name, settings), GradientRecorder(given.model)
    attack(AttackInput(recorder, given.clips, given.labels, given.targets))
    times: dict[str, list[float]] = {}
    adversarial: dict[str, Tensor] = {}
    for _ in range(REPEATS + 1):
        times.setdefault("bare", []).append(cpu_seconds(recorder.replay)[0])
        for library, run in (("ours", lambda: attack(given)), *attacks_of_libraries(others, given)):
            seconds, adversarial[library] = cpu_seconds(run)
            times.setdefault(library, []).append(seconds)
    for library, (other, other_settings) in others.items():
        yield {
            "attack": name,
            "ours": median(times["ours"]),
            "other": median(times[library]),
            "library": library,
            "ratio": median([slow / fast for slow, fast in zip(times[library], times["ours"], strict=True)]),
            "aim": 1.0,
            "bare_gradients": median(times["bare"]),
            "overhead": median([own / bare - 1 for own, bare in zip(times["ours"], times["bare"], strict=True)]),
            "clips": len(given.clips),
            "ours_fooled": int(given.fooled(adversarial["ours"]).sum()),
            "other_fooled": int(given.fooled(adversarial[library]).sum()),
            "settings": settings,
            "other_attack": other,
            "other_settings": other_settings,
        }


def attacks_of_libraries(
    others: Mapping[str, tuple[str, Settings]], given: AttackInput
) -> Iterator[tuple[str, Callable[[], Tensor]]]:
    for library, (name, settings) in others.items():
        yield library, lambda name=name, settings=settings, run=LIBRARIES[library]: run(name, settings, given)


def median(values: Sequence[float]) -> float:
    """Return the median of repeats without the first one, which warms up."""
    return round(statistics.median(values[1:]), 3)


# ------------------------------------------------------------------ attacks that stop on their own


def compare_success(comparison: Comparison, given: AttackInput) -> dict[str, Any]:
    """Compare attacks that stop on their own: ours runs with the first settings that have the same success."""
    given = given.first(comparison.max_clips)
    run_other = LIBRARIES[comparison.library]
    other_seconds, other = cpu_seconds(lambda: run_other(comparison.other, comparison.other_settings, given))
    other_fooled = given.fooled(other)
    for settings in comparison.settings:
        attack = our_attack(comparison.attack, settings)
        seconds, ours = cpu_seconds(lambda attack=attack: attack(given))
        fooled = given.fooled(ours)
        norms = mean_norms(comparison, given.clips, fooled & other_fooled, {"ours": ours, "other": other})
        same_success = fooled.sum() >= other_fooled.sum() and (not norms or norms["ours"] <= norms["other"])
        if same_success:
            break
    return {
        "attack": comparison.attack,
        "ours": round(seconds, 3),
        "other": round(other_seconds, 3),
        "library": comparison.library,
        "ratio": round(other_seconds / seconds, 3),
        "aim": comparison.aim,
        "same_success": bool(same_success),
        "clips": len(given.clips),
        "ours_fooled": int(fooled.sum()),
        "other_fooled": int(other_fooled.sum()),
        **{f"{name}_{comparison.norm.__name__}": round(norm, 4) for name, norm in norms.items()},
        "settings": settings,
        "other_attack": comparison.other,
        "other_settings": comparison.other_settings,
    }


def mean_norms(
    comparison: Comparison, clips: Tensor, fooled_by_both: Tensor, adversarial: Mapping[str, Tensor]
) -> dict[str, float]:
    """Return the mean norm of each attack over the clips that both fool; empty if they minimise none or fool none."""
    if comparison.norm is None or not fooled_by_both.any():
        return {}
    return {
        name: float(comparison.norm((changed - clips)[fooled_by_both]).mean()) for name, changed in adversarial.items()
    }


# ------------------------------------------------------------------ models, command line


def synthetic_input() -> AttackInput:
    """Return test clips of synthetic speech and an Emo18 that was trained on other speakers of it."""
    with tempfile.TemporaryDirectory() as name:
        model, dataset, split = trained(Path(name), Synthetic(speakers=6, sentences=4))
        return AttackInput.of(model, dataset, split.test)


def loaded_input(folder: str, dataset: str) -> AttackInput:
    """Return a model from its folder and test clips of the split that it was trained with."""
    split = json.loads((Path(folder) / "config.json").read_text())["split"]
    return AttackInput.of(load_model(folder), Dataset(dataset), sorted(split["test"]))


def main() -> None:
    names = [*GRADIENT_ATTACKS, *(comparison.attack for comparison in COMPARISONS)]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--model")
    parser.add_argument("--dataset")
    parser.add_argument("--only", nargs="+", default=names)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    keep_freed_memory()
    given = loaded_input(arguments.model, arguments.dataset) if arguments.model else synthetic_input()
    given = given.first(16 if arguments.full else 4)
    shared = {
        "unit": "seconds of CPU time",
        "model": Path(arguments.model).name if arguments.model else "emo18 of synthetic speech",
        "versions": versions("adversarial-robustness-toolbox", "torchattacks"),
        **provenance(),
    }
    rows = []
    for name in (name for name in GRADIENT_ATTACKS if name in arguments.only):
        rows += compare_gradient_attacks(name, given)
        print(*map(json.dumps, rows[-2:]), sep="\n", flush=True)
    for comparison in (comparison for comparison in COMPARISONS if comparison.attack in arguments.only):
        rows.append(compare_success(comparison, given))
        print(json.dumps(rows[-1]), flush=True)
    if arguments.full:
        text = json.dumps([{**row, **shared} for row in rows], indent=2)
        (RESULTS / "attacks.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
