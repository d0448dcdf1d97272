"""The settings with which the attacks of staanet, ART and torchattacks are compared."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from attack_libraries import SIZE, Settings
from torch import Tensor

# ------------------------------------------------------------------ iterative gradient attacks

EPSILON = 0.004
STEPS = 5

# Images lie in [0, 1] and clips in [-1, 1], so that every size of the other libraries is half of ours.
ART_STEPS = {"eps": EPSILON / 2, "max_iter": STEPS, "batch_size": 16, "verbose": False}
TORCH_STEPS = {"eps": EPSILON / 2, "steps": STEPS}
GRADIENT_ATTACKS: dict[str, tuple[Settings, dict[str, tuple[str, Settings]]]] = {
    "fgsm": (
        {"epsilon": EPSILON},
        {
            "ART": ("FastGradientMethod", {"eps": EPSILON / 2, "batch_size": 16}),
            "torchattacks": ("FGSM", {"eps": EPSILON / 2}),
        },
    ),
    "bim": (
        {"epsilon": EPSILON, "steps": STEPS, "step_size": 0.25},
        {
            "ART": ("BasicIterativeMethod", {**ART_STEPS, "eps_step": EPSILON / 8}),
            "torchattacks": ("BIM", {**TORCH_STEPS, "alpha": EPSILON / 8}),
        },
    ),
    "pgd": (
        {"epsilon": EPSILON, "steps": STEPS, "step_size": 0.25, "restarts": 1},
        {
            "ART": ("ProjectedGradientDescent", {**ART_STEPS, "eps_step": EPSILON / 8, "num_random_init": 1}),
            "torchattacks": ("PGD", {**TORCH_STEPS, "alpha": EPSILON / 8}),
        },
    ),
    "apgd": (
        {"epsilon": EPSILON, "steps": STEPS, "restarts": 1},
        {
            "ART": (
                "AutoProjectedGradientDescent",
                {**ART_STEPS, "eps_step": EPSILON, "nb_random_init": 1, "loss_type": "cross_entropy"},
            ),
            "torchattacks": ("APGD", {**TORCH_STEPS, "n_restarts": 1}),
        },
    ),
    "deepfool": (
        {"epsilon": 2.0, "steps": STEPS},
        {
            "ART": ("DeepFool", {"max_iter": STEPS, "epsilon": 0.02, "batch_size": 16, "verbose": False}),
            "torchattacks": ("DeepFool", {"steps": STEPS, "overshoot": 0.02}),
        },
    ),
}
"""Our settings of each attack, and for each library the name and settings of its attack."""

# ------------------------------------------------------------------ attacks that stop on their own


def l2_norm(perturbations: Tensor) -> Tensor:
    return perturbations.norm(dim=1)


def linf_norm(perturbations: Tensor) -> Tensor:
    return perturbations.abs().amax(1)


def l0_norm(perturbations: Tensor) -> Tensor:
    return (perturbations.abs() > 1e-6).sum(1).float()


@dataclass(frozen=True)
class Comparison:
    """An attack of ours, with settings from the cheapest to the most expensive, and an attack of a library.

    `norm` is the norm that both attacks minimise, if any. The attacks run on `max_clips` clips, fewer where the
    library's attack takes long.
    """

    attack: str
    settings: Sequence[Settings]
    library: str
    other: str
    other_settings: Settings
    aim: float
    norm: Callable[[Tensor], Tensor] | None = None
    max_clips: int = 16


JSMA_SAMPLES = 320
"""Samples that JSMA may change."""

UNLIMITED = {"epsilon": 2.0, "sparsity": 1.0}
"""A budget that allows every perturbation within full scale."""

EVOLUTION = [{**UNLIMITED, "samples": 10, "queries": number} for number in (30, 60, 120, 240, 360, 480, 720, 960)]
JSMA = [
    {
        "epsilon": 2.0,
        "sparsity": JSMA_SAMPLES / SIZE,
        "samples": -(-JSMA_SAMPLES // steps),
        "steps": steps,
        "targeted": True,
        "thinned": False,
    }
    for steps in (4, 8, 16, 32, 64)
]
CW_L2 = [
    {**UNLIMITED, "rounds": rounds, "steps": steps, "learning_rate": rate}
    for rounds, steps, rate in ((2, 4, 2.0), (2, 15, 0.3), (2, 20, 0.2), (2, 30, 0.15), (2, 40, 0.1), (9, 100, 0.2))
]
CW_LINF = [{**UNLIMITED, "rounds": rounds, "steps": 10} for rounds in (1, 2, 4, 8, 16, 32)]
COMPARISONS = (
    Comparison(
        "sparsefool",
        [
            {**UNLIMITED, "thinned": False, "push": 10.0, "deepfool_steps": 3, "candidates": 2},
            {**UNLIMITED, "thinned": False, "candidates": 2},
            {**UNLIMITED, "thinned": False},
            UNLIMITED,
        ],
        "torchattacks",
        "SparseFool",
        {"steps": 20, "lam": 3},
        10,
        l0_norm,
    ),
    Comparison(
        "jsma",
        JSMA,
        "ART",
        "SaliencyMapMethod",
        {"theta": 0.5, "gamma": JSMA_SAMPLES / SIZE, "batch_size": 16, "verbose": False},
        10,
    ),
    Comparison(
        "boundary",
        [{**UNLIMITED, "queries": number} for number in (10, 15, 20, 30, 40, 60, 80, 160, 320)],
        "ART",
        "BoundaryAttack",
        {"targeted": False, "max_iter": 20, "sample_size": 20, "verbose": False},
        10,
        l2_norm,
    ),
    Comparison(
        "pixel",
        EVOLUTION,
        "ART",
        "PixelAttack",
        {"th": 10, "es": 1, "max_iter": 1},
        3,
    ),
    Comparison("one_pixel", EVOLUTION, "torchattacks", "OnePixel", {"pixels": 10, "steps": 10, "popsize": 30}, 3),
    Comparison("cw_l2", CW_L2, "torchattacks", "CW", {"c": 1.0, "steps": 50, "lr": 0.01}, 3, l2_norm),
    Comparison(
        "cw_l2",
        CW_L2,
        "ART",
        "CarliniL2Method",
        {"binary_search_steps": 3, "max_iter": 10, "batch_size": 16, "verbose": False},
        3,
        l2_norm,
    ),
    Comparison(
        "cw_linf",
        CW_LINF,
        "ART",
        "CarliniLInfMethod",
        {"max_iter": 10, "decrease_factor": 0.5, "initial_const": 0.01, "const_factor": 10.0, "verbose": False},
        3,
        linf_norm,
        max_clips=4,
    ),
)
