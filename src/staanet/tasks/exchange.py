"""What others made: checkpoints and adversarial sets of the STAA-Net authors' code become ours, and ours theirs."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from staanet.attacks.generator import WaveUNet
from staanet.attacks.generator.published import read_generator
from staanet.core import checkpoints, provenance, records
from staanet.core.errors import StaanetError
from staanet.core.files import check_replaceable, check_writable
from staanet.core.hdf5 import opened, sample_rate
from staanet.core.records import Record
from staanet.core.seeds import derive
from staanet.core.signature import file_digest, signature
from staanet.core.version import __version__
from staanet.corpora.hdf5 import Hdf5
from staanet.data import Dataset, hdf5_export, prepare
from staanet.evaluation import AdversarialSet, clean_logits, evaluate
from staanet.evaluation import exchange as sets
from staanet.evaluation.case import Rows
from staanet.models import Model, load_model
from staanet.models.published import read_model
from staanet.models.wrappers import LabelView
from staanet.report import write as write_page
from staanet.tasks.train import split_of

logger = logging.getLogger(__name__)

BATCH = 32
ELSEWHERE = "the attack was made elsewhere, and its file does not say"


def import_model(file: Path, out: Path, labels: Sequence[str], seconds: float) -> Model:
    """Make a checkpoint of an Emo18 or Zhao19 that the authors' code trained, and return the model."""
    check_replaceable(out, checkpoints.CONFIG)
    model = read_model(file, labels, seconds)
    checkpoints.save(model, out, made_from={"imported": file_digest(file)})
    return model


def import_generator(file: Path, out: Path) -> WaveUNet:
    """Make a checkpoint of a generator that the authors' code trained, and return the generator."""
    check_replaceable(out, checkpoints.CONFIG)
    generator = read_generator(file)
    checkpoints.save(generator, out, made_from={"imported": file_digest(file)})
    return generator


def import_adversarial(
    file: Path,
    out: Path,
    targets: Sequence[Path],
    *,
    attack: str,
    source: str,
    labels: Sequence[str],
    seed: int,
    device: torch.device,
) -> list[Record]:
    """Evaluate somebody else's adversarial set on models of ours, controls included, and write records and a page.

    The budget of such a record is what the set takes: its largest change, and its largest share of changed samples.

    Args:
        file: HDF5 with `x_org`, `x_adv` and `y`.
        out: a run's folder; records that are there already stay on its page.
        targets: the checkpoints of the models.
        attack: what the set is called.
        source: what it was made on; the name of a target makes its record white-box.
        labels: the emotions, in the order of the class numbers; if none, the file's own, else the first target's.
        seed: of the control.
        device: to evaluate on.

    Raises:
        StaanetError: a file, a name or a target that does not fit.
    """
    for kind, name in (("attack", attack), ("source", source)):
        if not re.fullmatch(r"[\w.-]+", name):
            raise StaanetError(f"expected the {kind}'s name of letters, digits, '_', '-' and '.', got {name!r}")
    models = _by_name(targets)
    with opened(file) as open_file:
        rate, named = sample_rate(open_file), tuple(open_file.attrs.get("labels", ()))
    emotions = tuple(labels) or named or next(iter(models.values())).labels
    judges = {name: _judge(model, emotions, rate, file) for name, model in models.items()}
    check_writable(out)
    digest = file_digest(file)
    made = signature([__version__, digest, emotions])
    dataset = prepare(Hdf5(emotions), file, out / "datasets" / f"{attack}-{made}", rate)
    adversarial = sets.read(file, dataset, out / "adversarial" / f"{attack}-{source}-{made}")
    _tell_delays(file, sets.delays(adversarial, dataset), len(dataset))
    written = []
    for (name, model), path in zip(judges.items(), targets, strict=True):
        settings = {"set": digest, "target": checkpoints.digest(path), "labels": list(emotions), "seed": seed}
        figures, rows = _evaluated(model, dataset, adversarial, seed, device)
        record = _record(attack, source, name, file.stem, settings, figures, rows, device)
        written.append(records.write(out / "records", record, rows))
    listed = dict.fromkeys([*records.contents(out, "records", "*.json"), *written])
    title = records.title(out) or "Adversarial sets made elsewhere"
    records.write_contents(out, title, records=listed, examples=records.contents(out, "examples", "*"))
    write_page(out)
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


def _record(
    attack: str,
    source: str,
    target: str,
    corpus: str,
    settings: dict[str, Any],
    figures: dict[str, Any],
    rows: Rows,
    device: torch.device,
) -> Record:
    commit, tree_clean = provenance.commit()
    return Record(
        signature=signature({"version": __version__, **settings}),
        experiment=attack,
        corpus=corpus,
        split=signature([row["id"] for row in rows]),
        fold=None,
        folds=(),
        folds_planned=0,
        source=source,
        target=target,
        attack=attack,
        generator=None,
        defence=None,
        protocol="file",
        labels_from="unknown",
        seed=settings["seed"],
        budget_epsilon=max(row["linf"] for row in rows),
        budget_snr_db=None,
        budget_sparsity=max(row["l0"] / row["length"] for row in rows),
        labels=settings["labels"],
        settings=settings,
        versions=provenance.versions(),
        commit=commit,
        tree_clean=tree_clean,
        device=provenance.device_name(device),
        **figures,
    )


def _by_name(targets: Sequence[Path]) -> dict[str, Model]:
    """Return the targets by the names of their folders."""
    names = [path.resolve().name for path in targets]
    if not names or len(set(names)) < len(names):
        raise StaanetError(
            f"expected one or more targets in folders of different names, got {', '.join(names) or 'none'}"
        )
    return {name: load_model(path) for name, path in zip(names, targets, strict=True)}


def _judge(model: Model, labels: tuple[str, ...], rate: int, file: Path) -> Model:
    """Return a model that decides between the labels of a file, in their order."""
    if model.sample_rate != rate:
        raise StaanetError(f"{file}: expected clips at the target's {model.sample_rate} Hz, got {rate} Hz")
    if not set(labels) <= set(model.labels):
        raise StaanetError(
            f"{file}: expected a target that knows {', '.join(labels)}, got one of {', '.join(model.labels)}; "
            "give --labels, the target's names in the order of the file's class numbers"
        )
    return model if model.labels == labels else LabelView(model, labels)


def _tell_delays(file: Path, delays: dict[str, int], count: int) -> None:
    if delays:
        (name, samples), *_ = delays.items()
        logger.warning(
            "%s: %d of %d attacked clips do not lie on their clean ones (%s: %d samples late), so that their SNR and "
            "sparsity are those of a shift",
            *(file, len(delays), count, name, samples),
        )


def export_dataset(folder: Path, out: Path, seed: int) -> int:
    """Write a dataset as HDF5 in the authors' layout, dealt as `staanet train` deals it; return the number of clips."""
    dataset = Dataset(folder)
    hdf5_export.write(dataset, split_of(dataset, seed), out)
    return len(dataset)


def export_adversarial(folder: Path, dataset: Path, out: Path) -> int:
    """Write an adversarial set as HDF5 in the authors' layout, and return the number of clips."""
    return sets.write(AdversarialSet(folder), Dataset(dataset), out)
