import pytest
import torch

from attacks.linear import EPSILON, SIZE, SPARSE, SPARSITY, largest_fall
from staanet.attacks import ATTACKS, create_attack
from staanet.attacks.generator import create_generator
from staanet.attacks.generator.losses import Losses
from staanet.core import checkpoints
from staanet.core.classifier import margin
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from tiny import TINY

CPU = torch.device("cpu")


@pytest.fixture
def generator():
    with seeded("weights"):
        return create_generator("compact", **TINY["compact"])


def test_a_generator_learns_most_of_the_optimum(waveforms, generator):
    """The weights repeat every four samples, so that a generator with frames of four can express the optimum."""
    weights = torch.stack([torch.tensor([1.0, -1.0, 0.1, 0.05]).repeat(SIZE // 4), torch.zeros(SIZE)], 1)

    def model(waveforms):
        return waveforms @ weights

    labels = torch.zeros(len(waveforms), dtype=torch.int64)
    with seeded("training"):
        generator = create_generator("compact", **TINY["compact"]).train()
        optimiser = torch.optim.Adam(generator.parameters(), 1e-2)
        counts = torch.full((len(waveforms),), int(SPARSITY * SIZE))
        lengths = torch.full((len(waveforms),), SIZE)
        losses = Losses(confidence=100.0)
        epsilon = torch.full((len(waveforms), 1), EPSILON)
        for _ in range(120):
            output = generator(waveforms, epsilon, lengths, counts, "straight_through")
            parts = losses(model(output.adversarial), labels, output, epsilon, lengths)
            optimiser.zero_grad()
            sum(parts.values()).backward()
            optimiser.step()
    attack = create_attack("staa_net", generator=generator, **SPARSE)
    fall = margin(model(waveforms), labels) - margin(model(attack(model, waveforms, labels)), labels)
    assert fall.mean() >= 0.9 * largest_fall(weights)


def test_chosen_positions_are_those_of_the_generator_or_the_changed_samples(waveforms, generator):
    labels, lengths = torch.zeros(16, dtype=torch.int64), torch.full((16,), SIZE)
    loud = waveforms.sign()  # half of the changes are undone by the bounds
    attack = create_attack("staa_net", generator=generator, **SPARSE)
    adversarial = attack(lambda x: x, loud, labels)
    positions = attack.chosen_positions(loud, lengths, adversarial)
    assert (positions.sum(1) == int(SPARSITY * SIZE)).all()
    assert (positions[adversarial != loud] == 1).all()
    assert (adversarial != loud).sum() < positions.sum()
    shuffled = create_attack("shuffled_staa_net", generator=generator, **SPARSE)
    assert torch.equal(shuffled.chosen_positions(loud, lengths, adversarial), adversarial != loud)


def test_only_attacks_by_a_generator_have_a_stride(generator):
    assert [name for name in ATTACKS if ATTACKS[name].needs_generator] == [
        "one_gradient",
        "shuffled_staa_net",
        "staa_net",
    ]
    assert create_attack("staa_net", generator=generator).stride == generator.stride
    assert create_attack("noise").stride is None


def test_prepare_reports_a_missing_generator(tmp_path, generator):
    noise = create_attack("noise")
    assert noise.prepare(CPU) is noise
    attack = create_attack("staa_net", generator=generator)
    assert attack.prepare(CPU) is attack
    with pytest.raises(StaanetError, match="expected"):
        create_attack("staa_net", generator=str(tmp_path / "none")).prepare(CPU)


def test_another_digest_is_rejected(tmp_path, generator):
    checkpoints.save(generator, tmp_path / "generator")
    with pytest.raises(StaanetError, match="expected weights 0000"):
        create_attack("staa_net", generator=str(tmp_path / "generator"), digest="0000").prepare(CPU)
