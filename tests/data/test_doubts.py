import pytest

from staanet.corpora.base import Utterance
from staanet.data.doubts import doubts, grouped


def clips(*rows):
    """Clips of (speaker, emotion, number of clips)."""
    return [
        Utterance(f"{speaker}-{label}-{number}", f"{speaker}-{label}-{number}.wav", label, speaker)
        for speaker, label, count in rows
        for number in range(count)
    ]


BALANCED = [(speaker, label, 2) for speaker in "abc" for label in ("joy", "fear")]


def test_a_balanced_corpus_is_not_doubtful():
    every = clips(*BALANCED)
    assert doubts(every, {clip.id: clip.id for clip in every}) == []


def test_fewer_than_three_speakers_are_doubtful():
    (line,) = doubts(clips(*((speaker, label, 3) for speaker in "ab" for label in ("joy", "fear"))), {})
    assert line.startswith("expected 3 or more speakers, got 2 ('a', 'b'); ")


def test_a_speaker_of_one_emotion_is_named():
    (line,) = doubts(clips(*BALANCED, ("d", "joy", 4)), {})
    assert "got one only from 1 of 4 speakers, such as 'd' (joy, 4 clips); check" in line


def test_an_emotion_that_is_taken_for_the_speaker_is_recognised():
    lines = doubts(
        clips(("a5", "anger", 9), ("f2", "fear", 9), ("h3", "joy", 9), ("S4", "sad", 1), ("s4", "sad", 8)), {}
    )
    assert "from 5 of 5 speakers" in lines[0]
    assert "the emotion or its code is probably taken for the speaker" in lines[0]


def test_speakers_of_one_clip_each_are_no_emotion_that_is_taken_for_a_speaker():
    lines = doubts(clips(*((f"{label}{number}", label, 1) for label in ("joy", "fear") for number in range(5))), {})
    assert "probably" not in lines[0]


def test_a_corpus_with_one_emotion_is_not_blamed_on_its_speakers():
    assert doubts(clips(*((speaker, "joy", 2) for speaker in "abc")), {}) == []


@pytest.mark.parametrize(
    ("row", "what"), [(("a", "sad", 9), "9 clips by 1 speakers"), (("a", "sad", 1), "1 clips by 1")]
)
def test_a_small_class_is_named(row, what):
    (line,) = doubts(clips(*BALANCED, row), {})
    assert f"got 'sad' ({what}" in line


def test_equal_samples_are_counted_across_speakers_and_emotions():
    every = clips(*BALANCED)
    digests = {clip.id: clip.id for clip in every} | dict.fromkeys(("a-joy-0", "a-joy-1", "b-fear-0"), "same")
    (line,) = doubts(every, digests)
    assert (
        "got 2 copies (1 by another speaker, 1 with another emotion), such as 'a-joy-1.wav' and 'a-joy-0.wav'" in line
    )


def test_lines_with_one_reason_become_one_and_few_lines_stay():
    lines = [f"/x/{number}.wav: expected {number} bytes of audio, got 1 (truncated); skipped" for number in range(6)]
    other = ["/x/a.wav: expected speech, got silence; skipped"] * 5
    assert grouped([*lines, *other]) == [f"6 clips for one reason, such as {lines[0]}", *other]
