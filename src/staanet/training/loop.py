"""The loop that all training shares: epochs that can be stopped at any moment and repeated bit for bit."""

import json
import logging
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from staanet.core.checkpoints import load_tensors
from staanet.core.errors import StaanetError
from staanet.core.files import atomic_write
from staanet.core.memory import keep_freed_memory
from staanet.core.seeds import seeded

logger = logging.getLogger(__name__)

History = list[dict[str, float]]

Precision = Literal["float32", "bfloat16"]
"""What the model computes in while something is trained; weights, losses and all evaluation stay in float32.
`bfloat16` is faster on accelerators and on processors that have it (1.6 times on one with AVX-512 BF16)."""


def computing_in(precision: Precision, device: torch.device) -> torch.autocast:
    """Return a context in which convolutions and matrix products are computed in `precision`."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def check_training(epochs: int, batch_size: int, learning_rate: float) -> None:
    """Refuse settings with which nothing would be learnt.

    Raises:
        StaanetError: one of them is zero or less.
    """
    for name, value in (("epochs", epochs), ("batch_size", batch_size), ("learning_rate", learning_rate)):
        if not value > 0:
            raise StaanetError(f"expected {name} above 0, got {value}")


def train(
    network: nn.Module,
    *,
    epochs: int,
    learning_rate: Callable[[History], float],
    one_epoch: Callable[[torch.optim.Optimizer, int], dict[str, float]],
    validate: Callable[[], dict[str, float]],
    score: Callable[[dict[str, float]], float],
    keep: Literal["best", "last"],
    progress: Path,
    seed: int,
    ended: Callable[[History], bool] = lambda _: False,
) -> History:
    """Train `network` with Adam and leave it in its kept state; return what each epoch gave.

    After every epoch all that the next one needs is written to the file `progress`; a run that finds it goes on from
    there. An epoch draws from its own seed, so an interrupted run ends with the same bits as an uninterrupted one.

    Args:
        network: what is trained, in place.
        epochs: how many, at most.
        learning_rate: of the next epoch, by what the epochs before it gave.
        one_epoch: trains for an epoch and returns its figures.
        validate: returns the validation figures of the network in eval mode.
        score: of an epoch's figures, by which the best epoch is known, higher is better; of equals, the later.
        keep: the epoch whose weights stay.
        progress: where an interrupted run is found.
        seed: of everything random in the epochs.
        ended: whether no more epochs are wanted, by what those before gave.
    """
    keep_freed_memory()
    optimiser = torch.optim.Adam(network.parameters())
    best = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    history: History = []
    if progress.is_file():
        best, history = _restore(progress, network, optimiser)
        logger.info("%s: goes on after epoch %d of %d", progress.stem, len(history), epochs)
    while len(history) < epochs and not ended(history):
        epoch = len(history)
        began = time.perf_counter()
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(history)
        network.train()
        with seeded(seed, "epoch", epoch):
            figures = one_epoch(optimiser, epoch)
        network.eval()
        if not all(math.isfinite(value) for value in figures.values()):
            raise StaanetError(
                f"{progress.stem}: expected finite losses, got {figures} in epoch {epoch + 1}; lower learning_rate"
            )
        figures |= {name: value for name, value in validate().items() if math.isfinite(value)}
        logger.info(
            "%s: epoch %d of %d in %.0f s: %s",
            progress.stem,
            epoch + 1,
            epochs,
            time.perf_counter() - began,
            ", ".join(f"{name} {value:.3f}" for name, value in figures.items()),
        )
        if keep == "last" or all(score(figures) >= score(past) for past in history):
            best = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        history.append(figures)
        _save(progress, network, optimiser, best, history)
    network.load_state_dict(best)
    network.eval()
    return history


def _save(
    progress: Path, network: nn.Module, optimiser: torch.optim.Optimizer, best: dict[str, Tensor], history: History
) -> None:
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in best.items()}
    for number, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{number}.{key}": value for key, value in state.items()}
    with atomic_write(progress) as temporary:
        cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        save_file(cpu, temporary, {"history": json.dumps(history)})


def _restore(progress: Path, network: nn.Module, optimiser: torch.optim.Optimizer) -> tuple[dict[str, Tensor], History]:
    tensors = load_tensors(progress)
    parts: dict[str, dict[str, Tensor]] = {"network": {}, "best": {}, "optimiser": {}}
    for name, tensor in tensors.items():
        part, rest = name.split(".", 1)
        parts[part][rest] = tensor
    network.load_state_dict(parts["network"])
    states: dict[int, dict[str, Tensor]] = {}
    for name, tensor in parts["optimiser"].items():
        number, key = name.split(".", 1)
        states.setdefault(int(number), {})[key] = tensor
    optimiser.load_state_dict({"state": states, "param_groups": optimiser.state_dict()["param_groups"]})
    with safe_open(progress, framework="pt") as file:
        history: History = json.loads(file.metadata()["history"])
    return parts["best"], history
