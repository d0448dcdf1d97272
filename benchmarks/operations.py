"""Where the time goes: shares of torch's operations in generation, a model's gradient and a generator's training step.

The results are written to results/operations.json. One thread runs, so that the time of an operation is its work.
Operations that take less than 3 % are summed up as the rest.
"""

import json
from collections.abc import Callable

import torch
from claims import RESULTS, provenance
from generator_training import step_of
from torch.profiler import ProfilerActivity, profile

from staanet import create_generator, create_model
from staanet.core.memory import keep_freed_memory
from staanet.core.seeds import seeded
from staanet.core.unwrapping import frozen

MIN_SHARE = 0.03
REPEATS = 5


def shares(run: Callable[[], object]) -> tuple[float, dict[str, float]]:
    """Return the milliseconds of a run and the share of each operation in them, the largest first."""
    run()
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        for _ in range(REPEATS):
            run()
    own = {event.key: event.self_cpu_time_total for event in profiler.key_averages()}
    total = sum(own.values())
    large = {name: time / total for name, time in own.items() if time >= MIN_SHARE * total}
    ordered = dict(sorted(large.items(), key=lambda item: -item[1]))
    return total / REPEATS / 1000, {**ordered, "the rest": 1 - sum(ordered.values())}


def main() -> None:
    torch.set_num_threads(1)
    keep_freed_memory()
    with seeded("benchmark"):
        clips = torch.rand(4, 48_000) - 0.5
        model = create_model("emo18", labels="abcdefg", seconds=3.0)
        generator = create_generator("compact")
    with frozen(model), frozen(generator), torch.no_grad():
        generation = shares(lambda: generator(clips, 0.05))
    with frozen(model):
        points = clips.clone().requires_grad_()
        gradient = shares(lambda: torch.autograd.grad(model(points).square().sum(), points))
        training = shares(step_of(generator, model, clips))
    rows = []
    for program, (milliseconds, shares_found) in (
        ("generation with compact", generation),
        ("a gradient of emo18", gradient),
        ("a training step of compact", training),
    ):
        print(
            f"{program}: {milliseconds:.1f} ms",
            *(f"  {100 * share:4.1f} % {name}" for name, share in shares_found.items()),
            sep="\n",
        )
        rounded = {name: round(share, 3) for name, share in shares_found.items()}
        rows.append({"what": program, "milliseconds": round(milliseconds, 2), "shares": rounded, **provenance()})
    (RESULTS / "operations.json").write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
