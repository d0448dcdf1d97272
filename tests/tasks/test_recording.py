import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from staanet.attacks import create_attack
from staanet.attacks.generator import create_generator
from staanet.audio import files
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.models import Model, create_model
from staanet.models.base import ModelSettings
from staanet.tasks.recording import STEP, Recording, attack_recording, check_window, window_sizes
from tiny import TINY

RATE = 16_000
WINDOW = 4 * STEP / RATE


def speech(frames, channels=1, seed=0):
    random = np.random.default_rng(seed)
    loudness = np.repeat(random.uniform(0.1, 0.9, -(-frames // 500)), 500)[:frames, None]
    return (loudness * random.uniform(-1, 1, (frames, channels))).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    with seeded("victim"):
        return create_model("zhao19", labels="abc", seconds=WINDOW)


def attacked(method, model, recording, target, window=WINDOW, trace=False):
    device = torch.device("cpu")
    found = attack_recording(method, model, recording, target, window=window, seed=3, device=device, trace=trace)
    return files.read(target)[0], found


def build(name, **budget):
    settings = {"sparse_pgd": {"steps": 3}, "staa_net": {"generator": network()}}.get(name, {})
    return create_attack(name, **settings, **(budget or {"snr_db": 17.0, "sparsity": 0.1}))


def network(**sizes):
    with seeded("weights"):
        return create_generator("compact", **{**TINY["compact"], **sizes})


@pytest.mark.parametrize("rate", [16_000, 44_100, 8_000])
@pytest.mark.parametrize("seconds", [WINDOW, 1.0, 61.0, 3600.0])
@pytest.mark.parametrize("window", [None, 0.3])
def test_windows_cover_a_recording_evenly_and_begin_where_frames_do(model, rate, seconds, window):
    frames = round(seconds * rate)
    sizes = window_sizes(frames, rate, model, window)
    assert sum(sizes) == frames
    longest = window or (WINDOW if seconds > 60 else 60.0)
    assert max(sizes) <= longest * rate + 1
    assert (len(sizes) > 1) == (seconds > longest)
    step = STEP * rate / RATE
    assert max(sizes) - min(sizes) <= 2 * step
    steps = np.cumsum([0, *sizes[:-1]]) / step
    assert np.abs(steps - steps.round()).max() < 1 / step


@pytest.mark.parametrize("seconds", [0.0, -1.0, (STEP - 1) / RATE, float("inf"), float("nan")])
def test_a_window_shorter_than_a_frame_is_refused(model, seconds):
    with pytest.raises(StaanetError, match=r"expected a window of 0.064 s or more, got"):
        check_window(seconds, model)


@pytest.mark.parametrize("name", ["noise", "fgsm", "sparse_pgd", "staa_net"])
def test_each_window_is_what_the_attack_makes_of_it_as_a_clip(model, tmp_path, name):
    samples, method = speech(10 * STEP + 300), build(name)
    together, found = attacked(method, model, Recording.of("long", samples, RATE), tmp_path / "long.wav")
    sizes = window_sizes(len(samples), RATE, model, WINDOW)
    assert len(sizes) == len(found) == 3
    edges = np.cumsum([0, *sizes])
    for window, (start, end) in enumerate(pairwise(edges)):
        clip = Recording.of("clip", samples[start:end], RATE)
        alone, (judged,) = attacked(method, model, clip, tmp_path / "clip.wav")
        assert np.array_equal(together[start:end], alone)
        assert found[window].start == start / RATE
        assert judged.start is None
        assert replace(found[window], path="", start=None) == replace(judged, path="")


@pytest.mark.parametrize("name", ["noise", "sparse_pgd", "staa_net"])
def test_the_budget_holds_in_each_window_and_so_over_the_whole(model, tmp_path, name):
    samples = speech(9 * STEP)
    adversarial, _ = attacked(build(name), model, Recording.of("long", samples, RATE), tmp_path / "long.wav")
    change = adversarial - samples
    sizes = window_sizes(len(samples), RATE, model, WINDOW)
    for size, part, clean in zip(
        sizes, np.split(change, np.cumsum(sizes)[:-1]), np.split(samples, np.cumsum(sizes)[:-1]), strict=True
    ):
        assert 0 < np.count_nonzero(part) <= int(0.1 * size)
        assert np.abs(part).max() <= np.abs(clean).max() * 10 ** (-17 / 20) + 1e-6
    assert np.count_nonzero(change) <= 0.1 * len(samples)


class Local(Model):
    """Decides by the mean of what filters of 65 samples give: what a sample adds to it depends on its neighbours only.

    With two classes the way from one to the other is the same wherever the mean is.
    """

    name, pooling_stride, min_samples = "local", 1, 65

    def __init__(self):
        super().__init__(ModelSettings(labels=("a", "b"), seconds=1.0))
        self.trained_length = None
        with seeded("local"):
            self.filters = torch.nn.Conv1d(1, 2, 65, padding=32)

    def forward_fitted(self, waveforms, lengths, network=None):  # noqa: ARG002
        return (10 * self.filters(waveforms[:, None])).tanh().mean(2) + torch.tensor([2.0, 0.0])

    def classify(self, waveforms):
        raise NotImplementedError


def away_from_edges(sizes, margin):
    edges = np.cumsum([0, *sizes])
    return np.concatenate([np.arange(a + margin, b - margin) for a, b in pairwise(edges)])


def test_an_attack_on_what_decides_locally_equals_that_on_the_whole_away_from_edges(tmp_path):
    samples, local = 0.9 * speech(9 * STEP), Local()
    method, recording = build("fgsm", epsilon=0.01), Recording.of("long", samples, RATE)
    whole, (decided,) = attacked(method, local, recording, tmp_path / "whole.wav", window=None)
    parts, found = attacked(method, local, recording, tmp_path / "parts.wav")
    assert {one.predicted_clean for one in found} == {decided.predicted_clean}
    sizes = window_sizes(len(samples), RATE, local, WINDOW)
    inner = away_from_edges(sizes, 64)
    assert np.count_nonzero(whole[inner] != samples[inner]) > 0.9 * len(inner)
    assert np.array_equal(whole[inner], parts[inner])
    assert not np.array_equal(whole, parts)


@pytest.mark.parametrize("sizes", [TINY["compact"], {}], ids=["tiny", "default"])
def test_a_generator_equals_the_whole_away_from_edges_up_to_the_choice_of_positions(model, tmp_path, sizes):
    """Clips are scaled to one loudness: here it is the same everywhere."""
    samples = np.sign(speech(30 * STEP)) * np.float32(0.25)
    longest = 16 * STEP / RATE
    inner = away_from_edges(window_sizes(len(samples), RATE, model, longest), 2200)
    assert len(inner) > 0.6 * len(samples)
    changes = {}
    for sparsity, share in (("learned", 1.0), (0.12, 0.12)):
        with seeded("weights"):
            network = create_generator("compact", **{**sizes, "sparsity": sparsity})
        method = create_attack("staa_net", generator=network, epsilon=0.02, sparsity=share)
        recording = Recording.of("long", samples, RATE)
        for window in (None, longest):
            adversarial, _ = attacked(method, model, recording, tmp_path / "out.wav", window=window)
            changes[share, window] = (adversarial - samples)[inner]
    assert np.count_nonzero(changes[1.0, None]) > 0.1 * len(inner)
    assert changes[1.0, longest] == pytest.approx(changes[1.0, None], abs=1e-5)
    both = (changes[0.12, None] != 0) & (changes[0.12, longest] != 0)
    assert np.count_nonzero(both) > 0.08 * len(inner)
    assert changes[0.12, longest][both] == pytest.approx(changes[0.12, None][both], abs=1e-5)


def test_what_is_no_longer_than_a_window_is_attacked_whole(model, tmp_path):
    samples, method = speech(4 * STEP), build("sparse_pgd")
    recording = Recording.of("clip", samples, RATE)
    whole, (as_ever,) = attacked(method, model, recording, tmp_path / "whole.wav", window=None)
    same, (found,) = attacked(method, model, recording, tmp_path / "same.wav")
    assert np.array_equal(whole, same)
    assert found == as_ever
    waveform = torch.from_numpy(samples).T
    with torch.no_grad():
        labels = model(waveform).argmax(1)
    assert np.array_equal(whole[:, 0], method(model, waveform, labels, seed=3)[0].numpy())


def test_silent_windows_stay_as_they_are_and_are_not_judged(model, tmp_path):
    samples = speech(12 * STEP)
    samples[4 * STEP : 8 * STEP] = 0
    adversarial, found = attacked(build("noise"), model, Recording.of("pause", samples, RATE), tmp_path / "out.wav")
    assert [one.start for one in found] == [0.0, 8 * STEP / RATE]
    changed = (adversarial != samples).reshape(3, -1).any(1)
    assert changed.tolist() == [True, False, True]
    with pytest.raises(StaanetError, match="expected speech, got silence"):
        attacked(build("noise"), model, Recording.of("mute", 0 * samples, RATE), tmp_path / "mute.wav")
    assert [path.name for path in tmp_path.iterdir()] == ["out.wav"]


@pytest.mark.parametrize("value", [0.31, -1.0, 1e-6])
def test_a_constant_recording_or_window_is_silent(model, tmp_path, value):
    samples = speech(8 * STEP)
    samples[: 4 * STEP] = value
    adversarial, found = attacked(build("noise"), model, Recording.of("offset", samples, RATE), tmp_path / "out.wav")
    assert [one.start for one in found] == [4 * STEP / RATE]
    assert np.array_equal(adversarial[: 4 * STEP], samples[: 4 * STEP])
    with pytest.raises(StaanetError, match="expected speech, got silence"):
        attacked(build("noise"), model, Recording.of("mute", 0 * samples + value, RATE), tmp_path / "mute.wav")


@pytest.mark.parametrize(("peak", "warned"), [(1.0, False), (1.3, True)])
def test_a_recording_beyond_full_scale_is_clipped_with_a_warning(model, tmp_path, caplog, peak, warned):
    samples = speech(2 * STEP)
    samples[100] = peak
    adversarial, _ = attacked(build("noise"), model, Recording.of("loud.wav", samples, RATE), tmp_path / "out.wav")
    assert np.abs(adversarial).max() <= 1
    told = [record.getMessage() for record in caplog.records]
    assert told == (["loud.wav: clipped to full scale; its largest peak is 1.3"] if warned else [])


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_channels_and_rate_are_kept_and_windows_leave_no_gap(model, tmp_path, suffix):
    samples = speech(30_001, channels=2)
    recording = Recording.of("stereo", samples, 44_100)
    method = build("noise", epsilon=0.01, sparsity=1.0)
    adversarial, found = attacked(method, model, recording, tmp_path / f"out{suffix}")
    assert adversarial.shape == samples.shape
    change = adversarial - samples
    assert change[:, 0] == pytest.approx(change[:, 1], abs=1e-6)
    assert [one.start for one in found] == pytest.approx([0.0, 0.192, 0.448], abs=1e-4)
    stretches = np.abs(change[:30_000, 0]).reshape(-1, 50).max(1)
    assert stretches.min() > 0.003


def test_a_trace_says_of_which_window_each_pass_is(model, tmp_path):
    recording = Recording.of("long", speech(6 * STEP), RATE)
    attacked(build("sparse_pgd"), model, recording, tmp_path / "out.wav", trace=True)
    rows = [json.loads(line) for line in (tmp_path / "out.wav.trace.jsonl").read_text().splitlines()]
    assert sorted({row["start"] for row in rows}) == [0.0, 3 * STEP / RATE]
    assert sum(row["step"] == 0 for row in rows) == 2


def test_damage_far_into_a_recording_is_told_and_nothing_is_left(model, tmp_path):
    samples = speech(12 * STEP)
    samples[-5] = np.nan
    recording = Recording.of("long", samples, RATE)
    with pytest.raises(StaanetError, match="finite"):
        attacked(build("noise"), model, recording, tmp_path / "out.wav")
    assert list(tmp_path.iterdir()) == []
