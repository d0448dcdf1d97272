"""Every attack in the registry with settings that take milliseconds, for the contracts that all of them fulfil."""

from staanet.attacks import ATTACKS, create_attack
from staanet.attacks.generator import GENERATORS, create_generator
from staanet.attacks.staa_net import GeneratorAttack
from staanet.core.seeds import seeded
from tiny import TINY, TINY_ATTACKS

BUDGET = {"epsilon": 0.05, "sparsity": 0.1}


def build(name, generator="compact", **budget):
    settings = {**TINY_ATTACKS.get(name, {}), **(budget or BUDGET)}
    if issubclass(ATTACKS[name], GeneratorAttack):
        with seeded("weights"):
            settings["generator"] = create_generator(generator, **TINY[generator])
    return create_attack(name, **settings)


CASES = [
    (name, generator)
    for name in ATTACKS
    for generator in (GENERATORS if issubclass(ATTACKS[name], GeneratorAttack) else ["none"])
]
