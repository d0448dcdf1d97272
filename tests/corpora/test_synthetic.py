from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import LeaveOneGroupOut, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from staanet.core.errors import StaanetError
from staanet.corpora.synthetic import Synthetic

ROOT = Path("nowhere")


@cache
def clips():
    """The default corpus: utterances and samples `[T]`."""
    corpus = Synthetic()
    utterances = corpus.validate(ROOT).utterances
    return utterances, [corpus.read(ROOT, utterance)[0][:, 0] for utterance in utterances]


def column(field):
    return np.array([getattr(utterance, field) for utterance in clips()[0]])


def pitches(samples, rate=16_000, size=640):
    """Pitch in hertz of every frame of 40 ms that is loud and periodic, by autocorrelation."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, size)[:: size // 2]
    frames = frames[frames.std(axis=1) > 0.5 * samples.std()]
    frames = (frames - frames.mean(axis=1, keepdims=True)) * np.hanning(size)
    correlation = np.fft.irfft(np.abs(np.fft.rfft(frames, 2 * size)) ** 2)[:, :size]
    window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(size), 2 * size)) ** 2)[:size]
    correlation = correlation / correlation[:, :1] / (window / window[0] + 1e-3)
    low, high = rate // 600, rate // 70
    searched = correlation[:, low:high]
    first = np.argmax(searched > 0.9 * searched.max(axis=1, keepdims=True), axis=1)
    lags = np.array([low + f + np.argmax(row[f : f + 12]) for f, row in zip(first, searched, strict=True)])
    return rate / lags[searched.max(axis=1) > 0.5]


def prosody(samples):
    pitch = np.log2(pitches(samples))
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    bands = np.log([spectrum[(np.fft.rfftfreq(samples.size, 1 / 16_000) // 1000) == k].sum() for k in range(4)])
    crossings = np.mean(np.diff(np.signbit(samples)))
    quarter = max(1, pitch.size // 4)
    return [
        np.median(pitch),
        np.subtract(*np.percentile(pitch, (90, 10))),
        np.median(pitch[-quarter:]) - np.median(pitch[:quarter]),
        *np.diff(bands),
        crossings,
    ]


def simple(samples):
    return [samples.size, np.abs(samples).max(), samples.mean(), np.sqrt(np.mean(samples**2))]


def accuracy(features):
    """Accuracy of a linear classifier on speakers that it has not seen."""
    classifier = make_pipeline(StandardScaler(), LinearDiscriminantAnalysis())
    return cross_val_score(
        classifier, np.array(features), column("label"), groups=column("speaker"), cv=LeaveOneGroupOut()
    ).mean()


def test_default_corpus_has_both_sexes_four_emotions_and_many_lengths():
    utterances, samples = clips()
    assert len({utterance.id for utterance in utterances}) == len(utterances) == 8 * 4 * 8
    assert len(set(column("speaker"))) == 8
    assert {utterance.gender for utterance in utterances} == {"female", "male"}
    assert tuple(sorted(set(column("label")))) == Synthetic().labels(ROOT)
    lengths = np.array([clip.size for clip in samples]) / 16_000
    assert len(set(lengths)) > 50
    assert 0.5 < lengths.min() < lengths.max() < 2.6


def test_clips_are_finite_in_range_and_not_silent():
    for clip in clips()[1]:
        assert clip.dtype == np.float32
        assert np.isfinite(clip).all()
        assert np.abs(clip).max() <= 1
        assert clip.std() > 0.003


@pytest.mark.parametrize("rate", [16_000, 22_050, 48_000])
def test_samples_have_one_channel_at_the_rate_asked_for(rate):
    corpus = Synthetic(sample_rate=rate)
    samples, given = corpus.read(ROOT, corpus.validate(ROOT).utterances[0])
    assert given == rate
    assert samples.ndim == 2
    assert samples.shape[1] == 1
    assert samples.shape[0] / rate == pytest.approx(clips()[1][0].size / 16_000, rel=0.01)


def test_a_clip_depends_on_no_other_clip():
    utterances, samples = clips()
    larger = Synthetic(speakers=9, sentences=10)
    for index in (200, 3, 90):
        assert np.array_equal(larger.read(ROOT, utterances[index])[0][:, 0], samples[index])


def test_another_seed_gives_other_clips():
    utterances, samples = clips()
    other, _ = Synthetic(seed=1).read(ROOT, utterances[0])
    assert not np.array_equal(other[:, 0], samples[0])


def test_pitch_follows_gender_and_emotion():
    pitch = np.array([np.median(pitches(clip)) for clip in clips()[1]])
    label, speaker, gender = column("label"), column("speaker"), column("gender")
    assert np.median(pitch[gender == "female"]) > 1.4 * np.median(pitch[gender == "male"])
    for one in set(speaker):
        mine = {emotion: pitch[(speaker == one) & (label == emotion)].mean() for emotion in set(label)}
        assert mine["sadness"] < mine["happiness"]


def test_no_plain_number_gives_the_emotion_away_but_prosody_does():
    samples = clips()[1]
    plain = np.array([simple(clip) for clip in samples])
    prosodic = accuracy([prosody(clip) for clip in samples])
    assert prosodic > 0.5
    assert accuracy(plain) < prosodic - 0.1
    assert max(accuracy(plain[:, [one]]) for one in range(plain.shape[1])) < 0.6


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"speakers": 2}, "at least 3 speakers.*got 2.*raise speakers"),
        ({"sentences": 0}, "at least 1 sentence.*got 0"),
        ({"sample_rate": 8000}, "at least 16000 Hz.*got 8000.*resample"),
        ({"seconds": (1.6, 0.8)}, r"increasing.*got \(1.6, 0.8\).*give seconds"),
        ({"seconds": (0.1, 0.8)}, r"within 0.5 to 30 s"),
    ],
)
def test_bad_settings_say_what_to_do(settings, message):
    with pytest.raises(StaanetError, match=message):
        Synthetic(**settings)


def test_a_clip_of_another_corpus_is_refused():
    stranger = replace(clips()[0][0], id="03a01Fa")
    with pytest.raises(StaanetError, match=r"got '03a01Fa'.*from validate"):
        Synthetic().read(ROOT, stranger)
