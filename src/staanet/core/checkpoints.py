"""Networks as folders: `config.json` says what to build, `model.safetensors` fills it. Nothing is unpickled.

What others saved with `torch.save` is read by torch's own reader of plain tensors, which runs no code of the file.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from staanet.core.errors import StaanetError
from staanet.core.files import atomic_write, read_json, write_json
from staanet.core.registry import Registry
from staanet.core.settings import validated
from staanet.core.signature import file_digest, to_jsonable
from staanet.core.version import __version__

CONFIG, WEIGHTS = "config.json", "model.safetensors"


def save(network: Any, folder: Path, **provenance: Any) -> None:
    """Write a network (with `name` and `settings`) whole; `provenance` is kept beside its settings."""
    with atomic_write(folder) as temporary:
        temporary.mkdir()
        save_tensors(temporary / WEIGHTS, network.state_dict())
        config = {"name": network.name, "settings": to_jsonable(network.settings), "staanet": __version__}
        write_json(temporary / CONFIG, {**config, **to_jsonable(provenance)})


def load(kind: str, registry: Registry[Any], folder: str | Path) -> Any:
    """Build the network that a folder describes, in eval mode.

    Raises:
        StaanetError: no checkpoint there, one of another kind, or weights that do not fit the architecture.
    """
    folder = Path(folder)
    if not (folder / CONFIG).is_file() or not (folder / WEIGHTS).is_file():
        raise StaanetError(f"{folder}: expected a {kind} checkpoint ({CONFIG} and {WEIGHTS}), found none")
    config = read_json(folder / CONFIG)
    if not isinstance(config, dict) or not {"name", "settings"} <= set(config):
        raise StaanetError(f"{folder / CONFIG}: expected name and settings of a {kind}, found none; make it again")
    name = config["name"]
    if name not in registry:
        raise StaanetError(
            f"{folder}: expected the checkpoint of a {kind} ({', '.join(registry)}), got one of {name!r}; "
            f"give the folder of a {kind}"
        )
    cls = registry[name]
    network: nn.Module = cls(validated(cls.Settings, config["settings"], str(folder / CONFIG)))
    tensors = load_tensors(folder / WEIGHTS)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        detail = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise StaanetError(f"{folder}: expected the weights of {name}, got other ones ({detail})") from None
    return network.eval()


def digest(folder: str | Path) -> str:
    """Return the SHA-256 of a checkpoint's weights."""
    path = Path(folder) / WEIGHTS
    if not path.is_file():
        raise StaanetError(f"{folder}: expected a checkpoint ({CONFIG} and {WEIGHTS}), found none")
    return file_digest(path)


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write named tensors to a safetensors file, whole."""
    with atomic_write(path) as temporary:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, temporary)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read named tensors from a safetensors file.

    Raises:
        StaanetError: the file is damaged.
    """
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise StaanetError(f"{path}: expected safetensors, got a damaged file ({error}); make it again") from error


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read the named tensors that `torch.save` wrote, and nothing else.

    Raises:
        StaanetError: no such file, a damaged one, or one that holds anything but plain tensors.
    """
    wanted = f"{path}: expected a state dict, names and plain tensors (torch.save of network.state_dict())"
    if not path.is_file():
        raise StaanetError(f"{wanted}, found no file")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what a file of somebody else makes the reader raise has no end
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
    """Load tensors that go by other names into a network.

    Args:
        network: what they are for.
        tensors: by the names that they have there.
        named: returns that name of one of ours.
        where: they come from, for the errors.

    Raises:
        StaanetError: one too few, one too many, or one of another shape.
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
    network.load_state_dict({names[name]: value for name, value in tensors.items()})
