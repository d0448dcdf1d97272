"""Sizes, and attacks of ART as attacks of this library."""

from staanet.attacks import create_attack

EPSILON, SIZE = 0.05, 256


def art(attack_class, targeted=False, epsilon=EPSILON, sparsity=1.0, **parameters):
    budget = {"epsilon": epsilon, "sparsity": sparsity}
    return create_attack("art", attack_class=attack_class, parameters=parameters, targeted=targeted, **budget)
