import librosa
import numpy as np
import pytest
import torch

from staanet.audio import files
from staanet.audio.front_ends import Excerpt
from staanet.core.errors import StaanetError

CLIP = torch.arange(1.0, 8.0)[None]


@pytest.mark.parametrize("rate", [8_000, 48_000])
@pytest.mark.parametrize("offset", [0.0, 0.1, 0.29])
@pytest.mark.parametrize("duration", [None, 0.0573, 3.0])
def test_it_is_what_librosa_loads(tmp_path, rate, offset, duration):
    clip = np.random.default_rng(0).uniform(-1, 1, rate // 2).astype(np.float32)
    files.write(tmp_path / "clip.wav", clip, rate)
    theirs, _ = librosa.load(tmp_path / "clip.wav", sr=None, offset=offset, duration=duration)
    ours = Excerpt(sr=rate, offset=offset, duration=duration)(torch.from_numpy(clip)[None])[0]
    assert np.array_equal(ours.numpy(), theirs)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"duration": 3}, [1, 2, 3]),
        ({"duration": 3, "crop": "centre"}, [3, 4, 5]),
        ({"duration": 3, "crop": "centre", "offset": 2}, [4, 5, 6]),
        ({"duration": 9, "fill": "zeros"}, [1, 2, 3, 4, 5, 6, 7, 0, 0]),
        ({"duration": 9, "fill": "repeat"}, [1, 2, 3, 4, 5, 6, 7, 1, 2]),
        ({"duration": 4, "fill": "repeat", "offset": 5}, [6, 7, 6, 7]),
        ({"duration": 9}, [1, 2, 3, 4, 5, 6, 7]),
        ({"offset": 5}, [6, 7]),
        ({"offset": 100}, [7]),
    ],
    ids=str,
)
def test_a_clip_is_cut_and_filled(settings, expected):
    assert Excerpt(sr=1, **settings)(CLIP).tolist() == [expected]


def test_each_clip_is_filled_from_its_own_length():
    excerpt = Excerpt(sr=1, offset=1, duration=3, fill="repeat", crop="centre")
    assert excerpt(CLIP.expand(3, -1), torch.tensor([3, 7, 1])).tolist() == [[2, 3, 2], [3, 4, 5], [1, 1, 1]]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"fill": "zeros"}, "expected a duration with fill or crop='centre'"),
        ({"crop": "centre"}, "expected a duration with fill or crop='centre'"),
        ({"duration": 1, "fill": "noise"}, "fill among None, zeros, repeat"),
        ({"crop": "end"}, "crop among start, centre"),
        ({"offset": -1}, "offset of 0 or more"),
        ({"duration": 0}, "duration of one sample or more"),
        ({"duration": float("inf")}, "duration of one sample or more"),
        ({"offset": float("nan")}, "offset of 0 or more"),
    ],
)
def test_invalid_settings_raise(changed, message):
    with pytest.raises(StaanetError, match=message):
        Excerpt(sr=16_000, **changed)
