"""Export a trained network as ONNX and compare ONNX Runtime with torch on it."""

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from staanet.attacks.generator import GENERATORS, Generator, load_generator
from staanet.attacks.generator.base import Given
from staanet.audio.lengths import standardise
from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.core.extras import import_extra
from staanet.core.files import atomic_write, read_json
from staanet.core.seeds import seeded
from staanet.core.version import __version__
from staanet.models import Model, load_model

EXTRA = "export"
PACKAGES = ("onnx", "onnxscript", "onnxruntime")

SIZES = ((1, 16_000), (2, 4096), (3, 12_345), (2, 4097), (1, 611))
"""Numbers of clips and samples of the batches in the comparison; some lengths are no multiple of a stride."""

TOLERANCE = 1e-4
"""Largest difference from torch that an export may have, in full scale or in logits."""

FLIPS = 1e-3
"""Largest fraction of positions that may differ, because rounding decides between scores that are almost equal."""


class PortableModel(nn.Module):
    """A model without data-dependent control flow: every clip is repeated or cut by one gather.

    Shape: waveforms `[batch, length]`, lengths `[batch]` -> logits `[batch, K]`.
    """

    outputs: ClassVar = ("logits",)

    def __init__(self, model: Model) -> None:
        super().__init__()
        if not model.exportable:
            raise StaanetError(
                f"expected a model that repeats or cuts clips to its trained length, got {model.name}; "
                "for networks of the package transformers use the package optimum"
            )
        self.model, self.size = model, model.trained_length or 0
        self.about = {"name": model.name, "labels": ",".join(model.labels), "sample_rate": str(model.sample_rate)}

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor]:
        """Return the logits."""
        index = torch.arange(self.size) % lengths[:, None]  # [B, size]
        return (self.model.classify(standardise(waveforms.gather(1, index))),)

    def example(self, clips: int, samples: int) -> dict[str, Tensor]:
        """Return an input of some clips, each a little shorter than the one before."""
        lengths = (samples - 7 * torch.arange(clips)).clamp_min(1)
        waveforms = torch.rand(clips, samples) - 0.5
        return {"waveforms": waveforms * (torch.arange(samples) < lengths[:, None]), "lengths": lengths}

    def expected(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        """Return the output of the model itself."""
        return (self.model(waveforms, lengths),)


class PortableGenerator(nn.Module):
    """A generator as an attack: clips of one length, and positions of 0 or 1, at most as many as the budget allows.

    Shape: waveforms `[batch, length]`, epsilon `[batch, 1]`, counts `[batch]` -> adversarial, magnitudes, positions,
    each `[batch, length]`.
    """

    outputs: ClassVar = ("adversarial", "magnitudes", "positions")

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        if generator.uses_gradients:
            raise StaanetError(
                f"expected a generator that sees the clip only, got {generator.name}, which also needs the gradient of "
                "its source model"
            )
        if any(isinstance(part, nn.LSTM) for part in generator.modules()):
            raise StaanetError(
                f"expected a generator without recurrent layers, got {generator.name}, whose LSTM cannot be exported "
                "for clips of any length; export a conditional one"
            )
        self.generator = generator
        self.about = {"name": generator.name}

    def forward(self, waveforms: Tensor, epsilon: Tensor, counts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the attacked clips, the magnitudes and the positions."""
        raw_magnitudes, raw_positions = self.generator.unpadded_outputs(waveforms, Given(epsilon, counts))
        magnitudes = self.generator.bounded(raw_magnitudes, epsilon)
        order = raw_positions.sort(dim=1, descending=True).indices
        if self.generator.settings.sparsity == "learned":
            counts = torch.minimum(counts, (raw_positions >= 0).sum(1))
        chosen = torch.arange(waveforms.shape[1]) < counts[:, None]
        positions = torch.zeros_like(waveforms).scatter(1, order, chosen.to(waveforms.dtype))
        return (waveforms + magnitudes * positions).clamp(-1, 1), magnitudes, positions

    def example(self, clips: int, samples: int) -> dict[str, Tensor]:
        """Return an input of some clips, with an epsilon and a count each."""
        return {
            "waveforms": torch.rand(clips, samples) - 0.5,
            "epsilon": 0.01 * torch.arange(1, clips + 1)[:, None],
            "counts": samples // (8 + torch.arange(clips)) + 1,
        }

    def expected(self, waveforms: Tensor, epsilon: Tensor, counts: Tensor) -> tuple[Tensor, ...]:
        """Return the output of the generator itself."""
        made = self.generator(waveforms, epsilon, counts=counts)
        return made.adversarial, made.magnitudes, made.positions


@dataclass(frozen=True)
class Exported:
    """Inputs and outputs of the written file, and how far ONNX Runtime is from torch on all compared batches."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    difference: float
    """Largest difference of logits, or of magnitudes."""
    flips: float | None
    """Fraction of a generator's positions that differ; None for a model."""


def export(checkpoint: Path, out: Path) -> Exported:
    """Write a checkpoint as an ONNX file that takes any batch size and length, run it with ONNX Runtime, and compare.

    Raises:
        StaanetError: the extra is missing, no checkpoint of ours, a model that cannot be exported, a place that cannot
            be written, or an export that is not the network.
    """
    for package in PACKAGES:
        import_extra(package, EXTRA)
    network = _portable(checkpoint)
    with atomic_write(out) as temporary:
        _write(network, temporary)
        done = _compared(network, temporary)
        if done.difference > TOLERANCE or (done.flips or 0) > FLIPS:
            raise StaanetError(
                f"{out}: expected the network that torch runs, got a largest difference of {done.difference:.3g} and "
                f"{done.flips or 0:.3g} of the positions moved; nothing was written"
            )
    return done


def _portable(checkpoint: Path) -> PortableModel | PortableGenerator:
    """Return the network of a checkpoint in a form that can be exported."""
    config = checkpoint / checkpoints.CONFIG
    about = read_json(config) if config.is_file() else {}
    if isinstance(about, dict) and about.get("name") in GENERATORS:
        return PortableGenerator(load_generator(checkpoint)).eval()
    return PortableModel(load_model(checkpoint)).eval()


def _write(network: PortableModel | PortableGenerator, path: Path) -> None:
    with seeded("export"):
        example = network.example(2, 5000)
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length")
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            network,
            tuple(example.values()),
            dynamo=True,
            input_names=list(example),
            output_names=list(network.outputs),
            dynamic_shapes=[{0: batch, 1: length} if name == "waveforms" else {0: batch} for name in example],
            verbose=False,
        )
    assert program is not None  # noqa: S101
    program.model.metadata_props.update(network.about, staanet=__version__)
    program.save(path, external_data=False)


def _compared(network: PortableModel | PortableGenerator, path: Path) -> Exported:
    runtime = import_extra("onnxruntime", EXTRA)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    difference, flipped, samples = 0.0, 0, 0
    for size in SIZES:
        with seeded("export", *size):
            example = network.example(*size)
        found = _named(network, session.run(None, {name: value.numpy() for name, value in example.items()}))
        with torch.no_grad():
            expected = _named(network, network.expected(**example))
        for name in {"logits", "magnitudes"} & set(found):
            difference = max(difference, float((torch.from_numpy(found[name]) - expected[name]).abs().max()))
        if "positions" in found:
            flipped += int((torch.from_numpy(found["positions"]) != expected["positions"]).sum())
            samples += expected["positions"].numel()
    return Exported(tuple(example), network.outputs, difference, flipped / samples if samples else None)


def _named(network: PortableModel | PortableGenerator, values: Any) -> Mapping[str, Any]:
    return dict(zip(network.outputs, values, strict=True))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep to ourselves what the exporter tells of its own subsets."""
    levels = {logger: logger.level for logger in map(logging.getLogger, ("torch.onnx", "onnxscript", "onnx_ir"))}
    for logger in levels:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)
