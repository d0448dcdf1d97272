"""Train a purifier, which removes from clips what noise and attacks add to them, and save its checkpoint."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

from torch import nn

from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.core.files import check_replaceable
from staanet.core.provenance import device_of
from staanet.core.settings import validated
from staanet.core.signature import signature
from staanet.data import Dataset
from staanet.defences.denoiser import Denoiser, DenoiserSettings
from staanet.models import Model, identity_of, load_deciding
from staanet.tasks.harden_plan import matched, prepared
from staanet.tasks.train import split_of, split_of_model
from staanet.training.checkpointed import train_and_save
from staanet.training.loop import History
from staanet.training.purifier import PurifierTraining, train_purifier


def fit_purifier(
    data: str | Path,
    out: str | Path,
    *,
    model: str | Path | None = None,
    sizes: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    trust: bool | None = None,
    model_settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    device: str | None = None,
) -> History:
    """Train a purifier and write it to a folder, which the defence `purifier` takes as its `checkpoint`.

    Call it again with the same arguments to resume. The clips are split by speaker, or as the checkpoint of the model
    says; evaluations leave out the clips that the purifier has learnt from.

    Args:
        data: A prepared dataset.
        out: Folder of the purifier.
        model: Reference to a model (`staanet.load_model`), from whose attacks the purifier learns too. Default: it
            learns from noise only, and fits any model.
        sizes: Sizes of the network that differ from the defaults of `DenoiserSettings`.
        training: Settings of the training that differ from the defaults of `PurifierTraining`.
        trust: Whether code that comes with the model may run; as for `load_model` by default.
        model_settings: Settings of the loader of the model, such as its labels.
        seed: Random seed.
        device: Device to train on; a GPU by default if there is one.

    Returns:
        The figures of each epoch: `val_loss`, the gain of SNR on changed validation clips (`gain_db`), and the SNR to
        which unchanged ones are kept (`clean_snr_db`).

    Raises:
        StaanetError: If the model has no gradients, or if a setting or the dataset cannot be used.
    """
    folder, clips, where = Path(out), prepared(Path(data)), device_of(device)
    settings = validated(PurifierTraining, dict(training or {}), "training")
    own = _sizes(clips, sizes or {})
    check_replaceable(folder, checkpoints.CONFIG)
    split = split_of(clips, seed) if model is None else split_of_model(model, clips, seed)
    made_from = {
        "purifier": own,
        "training": settings,
        "source": None,
        "dataset": clips.digest,
        "split": split.digest(),
        "seed": seed,
    }
    attacked = None
    if model is not None:
        attacked = _attacked(model, trust, model_settings or {})
        made_from["source"] = identity_of(model, model_settings, attacked)
        clips, attacked = matched(attacked.to(where), clips, str(model))

    def train(network: nn.Module, progress: Path) -> History:
        learnt, val = ([clip for clip in part if clip in clips.utterances] for part in (split.train, split.val))
        return train_purifier(cast(Denoiser, network), attacked, clips, learnt, val, settings, progress, seed, where)

    return train_and_save(
        folder,
        partial(Denoiser, own),
        train,
        weights_seed=(seed, Denoiser.name),
        made_from=made_from,
        progress=folder.with_name(f"{folder.name}-{signature(made_from)}.progress"),
        split=split,
    )


def _sizes(clips: Dataset, sizes: Mapping[str, Any]) -> DenoiserSettings:
    if "sample_rate" in sizes:
        raise StaanetError("sizes: expected no sample_rate, which is that of the clips, got one; leave it out")
    return validated(DenoiserSettings, {"sample_rate": clips.sample_rate, **sizes}, "sizes")


def _attacked(reference: str | Path, trust: bool | None, settings: Mapping[str, Any]) -> Model:
    """Return a model that can be attacked with gradients."""
    model = load_deciding(reference, trust=trust, **settings)
    if model.access != "gradient":
        raise StaanetError(
            f"{reference}: expected a model with gradients, by which it is attacked, got one that gives {model.access} "
            "only; fit a purifier without a model, from noise"
        )
    return model
