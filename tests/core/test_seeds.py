import hashlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from staanet.core.seeds import ClipRandom, derive, seeded

DRAWS = ("uniform", "normal", "signs", "orders")


def draws(name, waveforms, lengths, seed=0):
    return getattr(ClipRandom(seed, waveforms, torch.tensor(lengths)), name)()


@pytest.mark.parametrize("name", DRAWS)
@given(lengths=st.lists(st.integers(1, 30), min_size=1, max_size=5), padding=st.integers(0, 7), order=st.randoms())
def test_a_clips_draws_do_not_depend_on_its_batch_its_place_or_its_padding(name, lengths, padding, order):
    clips = [torch.randn(length) for length in lengths]
    places = list(range(len(clips)))
    order.shuffle(places)
    batch = torch.zeros(len(clips), max(lengths) + padding)
    for row, place in enumerate(places):
        batch[row, : lengths[place]] = clips[place]
    together = draws(name, batch, [lengths[place] for place in places])
    for row, place in enumerate(places):
        alone = draws(name, clips[place][None], [lengths[place]])
        assert torch.equal(together[row, : lengths[place]], alone[0])
        assert not together[row, lengths[place] :].any()


@pytest.mark.parametrize("name", DRAWS)
def test_seed_and_clip_each_change_the_draws(name):
    clip = torch.linspace(-1, 1, 200)[None]
    first = draws(name, clip, [200])
    assert torch.equal(first, draws(name, clip.clone(), [200]))
    assert not torch.equal(first, draws(name, clip, [200], seed=1))
    assert not torch.equal(first, draws(name, clip.nextafter(torch.tensor(2.0)), [200]))


def test_draws_neither_use_nor_disturb_the_global_generator():
    clip = torch.linspace(-1, 1, 50)[None]
    torch.manual_seed(1)
    first, after_first = draws("uniform", clip, [50]), torch.rand(3)
    torch.manual_seed(1)
    plain = torch.rand(3)
    assert torch.equal(after_first, plain)
    torch.manual_seed(2)
    assert torch.equal(first, draws("uniform", clip, [50]))


def test_draws_have_the_right_distribution():
    random = ClipRandom(0, torch.linspace(-1, 1, 20_000)[None], torch.tensor([20_000]))
    uniform, signs, orders = random.uniform()[0].numpy(), random.signs()[0].numpy(), random.orders()[0].numpy()
    normal = random.normal()[0].numpy()
    assert kstest(normal, "norm").pvalue > 0.01
    assert 0 <= uniform.min() < uniform.max() < 1
    assert uniform.mean() == pytest.approx(0.5, abs=0.01)
    assert uniform.var() == pytest.approx(1 / 12, abs=0.003)
    assert set(signs) == {-1.0, 1.0}
    assert abs(signs.mean()) < 0.03
    assert np.array_equal(np.sort(orders), np.arange(20_000))


def test_a_clip_is_hashed_only_when_something_is_drawn(monkeypatch):
    random = ClipRandom(0, torch.ones(2, 10), torch.tensor([10, 5]))
    expected = ClipRandom(0, torch.ones(2, 10), torch.tensor([10, 5])).uniform()
    with monkeypatch.context() as patch:
        patch.delattr("staanet.core.seeds.hashlib.blake2b")
        chosen = ClipRandom(0, torch.ones(2, 10), torch.tensor([10, 5])).select(torch.tensor([1]))
        with pytest.raises(AttributeError, match="blake2b"):
            chosen.signs()
    assert torch.equal(random.select(torch.tensor([1])).uniform()[0], expected[1])
    assert not torch.equal(random.uniform()[1], expected[1])  # the selection advanced the shared stream


def test_two_draws_of_one_stream_differ():
    random = ClipRandom(0, torch.ones(1, 100), torch.tensor([100]))
    assert not torch.equal(random.uniform(), random.uniform())


def test_draws_of_a_given_shape_depend_on_the_clip_and_not_on_its_length_padding_or_batch():
    clips = [torch.randn(7), torch.randn(12)]
    batch = torch.zeros(2, 15)
    for row, clip in zip(batch, clips, strict=True):
        row[: len(clip)] = clip
    together = ClipRandom(0, batch, torch.tensor([7, 12])).uniform(20, 3)
    assert together.shape == (2, 20, 3)
    assert 0 <= together.min() < 0.1 < 0.9 < together.max() < 1
    for row, clip in zip(together, clips, strict=True):
        assert torch.equal(ClipRandom(0, clip[None], torch.tensor([len(clip)])).uniform(20, 3)[0], row)


def test_clips_that_leave_change_nothing_for_those_that_stay():
    clips, lengths = torch.randn(3, 20), torch.tensor([20, 20, 20])
    random, whole = ClipRandom(0, clips, lengths), ClipRandom(0, clips, lengths)
    first, of_all = random.uniform(), whole.uniform()
    assert torch.equal(first, of_all)
    rows = torch.tensor([2, 0])
    some, of_all = random.select(rows), whole.normal()
    assert torch.equal(some.normal(), of_all[rows])
    of_all = whole.signs()
    assert torch.equal(some.select(torch.tensor([1])).signs(), of_all[:1])
    assert torch.equal(random.select(torch.tensor([2])).signs(), of_all[2:])
    assert random.select(torch.tensor([], dtype=torch.int64)).uniform().shape == (0, 20)


@given(lengths=st.lists(st.integers(1, 30), min_size=1, max_size=4), seed=st.integers(0, 5))
def test_shuffle_keeps_the_values_of_each_clip_and_nothing_beyond(lengths, seed):
    size = max(lengths) + 2
    waveforms, values = torch.randn(len(lengths), size), torch.randn(len(lengths), size)
    shuffled = ClipRandom(seed, waveforms, torch.tensor(lengths)).shuffle(values)
    for row, before, length in zip(shuffled, values, lengths, strict=True):
        assert torch.equal(row[:length].sort().values, before[:length].sort().values)
        assert not row[length:].any()


def test_shuffle_moves_values():
    values = torch.arange(1.0, 101.0)[None]
    shuffled = ClipRandom(0, torch.ones(1, 100), torch.tensor([100])).shuffle(values)
    assert (shuffled != values).float().mean() > 0.9


def test_derive_distinguishes_every_part_and_every_boundary():
    parts = [(0,), (1,), ("0",), (0, 1), (1, 0), (0, "fold", 1), (0, "fold", 11), ("ab", "c"), ("a", "bc"), ()]
    seeds = [derive(*each) for each in parts]
    assert len(set(seeds)) == len(parts)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_derive_is_half_of_the_blake2b_of_its_parts():
    digest = hashlib.blake2b(b"0\x1f'fold'\x1f1", digest_size=8).digest()
    assert derive(0, "fold", 1) == int.from_bytes(digest, "little") // 2


def test_seeded_repeats_its_draws_and_gives_the_global_generator_back():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    with seeded(0, "weights"):
        first = torch.rand(4)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(4)
    with seeded(0, "weights"):
        assert torch.equal(torch.rand(4), first)
    with seeded(0, "order"):
        assert not torch.equal(torch.rand(4), first)


def failing():
    with seeded(0):
        torch.rand(1)
        raise RuntimeError("inside")


def test_seeded_gives_the_global_generator_back_after_an_exception():
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="inside"):
        failing()
    assert torch.equal(torch.get_rng_state(), before)
