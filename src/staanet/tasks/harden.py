"""Harden a model: train it against attacks, and keep the epoch that is most robust without losing accuracy."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from staanet.core.budget import Budget
from staanet.engines import Engine
from staanet.tasks.course import Hardening
from staanet.tasks.harden_plan import plan_hardening
from staanet.tasks.harden_work import hardened_by


def harden(
    model: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    method: str = "pgd",
    budget: Budget = Budget(snr_db=40.0),
    steps: int = 5,
    method_settings: Mapping[str, Any] | None = None,
    only: str | Sequence[str] | None = None,
    training: Mapping[str, Any] | None = None,
    trust: bool | None = None,
    model_settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    device: str | None = None,
    engine: Engine | None = None,
) -> Hardening:
    """Train a model so that attacks fool it less often, and write it to a folder that `load_model` loads.

    Call it again with the same arguments to resume; a complete one is only read. The clips are split by speaker, or as
    the checkpoint says.

    Args:
        model: Reference to the model (`staanet.load_model`), which is trained already.
        data: A prepared dataset.
        out: Folder of the hardened model.
        method: `pgd` (adversarial training), `fast` (the same with one gradient), `generator` (with a generator that
            learns together with the model), `trades`, `noise` (the control), or a smoothing: `gaussian_smoothing`,
            `ablation`, `partition`.
        budget: Budget of the attack. With a sparsity below 1 it is `sparse_pgd`.
        steps: Steps of the attack of `pgd` and `trades`.
        method_settings: Further settings of the method, such as `beta` of `trades` or `sigma`.
        only: Beginnings of the names of the weights that are trained, such as `parts.0.head`; those of a frozen encoder
            are thawed. By default all weights that the model does not keep frozen.
        training: Settings of the training that differ from the defaults of `HardeningTraining`, by which `noise` never
            ends early.
        trust: Whether code that comes with the model may run; as for `load_model` by default.
        model_settings: Settings of the loader of the model, such as its labels.
        seed: Random seed.
        device: Device to train on; a GPU by default if there is one.
        engine: Where the model is trained (default: None, in this process); one worker trains it, in one thread.

    Raises:
        StaanetError: If the model has no gradients or no weights, if nothing can be learnt under the budget, or if a
            setting or the dataset cannot be used.
    """
    arguments: dict[str, Any] = {
        "model": model,
        "data": data,
        "out": out,
        "method": method,
        "budget": budget,
        "steps": steps,
        "method_settings": method_settings,
        "only": only,
        "training": training,
        "trust": trust,
        "model_settings": model_settings,
        "seed": seed,
    }
    plan = plan_hardening(**arguments, device=device)
    return plan.carried_out() if engine is None else hardened_by(engine, plan, arguments)
