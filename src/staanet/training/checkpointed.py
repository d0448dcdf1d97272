"""Training from random weights to a saved checkpoint, resumed if it was interrupted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from staanet.core import checkpoints
from staanet.core.files import remove
from staanet.core.seeds import seeded
from staanet.training.loop import History
from staanet.training.parallel import current


def train_and_save(
    folder: Path,
    create: Callable[[], nn.Module],
    train: Callable[[nn.Module, Path], History],
    *,
    weights_seed: tuple[int, str],
    made_from: Any,
    progress: Path | None = None,
    **about: Any,
) -> History:
    """Create a network, train it and save it as a checkpoint; return the figures of each epoch.

    Args:
        folder: Folder of the checkpoint.
        create: Creates the network with initial weights.
        train: Trains the network in place, resuming from the progress file that it is given.
        weights_seed: Seed of the run and name of the architecture, which together seed the initial weights.
        made_from: All settings that decide the weights; saved with them.
        progress: File from which an interrupted training resumes; next to the folder by default. It is removed at the
            end.
        about: Further facts that are saved with the weights, such as the split.
    """
    seed, name = weights_seed
    with seeded(seed, "weights", name):
        network = create()
    progress = progress or folder.with_name(f"{folder.name}.progress")
    history = train(network, progress)
    if current().writes:
        checkpoints.save(network, folder, made_from=made_from, history=history, **about)
        remove(progress)
    return history
