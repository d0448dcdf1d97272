"""The code of the authors of AutoAttack, Sparse-AutoAttack, FMN and sigma-zero, which is asked for and never copied.

FMN is in Foolbox (extra `foolbox`); the others are clones.

Each function maps a network of images in [0, 1], images `[N, 1, H, W]` and labels to adversarial images.
"""

import importlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import foolbox
import torch
from torch import Tensor, nn

SOURCES = {
    "auto_attack": "a clone of github.com/fra31/auto-attack (a392200)",
    "sparse_pgd": "the folder autoattack in a clone of github.com/CityU-MLO/sPGD (6624853); needs scikit-image",
    "sigma_zero": "a clone of github.com/sigma0-advx/sigma-zero (f79dedd); needs adv_lib on the path",
}
"""Where the folder of each name comes from."""

Attack = Callable[[nn.Module, Tensor, Tensor], Tensor]


def imported(folder: Path, module: str) -> Any:
    sys.path.insert(0, str(folder))
    return importlib.import_module(module)


def auto_attack(folder: Path, epsilon: float, steps: int, queries: int, classes: int) -> Mapping[str, Attack]:
    """Return the four attacks of AutoAttack (arXiv 2003.01690) within epsilon, one restart each."""
    cls = imported(folder, "autoattack").AutoAttack

    def attack(name: str) -> Attack:
        def run(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
            made = cls(model, "Linf", epsilon, 0, verbose=False, attacks_to_run=[name], version="custom", device="cpu")
            made.apgd.n_iter = made.apgd_targeted.n_iter = made.fab.n_iter = steps
            made.apgd.n_restarts = made.fab.n_restarts = 1
            made.apgd_targeted.n_target_classes = made.fab.n_target_classes = min(9, classes - 1)
            made.square.n_queries = queries
            return made.run_standard_evaluation(images, labels, bs=len(images))

        return run

    return {name: attack(name) for name in ("apgd-ce", "apgd-t", "fab-t", "square")}


def sparse_auto_attack(folder: Path, count: int, steps: int, queries: int) -> Mapping[str, Attack]:
    """Return the three attacks of Sparse-AutoAttack (arXiv 2405.05075) on `count` samples."""
    spgd, rs = imported(folder, "spgd"), imported(folder, "rs_attacks")

    def gradients(unprojected: bool) -> Attack:
        def run(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
            torch.manual_seed(0)
            made = spgd.SparsePGD(model, epsilon=1.0, k=count, t=steps, unprojected_gradient=unprojected)
            return made(images, labels)[0]

        return run

    def search(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        made = rs.RSAttack(model, eps=count, n_queries=queries, verbose=False, loss="ce", device="cpu")
        return made.perturb(images, labels)[1]

    return {"sPGD, unprojected": gradients(True), "sPGD, projected": gradients(False), "Sparse-RS": search}


def fmn(model: nn.Module, images: Tensor, labels: Tensor, steps: int) -> Tensor:
    """Return the images of FMN (arXiv 2102.12827) for the largest change, as its authors wrote it for Foolbox."""
    wrapped = foolbox.PyTorchModel(model.eval(), bounds=(0, 1), device="cpu")
    attack = foolbox.attacks.LInfFMNAttack(steps=steps)
    found: Tensor = attack(wrapped, images, foolbox.criteria.Misclassification(labels), epsilons=None)[1]
    return found


def sigma_zero(folder: Path, steps: int) -> Attack:
    """Return sigma-zero (arXiv 2402.01879)."""
    attack = imported(folder, "sigma_zero_attack").sigma_zero

    def run(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        found = attack(model, images, labels, steps=steps)
        return (found[0] if isinstance(found, tuple) else found).detach()

    return run
