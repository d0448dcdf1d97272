"""The training loop of models and generators: it can be interrupted at any time and resumes bit for bit."""

import hashlib
import json
import logging
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from staanet.core.checkpoints import load_tensors, save_tensors
from staanet.core.errors import StaanetError
from staanet.core.files import remove
from staanet.core.memory import keep_freed_memory
from staanet.core.seeds import seeded
from staanet.training.parallel import current

logger = logging.getLogger(__name__)

History = list[dict[str, float]]
"""The figures of each epoch by name."""

Precision = Literal["float32", "bfloat16"]
"""Arithmetic of the model in training; weights, losses and all evaluation stay in float32.

`bfloat16` is faster on GPUs and on CPUs that support it (1.6 times on one with AVX-512 BF16).
"""


def computing_in(precision: Precision, device: torch.device) -> torch.autocast:
    """Return a context in which convolutions and matrix products are computed with `precision`."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def check_training(epochs: int, batch_size: int, learning_rate: float) -> None:
    """Check that the number of epochs, the batch size and the learning rate are positive.

    Raises:
        StaanetError: If one of them is not.
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
    weight_decay: float = 0.0,
    faster: tuple[nn.Module, float] | None = None,
) -> History:
    """Train a network in place with Adam, load the weights to keep, and return the figures of each epoch.

    After every epoch the complete state is written to the file `progress`. If the file exists, training resumes from
    it; one that was damaged since is told and not used. Each epoch has its own random seed, so a resumed training ends
    with the same bits as an uninterrupted one. Several processes (`staanet.training.parallel`) train it together.

    Args:
        network: Network to train.
        epochs: Largest number of epochs.
        learning_rate: Function of the figures so far that returns the learning rate of the next epoch.
        one_epoch: Function of the optimiser and the number of the epoch that trains for one epoch and returns figures.
        validate: Function that returns the validation figures of the network, which is then in eval mode.
        score: Function of an epoch's figures by which the best epoch, the latest of equal ones, is chosen; higher wins.
        keep: Epoch whose weights are kept: the `best` or the `last` one.
        progress: File with the state of the training.
        seed: Random seed of all epochs.
        ended: Function of the figures so far that returns whether training stops early. Default: never.
        weight_decay: Weight of the squared weights in the loss: half of this times their sum is added.
        faster: Part of the network with a learning rate of its own, and this rate as a multiple of that of the rest.

    Raises:
        StaanetError: If a training figure of an epoch is not finite.
    """
    keep_freed_memory()
    together = current()
    together.align(network)
    optimiser = torch.optim.Adam(_groups(network, faster), weight_decay=weight_decay)
    kept = _weights(network)
    history: History = []
    state = together.of_first(_intact(progress) if together.writes and progress.is_file() else None)
    if state is not None:
        kept, history = _restore(state, network, optimiser)
        logger.info("%s: resumes after epoch %d of %d", progress.stem, len(history), epochs)
    while len(history) < epochs and not ended(history):
        epoch = len(history)
        began = time.perf_counter()
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(history) * group["factor"]
        network.train()
        with seeded(seed, "epoch", epoch):
            figures = one_epoch(optimiser, epoch)
        network.eval()
        _check_finite(figures, progress.stem, epoch)
        together.align(network)
        measured = together.of_first(validate())
        figures |= {name: value for name, value in measured.items() if math.isfinite(value)}
        text, seconds = _as_text(figures), time.perf_counter() - began
        logger.info("%s: epoch %d of %d in %.0f s: %s", progress.stem, epoch + 1, epochs, seconds, text)
        if keep == "last" or all(score(figures) >= score(past) for past in history):
            kept = _weights(network)
        history.append(figures)
        if together.writes:
            _save(progress, network, optimiser, kept, history)
    network.load_state_dict(kept)
    network.eval()
    return history


class Steps:
    """The optimisation steps of one epoch.

    Args:
        optimiser: Optimiser of the weights.
        clip_gradient: Largest Euclidean norm of the gradient in a step; longer gradients are shortened to it.
    """

    def __init__(self, optimiser: torch.optim.Optimizer, clip_gradient: float | None = None) -> None:
        self._optimiser, self._clip_gradient = optimiser, clip_gradient
        self._weights: list[Tensor] = [weight for group in optimiser.param_groups for weight in group["params"]]
        self._number = 0
        self._totals: dict[str, Tensor] = {}

    def take(self, count: int, losses: Callable[[slice], Mapping[str, Tensor]]) -> None:
        """Change the weights along the gradient of the summed losses of a batch.

        Args:
            count: Number of clips in the batch.
            losses: Function that returns the means of the loss terms over some clips of the batch by name. With several
                processes, each calls it for its share of the clips.
        """
        together = current()
        rows = together.share(count)
        size = rows.stop - rows.start
        found: Mapping[str, Tensor] = {}
        if size:
            with together.own_draws(self._number):
                found = losses(rows)
        self._optimiser.zero_grad()
        if size:
            loss = torch.stack(list(found.values())).sum()
            (loss if size == count else loss * (size / count)).backward()
        together.add_gradients(self._weights)
        if self._clip_gradient is not None:
            torch.nn.utils.clip_grad_norm_(self._weights, self._clip_gradient)
        self._optimiser.step()
        self._number += 1
        for name, value in found.items():
            self._totals[name] = self._totals.get(name, torch.zeros(())) + value.detach().double() * size

    def means(self, count: int) -> dict[str, float]:
        """Return each loss term of the epoch, divided by a number of clips."""
        return {name: total / count for name, total in current().total(self._totals).items()}


def _groups(network: nn.Module, faster: tuple[nn.Module, float] | None) -> list[dict[str, Any]]:
    """Return the weights of a network in groups with the factor of their learning rate."""
    if faster is None:
        return [{"params": list(network.parameters()), "factor": 1.0}]
    part, factor = faster
    own = {id(weight): weight for weight in part.parameters()}
    rest = [weight for weight in network.parameters() if id(weight) not in own]
    return [{"params": rest, "factor": 1.0}, {"params": list(own.values()), "factor": factor}]


def _check_finite(figures: dict[str, float], name: str, epoch: int) -> None:
    if not all(math.isfinite(value) for value in figures.values()):
        raise StaanetError(f"{name}: expected finite losses, got {figures} in epoch {epoch + 1}; lower learning_rate")


def _weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def _as_text(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in figures.items())


def _save(
    progress: Path, network: nn.Module, optimiser: torch.optim.Optimizer, kept: dict[str, Tensor], history: History
) -> None:
    """Write the complete state of a training atomically."""
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in kept.items()}
    for number, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{number}.{key}": value for key, value in state.items()}
    text = json.dumps(history)
    save_tensors(progress, tensors, {"history": text, "sha256": _digest(tensors, text)})


def _digest(tensors: Mapping[str, Tensor], history: str) -> str:
    """Return the SHA-256 of the state of a training."""
    digest = hashlib.sha256(history.encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


class _State(NamedTuple):
    """The state of a training: its tensors by name, and the figures of its epochs as JSON."""

    tensors: dict[str, Tensor]
    history: str


def _intact(progress: Path) -> _State | None:
    """Return the content of a file of progress; None, with a warning, if it is not as it was written."""
    try:
        tensors, about = load_tensors(progress), _about(progress)
        found = _digest(tensors, about["history"])
    except (StaanetError, SafetensorError, KeyError) as error:
        about, found = {}, str(error)
    if about.get("sha256") == found:
        return _State(tensors, about["history"])
    logger.warning("%s: expected the state of a training, got a damaged file; the training starts again", progress)
    remove(progress)
    return None


def _about(progress: Path) -> dict[str, str]:
    with safe_open(progress, framework="pt") as file:
        return dict(file.metadata() or {})


def _restore(state: _State, network: nn.Module, optimiser: torch.optim.Optimizer) -> tuple[dict[str, Tensor], History]:
    """Load the network and the optimiser from a state, and return the weights to keep and the figures so far."""
    groups: dict[str, dict[str, Tensor]] = {"network": {}, "best": {}, "optimiser": {}}
    for name, tensor in state.tensors.items():
        group, rest = name.split(".", 1)
        groups[group][rest] = tensor
    network.load_state_dict(groups["network"])
    states: dict[int, dict[str, Tensor]] = {}
    for name, tensor in groups["optimiser"].items():
        number, key = name.split(".", 1)
        states.setdefault(int(number), {})[key] = tensor
    optimiser.load_state_dict({"state": states, "param_groups": optimiser.state_dict()["param_groups"]})
    history: History = json.loads(state.history)
    return groups["best"], history
