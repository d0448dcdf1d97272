import numpy as np
import pytest

from staanet.audio.clips import clips_in, read_clip
from staanet.audio.files import write


def test_clips_are_found_in_subfolders_and_sorted_without_hidden_and_other_files(tmp_path):
    for name in ("b.wav", "a/c.FLAC", "a/.hidden.wav", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.relative_to(tmp_path).as_posix() for path in clips_in(tmp_path)] == ["a/c.FLAC", "b.wav"]


def test_a_clip_is_the_mean_of_its_channels_at_the_wanted_rate(tmp_path):
    tone = 0.5 * np.sin(np.arange(8000) * 2 * np.pi * 100 / 8000)
    write(tmp_path / "clip.wav", np.stack([tone, 0 * tone], 1).astype(np.float32), 8000)
    clip = read_clip(tmp_path / "clip.wav", 16_000)
    assert clip.shape == (16_000,)
    assert clip[500:-500:2] == pytest.approx(tone[250:-250] / 2, abs=0.001)
