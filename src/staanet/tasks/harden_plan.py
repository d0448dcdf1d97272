"""What hardening is going to do: the model, the clips, the defence and the training, checked before any work."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from staanet.core import checkpoints
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError, unknown_name
from staanet.core.files import check_replaceable, read_json, remove
from staanet.core.provenance import device_of
from staanet.core.settings import validated
from staanet.core.signature import signature, to_jsonable
from staanet.data import Dataset
from staanet.defences import TrainingDefence, create_defence
from staanet.models import MODELS, Model, identity_of, load_deciding, loader_of
from staanet.models.frozen import HasEncoder
from staanet.models.loaders.base import Loader
from staanet.models.loaders.hardened import BASES, save_hardened
from staanet.models.wrappers import LabelView, View
from staanet.tasks.course import Course, Hardening
from staanet.tasks.train import split_of_model
from staanet.training.hardening import HardeningTraining
from staanet.training.parallel import current

METHODS = ("pgd", "fast", "generator", "trades", "noise", "gaussian_smoothing", "ablation", "partition")
"""How a model can be hardened: against attacks of several steps, of one step, against a generator that learns with the
model, by TRADES, or, as a control, against noise; or by a smoothing, so that it can be certified."""

SMALLEST = 2.0**-23
"""Size of one step of 24-bit audio in full scale; an attack with smaller changes changes nothing."""

CHANGED: Mapping[str, Mapping[str, Any]] = {"noise": {"collapse": 0.0}}
"""Defaults of the training that differ by method: a control has no robustness that could collapse."""


@dataclass(frozen=True)
class HardenPlan:
    """A hardening of which everything was checked that can be before the work.

    Args:
        model: The model that is trained.
        loader: What loaded it.
        reference: The reference to it.
        course: Its course.
        method: How it is hardened.
        folder: Folder of the hardened model.
        made_from: All settings that decide the weights.
    """

    model: Model
    loader: Loader
    reference: str
    course: Course
    method: str
    folder: Path
    made_from: Mapping[str, Any]

    def carried_out(self) -> Hardening:
        """Train and save the model, and return what was achieved; a complete one is only read."""
        if found := self.earlier():
            return found
        progress = self.folder.with_name(f"{self.folder.name}-{signature(self.made_from)}.progress")
        found, history = self.course.run(self.method, progress)
        facts = {
            "made_from": self.made_from,
            "history": history,
            "split": self.course.split,
            "hardening": asdict(found),
        }
        if not current().writes:
            return found
        if type(self.model) in MODELS.values():
            checkpoints.save(self.model, self.folder, **facts)
        else:
            save_hardened(self.model, self.loader, self.reference, self.folder, **facts)
        remove(progress)
        return found

    def earlier(self) -> Hardening | None:
        """Return what was achieved if the hardened model is there, made from the same."""
        path = self.folder / checkpoints.CONFIG
        config = read_json(path) if path.is_file() else {}
        if "hardening" not in config or config.get("made_from") != to_jsonable(self.made_from):
            return None
        return validated(Hardening, config["hardening"], str(path))


def plan_hardening(
    model: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    method: str,
    budget: Budget,
    steps: int,
    method_settings: Mapping[str, Any] | None,
    only: str | Sequence[str] | None,
    training: Mapping[str, Any] | None,
    trust: bool | None,
    model_settings: Mapping[str, Any] | None,
    seed: int,
    device: str | None,
) -> HardenPlan:
    """Return what `harden` with these arguments is going to do; they are described there.

    Raises:
        StaanetError: If the model has no gradients or no weights, if nothing can be learnt under the budget, or if a
            setting or the dataset cannot be used.
    """
    folder, loader = Path(out), loader_of(model, model_settings)
    defence = method_defence(method, budget, steps, method_settings or {})
    settings = validated(HardeningTraining, {**CHANGED.get(method, {}), **(training or {})}, "training")
    dataset = prepared(Path(data))
    check_replaceable(folder, checkpoints.CONFIG)
    loaded = load_deciding(model, trust=trust, **(model_settings or {}))
    dataset, learner = matched(loaded, dataset, str(model))
    _check_trainable(loaded, loader.name, only, str(model))
    split = split_of_model(model, dataset, seed)
    made_from = {
        "hardened": identity_of(model, model_settings, loaded),
        "defence": {"name": defence.name, **to_jsonable(defence)},
        "budget": asdict(budget),
        "only": only,
        "training": settings,
        "dataset": dataset.digest,
        "split": split.digest(),
        "seed": seed,
    }
    where = device_of(device)
    course = Course(learner.to(where), dataset, split, defence, budget, settings, seed, where)
    return HardenPlan(loaded, loader, str(model), course, method, folder, made_from)


def method_defence(method: str, budget: Budget, steps: int, settings: Mapping[str, Any]) -> TrainingDefence:
    """Return the training defence of a method.

    Raises:
        StaanetError: If the method is unknown, or nothing can be learnt under the budget.
    """
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    _check_learnable(budget)
    bounds = {key: value for key, value in asdict(budget).items() if value is not None}
    several: dict[str, Any] = {"attack": "sparse_pgd", "steps": steps, **bounds}
    if budget.sparsity == 1:
        several = {"attack": "pgd", "steps": steps, "step_size": min(1.0, 2.0 / steps), "restarts": 1, **bounds}
    single = {**several, "steps": 1, "step_size": 1.0 if budget.sparsity < 1 else 1.25}
    if method == "generator":
        return cast(TrainingDefence, create_defence("adversarial_generator", **{"budget": asdict(budget), **settings}))
    attacks = {"pgd": several, "trades": several, "fast": single, "noise": {"attack": "noise", **bounds}}
    if method not in attacks:
        return cast(TrainingDefence, create_defence(method, **settings))
    if method == "trades":
        return cast(TrainingDefence, create_defence("trades", **{"attack": several, **settings}))
    training = {"attack": attacks[method], "ratio": 1.0, **settings}
    return cast(TrainingDefence, create_defence("adversarial_training", **training))


def _check_learnable(budget: Budget) -> None:
    """Check that an attack within a budget can change a clip and leaves something of it.

    Raises:
        StaanetError: If nothing can be learnt under it.
    """
    largest = budget.epsilon if budget.snr_db is None else 10 ** (-budget.snr_db / 20)
    assert largest is not None  # noqa: S101  # a budget has one of both
    given = f"epsilon = {budget.epsilon:g}" if budget.snr_db is None else f"{budget.snr_db:g} dB"
    if budget.sparsity == 1 and largest >= 1:
        raise StaanetError(
            f"expected a budget below the peak of a clip, got {given} for every sample, with which an attack can "
            "silence any clip, so that nothing can be learnt; choose a smaller one, such as 40 dB"
        )
    if largest < SMALLEST:
        raise StaanetError(
            f"expected a budget that can change a clip, got {given}, which 24-bit audio cannot hold, so that nothing "
            "can be learnt; choose a larger one, such as 40 dB"
        )


def prepared(data: Path) -> Dataset:
    """Return a prepared dataset.

    Raises:
        StaanetError: If the folder holds none.
    """
    if not (data / "dataset.json").is_file():
        raise StaanetError(f"{data}: expected a prepared dataset, found none; write one with staanet prepare")
    return Dataset(data)


def matched(model: Model, dataset: Dataset, reference: str) -> tuple[Dataset, Model]:
    """Return the clips of the emotions that a model knows, and the model restricted to them.

    Raises:
        StaanetError: If their sampling rates differ, or they share fewer than two emotions.
    """
    if model.sample_rate != dataset.sample_rate:
        raise StaanetError(
            f"{dataset.folder}: expected the {model.sample_rate} Hz of {reference}, got {dataset.sample_rate} Hz; "
            f"prepare one with --sample-rate {model.sample_rate}"
        )
    shared = tuple(label for label in model.labels if label in dataset.labels)
    if len(shared) < 2:
        raise StaanetError(
            f"expected a model that knows two or more emotions of the clips ({', '.join(dataset.labels)}), got one of "
            f"{', '.join(model.labels)}; rename its labels, such as --model-set labels.ang=anger"
        )
    return dataset.only(shared), model if model.labels == shared else LabelView(model, shared)


def _check_trainable(model: Model, loader: str, only: str | Sequence[str] | None, reference: str) -> None:
    """Check that a model can be trained and saved, and keep the weights that are not trained.

    Raises:
        StaanetError: If the model has no gradients or no weights, or if no weight has such a name.
    """
    if model.access != "gradient":
        raise StaanetError(
            f"{reference}: expected a model with gradients, by which it is trained, got one that gives {model.access} "
            "only"
        )
    weights = dict(model.named_parameters())
    if not any(weight.requires_grad for weight in weights.values()):
        raise StaanetError(f"{reference}: expected a model with weights that can be trained, found none")
    if type(model) not in MODELS.values() and (isinstance(model, View) or loader not in BASES):
        raise StaanetError(
            f"{reference}: expected a checkpoint, a folder of Hugging Face, or a model in Python or torch, with its "
            "own labels, since its weights are saved, got another; rename the labels of the dataset instead"
        )
    if only is not None:
        begins = (only,) if isinstance(only, str) else tuple(only)
        for begin in begins:
            if not any(name.startswith(begin) for name in weights):
                found = ", ".join(list(weights)[:5])
                raise StaanetError(
                    f"{reference}: expected weights whose names begin with {begin!r}, found {found}, ..."
                )
        for name, weight in weights.items():
            weight.requires_grad_(name.startswith(begins))
        if isinstance(model, HasEncoder):
            model.is_frozen = not any(weight.requires_grad for weight in model.encoder.parameters())
