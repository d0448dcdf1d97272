"""Every attack in the registry with settings that take milliseconds, for the contracts that all of them fulfil."""

from staanet.attacks import ATTACKS, create_attack
from staanet.attacks.generator import create_generator
from staanet.attacks.staa_net import GeneratorAttack
from staanet.core.seeds import seeded
from tiny import TINY, TINY_ATTACKS

BUDGET = {"epsilon": 0.05, "sparsity": 0.1}


def generators_of(name):
    """Return the names of the generators that an attack can apply; `none` for an attack without one."""
    return ATTACKS[name].generators() if issubclass(ATTACKS[name], GeneratorAttack) else ("none",)


def build(name, generator=None, **budget):
    settings = {**TINY_ATTACKS.get(name, {}), **(budget or BUDGET)}
    if issubclass(ATTACKS[name], GeneratorAttack):
        generator = generator or generators_of(name)[0]
        with seeded("weights"):
            settings["generator"] = create_generator(generator, **TINY[generator])
    return create_attack(name, **settings)


CASES = [(name, generator) for name in ATTACKS for generator in generators_of(name)]
