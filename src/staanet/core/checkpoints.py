"""Checkpoints: folders with a network's name and settings (`config.json`) and its weights (`model.safetensors`).

Loading a checkpoint never unpickles anything. Files that were saved with `torch.save` are read with torch's
`weights_only` loader, which runs no code from the file.
"""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from staanet.core.checksums import check, seal
from staanet.core.errors import StaanetError
from staanet.core.files import atomic_write, read_json, write_json
from staanet.core.registry import Registry
from staanet.core.settings import validated
from staanet.core.signature import file_digest, to_jsonable
from staanet.core.version import __version__

CONFIG, WEIGHTS = "config.json", "model.safetensors"

RENAMED_SETTINGS: Mapping[str, Mapping[str, str]] = {"transformer": {"hears": "front_end"}}
"""Settings that staanet 0.1 saved under another name, by architecture; the keys are the old names."""


def save(network: Any, folder: Path, **provenance: Any) -> None:
    """Write a checkpoint of a network atomically.

    Args:
        network: A network with attributes `name` and `settings`.
        folder: Folder of the checkpoint; an existing one is replaced.
        **provenance: Further entries of `config.json`, such as the training history.
    """
    with atomic_write(folder) as temporary:
        temporary.mkdir()
        save_tensors(temporary / WEIGHTS, network.state_dict())
        config = {"name": network.name, "settings": to_jsonable(network.settings), "staanet": __version__}
        write_json(temporary / CONFIG, {**config, **to_jsonable(provenance)})
        seal(temporary)


def load(kind: str, registry: Registry[Any], folder: str | Path) -> Any:
    """Return the network of a checkpoint, in eval mode.

    Args:
        kind: What the network is, such as "model" or "generator"; used in error messages.
        registry: The architectures of this kind by name.
        folder: Folder of the checkpoint.

    Raises:
        StaanetError: If the folder holds no checkpoint or one of another kind, if a file was changed after it was
            written, or if the weights do not fit.
    """
    folder = Path(folder)
    if not (folder / CONFIG).is_file() or not (folder / WEIGHTS).is_file():
        raise StaanetError(f"{folder}: expected a {kind} checkpoint ({CONFIG} and {WEIGHTS}), found none")
    config = read_json(folder / CONFIG)
    if not isinstance(config, dict) or not {"name", "settings"} <= set(config):
        raise StaanetError(f"{folder / CONFIG}: expected name and settings of a {kind}, found none; train it again")
    name = config["name"]
    if not isinstance(name, str) or name not in registry:
        raise StaanetError(
            f"{folder}: expected the checkpoint of a {kind} ({', '.join(registry)}), got one of {name!r}; "
            f"give the folder of a {kind}"
        )
    cls = registry[name]
    settings = config["settings"]
    if isinstance(settings, dict):
        renamed = RENAMED_SETTINGS.get(name, {})
        settings = {renamed.get(key, key): value for key, value in settings.items()}
    network: nn.Module = cls(validated(cls.Settings, settings, str(folder / CONFIG)))
    tensors = load_tensors(folder / WEIGHTS)
    check_tensors(tensors, network, str(folder))
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        detail = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise StaanetError(f"{folder}: expected the weights of {name}, got others ({detail}); train it again") from None
    check(folder, "train it again")
    return network.eval()


def check_tensors(tensors: Mapping[str, Tensor], network: Any, where: str) -> None:
    """Check that weights are finite and have the types of those of a network.

    Args:
        tensors: The weights by their names in the network; others are not checked.
        network: The network that is filled with them.
        where: Where they come from, such as a folder; error messages begin with it.

    Raises:
        StaanetError: If one has another type, or values that are NaN or infinite where the network has none.
    """
    for name, own in network.state_dict().items():
        found = tensors.get(name, own)
        if found.dtype != own.dtype:
            raise StaanetError(f"{where}: expected {name} as {own.dtype}, got {found.dtype}; train it again")
        if not found.isfinite().all() and own.isfinite().all():
            raise StaanetError(f"{where}: expected finite weights, got NaN or infinity in {name}; train it again")


def digest(folder: str | Path) -> str:
    """Return the SHA-256 of the weights of a checkpoint.

    Raises:
        StaanetError: If the folder holds no checkpoint.
    """
    path = Path(folder) / WEIGHTS
    if not path.is_file():
        raise StaanetError(f"{folder}: expected a checkpoint ({CONFIG} and {WEIGHTS}), found none")
    return file_digest(path)


def save_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, str] | None = None) -> None:
    """Write named tensors to a safetensors file atomically.

    Args:
        path: The file.
        tensors: The tensors by name.
        about: Texts that are saved with them, by name.

    Raises:
        StaanetError: If the file cannot be written, such as on a full disk.
    """
    held = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    size = sum(tensor.numel() * tensor.element_size() for tensor in held.values())
    with atomic_write(path, size) as temporary:
        try:
            save_file(held, temporary, None if about is None else dict(about))
        except SafetensorError as error:
            if number := re.search(r"os error (\d+)", str(error)):
                raise OSError(int(number[1]), os.strerror(int(number[1]))) from error
            raise


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Return the named tensors of a safetensors file.

    Raises:
        StaanetError: If the file does not exist or is damaged.
    """
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise StaanetError(
            f"{path}: expected safetensors, got a damaged file ({error}); remove it and run again"
        ) from error


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Return the named tensors of a state dict that was saved with `torch.save`.

    Raises:
        StaanetError: If the file does not exist, is damaged, or holds anything but names and plain tensors.
    """
    wanted = f"{path}: expected a state dict, names and plain tensors (torch.save of network.state_dict())"
    if not path.is_file():
        raise StaanetError(f"{wanted}, found no file")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can make torch raise almost any exception
        raise StaanetError(
            f"{wanted}, got another or a damaged file ({type(error).__name__}); it was not run"
        ) from None
    if not isinstance(found, dict):
        raise StaanetError(f"{wanted}, got {type(found).__name__}")
    for name, value in found.items():
        plain_tensor = type(value) in (Tensor, nn.Parameter) and value.layout == torch.strided
        if not isinstance(name, str) or not plain_tensor or value.is_quantized or value.is_meta:
            raise StaanetError(f"{wanted}, got {type(value).__name__} under {name!r}")
    return {name: value.detach() for name, value in found.items()}


def fill(network: nn.Module, tensors: Mapping[str, Tensor], named: Callable[[str], str], where: str) -> None:
    """Load tensors into a network in whose state dict they have other names.

    Args:
        network: The network to fill.
        tensors: Tensors by their name in the file.
        named: Maps a name in the state dict of the network to the name in the file.
        where: Where the tensors come from, such as a file; error messages begin with it.

    Raises:
        StaanetError: If a tensor is missing, superfluous or of another shape.
    """
    own = network.state_dict()
    names = {named(name): name for name in own}
    for name in (*names, *tensors):
        if name not in tensors or name not in names:
            found = "none" if name not in tensors else "it"
            wanted = name if name not in tensors else f"no {name}"
            raise StaanetError(f"{where}: expected {wanted} among the tensors of {network.name}, found {found}")
        if tensors[name].shape != own[names[name]].shape:
            raise StaanetError(
                f"{where}: expected {name} of shape {list(own[names[name]].shape)} for {network.name}, "
                f"got {list(tensors[name].shape)}"
            )
    weights = {names[name]: value for name, value in tensors.items()}
    check_tensors(weights, network, where)
    network.load_state_dict(weights)
