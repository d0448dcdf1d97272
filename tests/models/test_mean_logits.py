import pytest
import torch

from staanet.attacks import create_attack
from staanet.attacks.generator import create_generator
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.models import MeanLogits, create_model
from staanet.training.generator import GeneratorTraining, train_generator
from tiny import TINY


def models(*names, labels="abc", **settings):
    with seeded("models"):
        return [create_model(name, labels=labels, **{"seconds": 0.1, **settings}).eval() for name in names]


def test_logits_are_the_mean(clips):
    waveforms, lengths, _ = clips
    sources = models("emo18", "zhao19", "zhao19")
    with torch.no_grad():
        expected = sum(model(waveforms, lengths) for model in sources) / 3
        torch.testing.assert_close(MeanLogits(sources)(waveforms, lengths), expected)


def test_an_attack_moves_all_models_away_together(clips):
    waveforms, lengths, _ = clips
    both = MeanLogits(models("emo18", "zhao19"))
    with torch.no_grad():
        labels = both(waveforms, lengths).argmax(1)
    attack = create_attack("sparse_pgd", epsilon=0.5, sparsity=1.0, steps=10)
    adversarial = attack(both, waveforms, labels, lengths)
    with torch.no_grad():
        before, after = (both(clip, lengths).softmax(1).gather(1, labels[:, None]) for clip in (waveforms, adversarial))
    assert (after < before).all()


def test_a_generator_learns_from_several_sources(dataset, split, tmp_path):
    sources = MeanLogits(models("emo18", "zhao19", labels=dataset.labels))
    generator = create_generator("gradient_conditional", **TINY["gradient_conditional"])
    settings = GeneratorTraining(epochs=1, batch_size=8)
    clips = split.train[:8]
    (figures,) = train_generator(
        generator, sources, dataset, clips, (), settings, tmp_path / "progress", 0, torch.device("cpu")
    )
    assert "loss_adversarial" in figures
    assert all(parameter.requires_grad for parameter in sources.parameters())


@pytest.mark.parametrize(
    ("others", "told"),
    [
        ([], "two or more models, got 1"),
        (models("zhao19", labels="abd"), "the labels a, b, c, got zhao19 with a, b, d"),
        (models("zhao19", labels="acb"), "class by class"),
        (models("zhao19", sample_rate=8000), "for 16000 Hz, got zhao19 for 8000 Hz"),
    ],
)
def test_sources_that_do_not_fit_are_refused(others, told):
    with pytest.raises(StaanetError, match=told):
        MeanLogits([*models("emo18"), *others])


def test_the_longest_model_decides_how_much_of_a_clip_counts():
    short, long = models("emo18"), models("emo18", seconds=0.2)
    assert MeanLogits([*short, *long]).trained_length == 3200
