import numpy as np
import pytest
import soundfile

from staanet.audio.files import encoding, measure, read
from staanet.audio.formats import DATA_ENDINGS, ENDINGS, FORMATS, UNSUPPORTED, conversion
from staanet.core.errors import StaanetError

NOISE = np.random.default_rng(0).uniform(-0.3, 0.3, 4000)
ENTRIES = [(kind, ending) for kind, endings in FORMATS.items() for ending in endings]


def test_every_format_of_libsndfile_has_an_ending_except_raw_samples_and_data():
    assert set(soundfile.available_formats()) - {"RAW", "HTK", "MAT4", "MAT5"} <= set(FORMATS)


@pytest.mark.parametrize(("kind", "ending"), ENTRIES)
def test_a_file_of_each_format_and_ending_is_read(tmp_path, kind, ending):
    path, rate = tmp_path / f"a{ending}", 16_000
    subtype = {".opus": "OPUS"}.get(ending)
    try:
        soundfile.write(path, NOISE, rate, subtype, format=kind)
    except soundfile.LibsndfileError:
        pytest.skip("libsndfile reads this format without writing it")
    if path.stat().st_size == 0 or kind in ("SD2", "SDS", "WVE", "XI"):
        pytest.skip("the format changes rate or length, or keeps its header in another file")
    samples, read_rate = read(path)
    assert ending in ENDINGS
    assert read_rate == rate
    assert len(samples) >= len(NOISE)
    assert encoding(path).split()[0] == ("WAV" if kind == "WAVEX" else kind) or kind in ("WAVEX", "RF64")


def test_no_ending_is_in_two_lists():
    every = [*ENDINGS, *DATA_ENDINGS, *UNSUPPORTED]
    assert len(every) == len(set(every))


@pytest.mark.parametrize("ending", UNSUPPORTED)
def test_a_file_that_must_be_converted_is_refused_with_the_command(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    path.write_bytes(b"no audio" * 40)
    for function in (measure, read, encoding):
        with pytest.raises(StaanetError) as caught:
            function(path)
        assert str(caught.value) == f"{path}: {conversion(str(path))}"
        assert f"-i a{ending} a.wav" in str(caught.value)
