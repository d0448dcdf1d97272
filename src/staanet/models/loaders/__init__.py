"""Loaders: one file per kind of model from anywhere, registered by importing it here.

Another package adds a loader of its own by an entry point of the group `staanet.model_loaders` that names its class.
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from staanet.core.errors import StaanetError
from staanet.core.paths import as_path
from staanet.core.registry import Registry
from staanet.core.settings import validated
from staanet.core.signature import to_jsonable
from staanet.models.base import Model
from staanet.models.loaders.base import ExternalLoader as ExternalLoader
from staanet.models.loaders.base import Loader as Loader
from staanet.models.loaders.base import weights_digest
from staanet.models.loaders.checkpoints import Checkpoint, HuggingFaceCheckpoint
from staanet.models.loaders.hardened import Hardened
from staanet.models.loaders.http import Http
from staanet.models.loaders.onnx import Onnx
from staanet.models.loaders.python import Python
from staanet.models.loaders.released import Released
from staanet.models.loaders.torch_file import TorchFile

GROUP = "staanet.model_loaders"
"""Entry points of other packages' loaders."""

OWN = (Http, Released, Python, Onnx, TorchFile, HuggingFaceCheckpoint, Hardened, Checkpoint)
"""The loaders of this library; the first that accepts a reference loads it."""


def _registry() -> Registry[type[Loader]]:
    loaders: dict[str, type[Loader]] = {loader.name: loader for loader in OWN}
    for point in entry_points(group=GROUP):
        try:
            loader = point.load()
        except Exception as error:  # a package that is not ours can raise any exception
            raise StaanetError(
                f"{point.value}: expected a loader of models, got {type(error).__name__}: {error}"
            ) from error
        if not (isinstance(loader, type) and issubclass(loader, Loader)) or loader.name in loaders:
            raise StaanetError(
                f"{point.value}: expected a subclass of staanet.models.loaders.Loader with a name of its own"
            )
        loaders = {loader.name: loader, **loaders}
    return Registry("loader", loaders, tuple(loaders))


LOADERS = _registry()


def loader_of(reference: str | Path, settings: Mapping[str, Any] | None = None) -> Loader:
    """Return the loader of a model, with its settings.

    Args:
        reference: Reference to the model.
        settings: Settings of the loader by name.

    Raises:
        StaanetError: If no loader accepts the reference, or a setting is unknown or invalid.
    """
    text = str(reference)
    as_path(text)
    for loader in LOADERS.values():
        if loader.accepts(text):
            return validated(loader, settings or {}, loader.title(text))
    forms = ", ".join(loader.form for loader in LOADERS.values())
    found = "a file of another kind" if Path(text).is_file() else "no such file or folder"
    raise StaanetError(f"{text}: expected a model ({forms}), found {found}")


def identity_of(reference: str | Path, settings: Mapping[str, Any] | None, model: Model) -> dict[str, Any]:
    """Return everything that decides the answers of a model which a reference names.

    Args:
        reference: Reference to the model.
        settings: Settings of its loader by name.
        model: The model, as it was loaded.
    """
    loader = loader_of(reference, settings)
    own = {"weights": weights_digest(model), "loader": to_jsonable(loader.deciding)}
    return {**loader.identity(str(reference)), **own}


def check_trust(loader: Loader, reference: str | Path, trust: bool) -> None:
    """Check, before a model is loaded, that it exists and that its code may run if it has any.

    Raises:
        StaanetError: If there is no such model, or if it runs code and is not trusted.
    """
    loader.check(str(reference))
    if loader.runs_code and not trust:
        raise StaanetError(
            f"{loader.title(str(reference))}: expected your permission to run code that comes with this model, got "
            "none; add --trust (in Python trust=True) if you know where it comes from"
        )


def load_model(reference: str | Path, *, trust: bool | None = None, **settings: Any) -> Model:
    """Load a model in eval mode.

    Args:
        reference: A checkpoint folder that this library wrote, a folder or id of Hugging Face, `file.py:name`,
            `package.module:name`, or what else a loader accepts (`staanet list loaders`).
        trust: Whether code that comes with the model may run and files may be unpickled. Default: only for code that
            is named as a Python module, which is imported as by an import statement.
        settings: Settings of the loader by name, such as `labels={"ang": "anger"}` or `sample_rate=8000`.

    Raises:
        StaanetError: If no loader accepts the reference, if the model cannot be loaded, if it needs trust, or if a
            setting is unknown or invalid.
    """
    loader = loader_of(reference, settings)
    check_trust(loader, reference, isinstance(loader, Python) if trust is None else trust)
    return loader.load(str(reference))


def load_deciding(reference: str | Path, *, trust: bool | None = None, **settings: Any) -> Model:
    """Load a model that decides between emotions, as `load_model` does; one of emotional dimensions is refused.

    Args:
        reference: Reference to the model.
        trust: Whether code that comes with the model may run and files may be unpickled.
        settings: Settings of the loader by name.

    Raises:
        StaanetError: If the model cannot be loaded, or its outputs are dimensions.
    """
    loader = loader_of(reference, settings)
    check_decides(loader, str(reference))
    model = load_model(reference, trust=trust, **settings)
    refuse_dimensions(model.dimensions, loader.title(str(reference)))
    return model


def check_decides(loader: Loader, reference: str) -> None:
    """Check that a model decides between emotions.

    Raises:
        StaanetError: If its outputs are dimensions.
    """
    refuse_dimensions(loader.dimensions_of(reference), loader.title(reference))


def refuse_dimensions(dimensions: Sequence[str], title: str) -> None:
    """Refuse a model of dimensions where one that decides between emotions is needed.

    Raises:
        StaanetError: If there are dimensions.
    """
    if dimensions:
        raise StaanetError(
            f"{title}: expected a model that decides between emotions, got one of the dimensions "
            f"{', '.join(dimensions)}; use staanet evaluate or staanet attack"
        )
