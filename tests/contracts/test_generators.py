"""What every generator in the registry promises."""

import pytest
import torch
from torch.nn import functional

from staanet.attacks.generator import GENERATORS, create_generator
from staanet.attacks.generator.base import SparsePerturbation
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from tiny import TINY

FACTORISED = [name for name in GENERATORS if GENERATORS[name].Output is SparsePerturbation]
VARIANTS = [(name, {}) for name in GENERATORS] + [
    (name, changes)
    for name in GENERATORS
    for changes in ({"bound": "clip"}, {"sparsity": 0.1}, {"sparsity": "learned"})
    if name in FACTORISED or "sparsity" not in changes
]
VARIANTS.append(("wave_unet", {"resampling": "linear"}))


@pytest.fixture(params=VARIANTS, ids=lambda variant: f"{variant[0]}-{'-'.join(map(str, variant[1].values()))}")
def generator(request):
    name, changes = request.param
    with seeded("weights"):
        return create_generator(name, **TINY[name], **changes).eval()


def apply(generator, waveforms, epsilon, lengths=None, counts=None, **given):
    """Return the output of a generator, with gradients that depend on the samples if it uses them."""
    if generator.uses_gradients:
        given["gradients"] = (9 * waveforms).sin()
    return generator(waveforms, epsilon, lengths, counts, **given)


@torch.no_grad()
def test_gives_magnitudes_times_zero_one_positions(generator, clips):
    waveforms, lengths, _ = clips
    output = apply(generator, waveforms, 0.05, lengths)
    assert set(output.positions.unique().tolist()) <= {0.0, 1.0}
    assert output.magnitudes.abs().max() <= 0.05
    expected = (waveforms + output.magnitudes * output.positions).clamp(-1, 1)
    assert torch.equal(output.adversarial, expected)
    for part in output:
        assert part.shape == waveforms.shape
        for row, length in zip(part, lengths, strict=True):
            assert (row[length:] == 0).all()


@torch.no_grad()
def test_epsilon_may_differ_from_clip_to_clip(generator, clips):
    waveforms, lengths, _ = clips
    epsilon = torch.tensor([[0.1], [0.01], [0.0]])
    output = apply(generator, waveforms, epsilon, lengths)
    assert (output.magnitudes.abs() <= epsilon).all()
    assert torch.equal(output.adversarial[2], waveforms[2])


@torch.no_grad()
def test_batch_order_and_padding_change_nothing(generator, clips):
    waveforms, lengths, _ = clips
    generator, waveforms = generator.double(), waveforms.double()
    together = apply(generator, waveforms, 0.05, lengths)
    padded = functional.pad(waveforms, (0, 777))
    again = apply(generator, padded, 0.05, lengths)
    torch.testing.assert_close(again.scores[:, :900], together.scores, atol=1e-9, rtol=0)
    for row, length in enumerate(lengths.tolist()):
        alone = apply(generator, waveforms[row : row + 1, :length], 0.05)
        torch.testing.assert_close(alone.scores[0], together.scores[row, :length], atol=1e-9, rtol=0)
        torch.testing.assert_close(alone.magnitudes[0], together.magnitudes[row, :length], atol=1e-9, rtol=0)


@pytest.mark.parametrize("length", [1, 2, 63, 64, 65, 500, 4097])
@torch.no_grad()
def test_takes_clips_of_any_length(generator, length):
    output = apply(generator, torch.linspace(-0.5, 0.5, length)[None], 0.1)
    assert output.adversarial.shape == (1, length)
    assert all(torch.isfinite(part).all() for part in output)


@torch.no_grad()
def test_counts_bound_the_positions(generator, clips):
    waveforms, lengths, _ = clips
    counts = torch.tensor([1, 20, 900])
    marked = apply(generator, waveforms, 0.05, lengths, counts).positions.sum(1)
    assert (marked <= counts).all()
    if generator.settings.sparsity != "learned":
        assert torch.equal(marked.long(), torch.minimum(counts, lengths))


@torch.no_grad()
def test_a_given_sparsity_is_kept_without_a_budget(clips):
    waveforms, lengths, _ = clips
    for name in FACTORISED:
        generator = create_generator(name, **TINY[name], sparsity=0.07).eval()
        marked = apply(generator, waveforms, 0.05, lengths).positions.sum(1)
        assert torch.equal(marked.long(), (0.07 * lengths).long())


@pytest.mark.parametrize("quantisation", ["element", "pass", "straight_through"])
def test_gradients_reach_both_ways_up_in_training(generator, clips, quantisation):
    waveforms, lengths, _ = clips
    generator.train()
    with seeded("quantisation", 1):
        output = apply(generator, waveforms, 0.5, lengths, quantisation=quantisation)
    (output.adversarial.square().sum() + output.scores.sum()).backward()
    for path in (generator.magnitudes, generator.positions) if output.factorised else (generator.magnitudes,):
        assert all(parameter.grad is not None for parameter in path.parameters())
        assert any((parameter.grad != 0).any() for parameter in path.parameters())


def test_element_quantisation_is_hard_for_half_of_the_samples():
    with seeded("weights"):
        generator = create_generator("compact", **TINY["compact"], sparsity="learned").train()
        output = apply(generator, torch.rand(4, 5000) - 0.5, 0.05, quantisation="element")
    hard = (output.positions == 0) | (output.positions == 1)
    assert 0.45 < float(hard.float().mean()) < 0.55
    assert torch.equal(output.positions[hard], (output.scores >= 0.5).float()[hard])


def test_pass_quantisation_is_hard_for_all_samples_or_none():
    with seeded("weights"):
        generator = create_generator("compact", **TINY["compact"], sparsity="learned").train()
        kinds = set()
        for _ in range(12):
            output = apply(generator, torch.rand(1, 500) - 0.5, 0.05, quantisation="pass")
            hard = (output.positions == 0) | (output.positions == 1)
            kinds.add(float(hard.float().mean()))
    assert kinds == {0.0, 1.0}


def test_an_unknown_quantisation_is_refused(clips):
    generator = create_generator("compact", **TINY["compact"]).train()
    with pytest.raises(StaanetError, match="element, pass or straight_through"):
        generator(clips[0], 0.1, quantisation="half")


@pytest.mark.parametrize(
    ("name", "sizes", "told"),
    [
        ("compact", {"frame": 3}, "even frame"),
        ("compact", {"width": (8, 16)}, "did you mean 'widths'"),
        ("wave_unet", {"channels": (32, 48)}, "doubling"),
        ("compact", {"factor": 3}, "even factor"),
        ("compact", {"sparsity": 12}, "share, not a percentage"),
        ("wave_unet", {"kernel": 4}, "odd kernel"),
        ("wave_unet", {"factor": 0}, "factor of 2 or more"),
        ("wave_unt", {}, "did you mean 'wave_unet'"),
    ],
)
def test_refuses_sizes_that_do_not_fit(name, sizes, told):
    with pytest.raises(StaanetError, match=told):
        create_generator(name, **sizes)


@pytest.fixture(params=[name for name in GENERATORS if name not in FACTORISED])
def dense(request):
    return request.param


@torch.no_grad()
def test_without_positions_every_sample_changes(clips, dense):
    waveforms, lengths, _ = clips
    output = create_generator(dense, **TINY[dense])(waveforms, 0.05, lengths)
    assert torch.equal(output.positions.sum(1).long(), lengths)
    assert torch.equal(output.scores, output.positions)
    assert not output.factorised


def test_without_positions_there_is_no_sparsity_to_keep(dense):
    with pytest.raises(StaanetError, match=r"expected no sparsity, since it chooses no positions, got 0\.1"):
        create_generator(dense, **TINY[dense], sparsity=0.1)
