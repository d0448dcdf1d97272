import pytest
import torch

from staanet import create_attack
from staanet.attacks.generator import create_generator
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.training.generator import GeneratorTraining, train_generator


@pytest.fixture
def generator():
    with seeded("universal"):
        return create_generator("universal", period=100)


def test_all_clips_change_alike(generator):
    clips = torch.rand(3, 500) - 0.5
    attack = create_attack("staa_net", generator=generator, epsilon=0.1, sparsity=0.1)
    changes = attack(lambda x: x, clips, torch.tensor([0, 1, 2])) - clips
    assert (changes[0] != 0).sum() == 50
    torch.testing.assert_close(changes[0], changes[1])
    torch.testing.assert_close(changes[0], changes[2])


def test_a_smaller_budget_takes_a_part_of_the_same_positions(generator):
    clip, lengths = torch.zeros(1, 500), torch.tensor([500])
    few, many = (generator(clip, 0.1, lengths, torch.tensor([count])).positions[0].bool() for count in (7, 50))
    assert (few.sum(), many.sum()) == (7, 50)
    assert (many | ~few).all()


def test_a_period_without_samples_is_refused():
    with pytest.raises(StaanetError, match="expected a period of 1 sample or more, got 0"):
        create_generator("universal", period=0)


class Rising(torch.nn.Module):
    """A model that decides for its second class where the alternating sum of a clip exceeds a threshold."""

    name, access, sample_rate, trained_length, labels = "rising", "gradient", 16_000, 1000, ("low", "high")

    def forward(self, waveforms, _lengths=None):
        signs = 1 - 2 * (torch.arange(waveforms.shape[1]) % 2)
        loudness = waveforms.square().mean(1).sqrt() + 1e-6
        level = 50 * ((waveforms * signs).mean(1) / loudness - 0.075)
        return torch.stack([-level, level], 1)


def test_one_perturbation_is_learnt_that_misleads_clips_of_others(dataset, split, tmp_path, generator):
    clips = dataset.batch(split.test).waveforms[:, :1000]
    model, own = Rising(), Rising()(clips).argmax(1)
    assert not own.any()
    budget = Budget(snr_db=12.0, sparsity=0.25)
    attack = create_attack("staa_net", generator=generator, budget=budget)
    assert not model(attack(model, clips, own)).argmax(1).any()
    settings = GeneratorTraining(budget=budget, epochs=10, batch_size=4, learning_rate=0.05, halve_every=100)
    train_generator(generator, model, dataset, split.train, (), settings, tmp_path / "p", 0, torch.device("cpu"))
    assert model(attack(model, clips, own)).argmax(1).float().mean() > 0.7
