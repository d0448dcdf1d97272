"""Import checkpoints and adversarial sets of the STAA-Net authors' code, and export datasets and sets in its layout."""

import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from staanet.attacks.generator import WaveUNet
from staanet.attacks.generator.published import read_generator
from staanet.core import checkpoints, records
from staanet.core.errors import StaanetError
from staanet.core.files import check_replaceable, check_writable
from staanet.core.hdf5 import open_hdf5, sample_rate
from staanet.core.processes import locked
from staanet.core.records import Record, Rows
from staanet.core.run import Run
from staanet.core.seeds import derive
from staanet.core.signature import file_digest, signature, signature_of
from staanet.core.version import NUMERICS
from staanet.corpora.hdf5 import Hdf5
from staanet.data import Dataset, hdf5_export, prepare
from staanet.evaluation import AdversarialSet, clean_logits, evaluate
from staanet.evaluation import hdf5 as sets
from staanet.evaluation.record import Case, write_record
from staanet.models import Model, load_model, loader_of
from staanet.models.published import read_model
from staanet.models.wrappers import LabelView
from staanet.report import write as write_page
from staanet.tasks.train import split_of

logger = logging.getLogger(__name__)

BATCH = 32
ELSEWHERE = "the attack was run elsewhere, and its file does not contain it"


def import_model(file: Path, out: Path, labels: Sequence[str], seconds: float) -> Model:
    """Save an Emo18 or Zhao19 that the authors' code trained as a checkpoint, and return the model."""
    check_replaceable(out, checkpoints.CONFIG)
    model = read_model(file, labels, seconds)
    checkpoints.save(model, out, made_from={"imported": file_digest(file)})
    return model


def import_generator(file: Path, out: Path) -> WaveUNet:
    """Save a generator that the authors' code trained as a checkpoint, and return the generator."""
    check_replaceable(out, checkpoints.CONFIG)
    generator = read_generator(file)
    checkpoints.save(generator, out, made_from={"imported": file_digest(file)})
    return generator


def import_adversarial(
    file: Path,
    out: Path,
    targets: Sequence[str | Path],
    *,
    trust: bool = False,
    attack: str,
    source: str,
    labels: Sequence[str],
    seed: int,
    device: torch.device,
) -> list[Record]:
    """Evaluate an adversarial set of another programme on models of this library; write records and a page.

    The budget of such a record is what the set uses: its largest change, and its largest fraction of changed samples.

    Args:
        file: HDF5 file with the datasets `x_org`, `x_adv` and `y`.
        out: Folder of a run; records that it has already stay on its page.
        targets: References to the target models (`staanet.load_model`).
        trust: Whether code that comes with the target models may run.
        attack: Name of the attack in the records.
        source: Name of the source model; if it is also the name of a target, that record is white-box.
        labels: Emotions in the order of the class numbers; by default those in the file, else the first target's.
        seed: Random seed of the noise control.
        device: Device to evaluate on.

    Raises:
        StaanetError: the file, a name or a target does not fit.
    """
    for kind, name in (("attack", attack), ("source", source)):
        if not re.fullmatch(r"[\w.-]+", name):
            raise StaanetError(f"expected the {kind}'s name of letters, digits, '_', '-' and '.', got {name!r}")
    models = _load_by_name(targets, trust)
    with open_hdf5(file) as open_file:
        rate, named = sample_rate(open_file), tuple(open_file.attrs.get("labels", ()))
    emotions = tuple(labels) or named or next(iter(models.values())).labels
    target_models = {name: _for_labels(model, emotions, rate, file) for name, model in models.items()}
    check_writable(out)
    digest = file_digest(file)
    made = signature([NUMERICS, digest, emotions])
    dataset = prepare(Hdf5(emotions), file, out / "datasets" / f"{attack}-{made}", rate, to_train=False)
    adversarial = sets.read(file, dataset, out / "adversarial" / f"{attack}-{source}-{made}")
    _warn_of_delays(file, sets.delays(adversarial, dataset), len(dataset))
    written = []
    for (name, model), path in zip(target_models.items(), targets, strict=True):
        settings = {
            "set": digest,
            "target": loader_of(path).identity(str(path)),
            "labels": list(emotions),
            "seed": seed,
        }
        figures, rows = _evaluated(model, dataset, adversarial, seed, device)
        case = _case(attack, source, name, file.stem, settings, rows, device)
        written.append(write_record(out / "records", case, figures, rows))
    with locked(out):
        run = Run(out)
        listed = dict.fromkeys([*run.record_paths, *written])
        layout = replace(run.layout, title=run.title or "Adversarial sets made elsewhere")
        run.write(layout, records=listed, examples=run.examples)
        write_page(run)
    return [records.read(path) for path in written]


def _evaluated(
    model: Model, dataset: Dataset, adversarial: AdversarialSet, seed: int, device: torch.device
) -> tuple[dict[str, Any], Rows]:
    clips = list(dataset.utterances)
    options: dict[str, Any] = {"protocol": "file", "size": 0, "batch_size": BATCH, "device": device}
    clean = clean_logits(model, dataset, clips, **options)
    figures, rows = evaluate(model, dataset, clips, adversarial, clean, seed=derive(seed, "control"), **options)
    figures["notes"] |= dict.fromkeys(sets.UNKNOWN, ELSEWHERE)
    return figures, rows


def _case(
    attack: str,
    source: str,
    target: str,
    corpus: str,
    settings: dict[str, Any],
    rows: Rows,
    device: torch.device,
) -> Case:
    return Case(
        signature=signature_of(settings),
        experiment=attack,
        corpus=corpus,
        split=signature([row["id"] for row in rows]),
        source=source,
        target=target,
        attack=attack,
        protocol="file",
        labels_from="unknown",
        seed=settings["seed"],
        budget_epsilon=max(row["linf"] for row in rows),
        budget_snr_db=None,
        budget_sparsity=max(row["l0"] / row["length"] for row in rows),
        labels=settings["labels"],
        settings=settings,
        device=device,
    )


def _load_by_name(targets: Sequence[str | Path], trust: bool) -> dict[str, Model]:
    """Load the target models, by their names without folders."""
    names = [re.sub(r"[^\w.-]", "-", loader_of(path).title(str(path))) for path in targets]
    if not names or len(set(names)) < len(names):
        raise StaanetError(
            f"expected one or more targets in folders of different names, got {', '.join(names) or 'none'}"
        )
    return {name: load_model(path, trust=trust) for name, path in zip(names, targets, strict=True)}


def _for_labels(model: Model, labels: tuple[str, ...], rate: int, file: Path) -> Model:
    """Return a model that decides between the labels of a file, in their order."""
    if model.sample_rate != rate:
        raise StaanetError(f"{file}: expected clips at the target's {model.sample_rate} Hz, got {rate} Hz")
    if not set(labels) <= set(model.labels):
        raise StaanetError(
            f"{file}: expected a target that knows {', '.join(labels)}, got one of {', '.join(model.labels)}; "
            "give --labels, the target's names in the order of the file's class numbers"
        )
    return model if model.labels == labels else LabelView(model, labels)


def _warn_of_delays(file: Path, delays: dict[str, int], count: int) -> None:
    if delays:
        (name, samples), *_ = delays.items()
        logger.warning(
            "%s: %d of %d attacked clips are shifted against their clean ones (%s: by %d samples), so that their SNR "
            "and sparsity measure the shift",
            *(file, len(delays), count, name, samples),
        )


def export_dataset(folder: Path, out: Path, seed: int) -> int:
    """Write a dataset as HDF5 in the authors' layout, split as by `staanet train`; return the number of clips."""
    dataset = Dataset(folder)
    hdf5_export.write(dataset, split_of(dataset, seed), out)
    return len(dataset)


def export_adversarial(folder: Path, dataset: Path, out: Path) -> int:
    """Write an adversarial set as HDF5 in the authors' layout, and return the number of clips."""
    return sets.write(AdversarialSet(folder), Dataset(dataset), out)
