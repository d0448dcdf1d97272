"""Hardened models from elsewhere: new weights for a model that is built as before."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staanet.core.checkpoints import check_tensors, load_tensors, save_tensors
from staanet.core.checksums import check, seal
from staanet.core.errors import StaanetError
from staanet.core.files import atomic_write, read_json, write_json
from staanet.core.registry import Registry
from staanet.core.settings import validated
from staanet.core.signature import file_digest, to_jsonable
from staanet.core.version import __version__
from staanet.models.base import Model
from staanet.models.loaders.base import Loader
from staanet.models.loaders.checkpoints import relabelled
from staanet.models.loaders.python import Python
from staanet.models.loaders.torch_file import TorchFile

CONFIG, WEIGHTS = "config.json", "model.safetensors"

NAME = "hardened"
"""Name of such a model in its `config.json`, where a checkpoint has that of its architecture."""

BASES: Registry[type[Loader]] = Registry("loader", {loader.name: loader for loader in (Python, TorchFile)})
"""Loaders of the models that can be hardened and are no architecture of this library."""


@dataclass(frozen=True)
class Hardened(Loader):
    """A model from elsewhere that `staanet harden` trained: the folder contains its weights and says how it is built.

    The code of the original model is run, so it must still be where it was.
    """

    name = NAME
    form = "a folder of staanet harden"
    runs_code = True

    @classmethod
    def accepts(cls, reference: str) -> bool:
        """Return whether a reference is such a folder."""
        path = Path(reference) / CONFIG
        if not (reference and path.is_file()):
            return False
        about = read_json(path)
        return isinstance(about, dict) and about.get("name") == NAME

    def load(self, reference: str) -> Model:
        """Return the original model with the new weights."""
        check(Path(reference), "harden it again")
        model, tensors = self.original(reference), load_tensors(Path(reference) / WEIGHTS)
        try:
            check_tensors(tensors, model, reference)
            model.load_state_dict(tensors)
        except RuntimeError as error:
            raise _changed(reference, error) from None
        return relabelled(model, self, reference)

    @classmethod
    def original(cls, reference: str) -> Model:
        """Return the model before it was hardened.

        Raises:
            StaanetError: If it is not where it was.
        """
        base, original = cls._base(reference)
        try:
            return base.load(original)
        except StaanetError as error:
            raise _changed(reference, error) from None

    @classmethod
    def _base(cls, reference: str) -> tuple[Loader, str]:
        """Return the loader of the model before it was hardened, and the reference to that."""
        about = read_json(Path(reference) / CONFIG)
        return validated(BASES[about["loader"]], about["settings"], f"{reference}/{CONFIG}"), about["reference"]

    def identity(self, reference: str) -> Mapping[str, Any]:
        """Return the hash of the weights, and what decides how the model is built that they fill."""
        base, original = self._base(reference)
        try:
            before = {**base.identity(original), "loader": to_jsonable(base.deciding)}
        except StaanetError as error:
            raise _changed(reference, error) from None
        return {"weights": file_digest(Path(reference) / WEIGHTS), "original": before}


def _changed(reference: str, error: Exception) -> StaanetError:
    about = read_json(Path(reference) / CONFIG)
    return StaanetError(
        f"{reference}: expected the model {BASES[about['loader']].title(about['reference'])} that was hardened, where "
        f"it was and as it was, got {str(error).splitlines()[0]}"
    )


def save_hardened(model: Model, loader: Loader, reference: str, folder: Path, **provenance: Any) -> None:
    """Write the weights of a hardened model from elsewhere, and how it is built.

    Args:
        model: The model.
        loader: The loader that built it.
        reference: The reference from which it was built.
        folder: Folder to write; an existing one is replaced.
        **provenance: Further entries of `config.json`.
    """
    place, colon, name = reference.rpartition(":")
    file = place if colon and Path(place).is_file() else reference
    whole = str(Path(file).resolve()) + (f":{name}" if file == place else "") if Path(file).exists() else reference
    settings = {key: value for key, value in loader.deciding.items() if key != "name"}
    with atomic_write(folder) as temporary:
        temporary.mkdir()
        save_tensors(temporary / WEIGHTS, model.state_dict())
        config = {"name": NAME, "staanet": __version__, "loader": loader.name, "settings": settings, "reference": whole}
        write_json(temporary / CONFIG, to_jsonable({**config, **provenance}))
        seal(temporary)
