import pytest

from staanet.core.errors import StaanetError
from staanet.corpora.patterns import Pattern


@pytest.mark.parametrize(
    ("pattern", "path", "known"),
    [
        ("{speaker}_{emotion}_{statement}", "a_joy_1.wav", {"speaker": "a", "label": "joy", "statement": "1"}),
        ("{speaker}_{emotion}_{statement}", "deep/a_joy_1-2.flac", {"speaker": "a", "statement": "1-2"}),
        ("{speaker}_{emotion}_*", "a_joy_1_2_3.wav", {"speaker": "a", "label": "joy", "statement": None}),
        ("{speaker}/{emotion}/*.wav", "data/anna/joy/1.WAV", {"speaker": "anna", "label": "joy"}),
        ("{speaker}\\{emotion}\\*", "anna/joy/1.flac", {"speaker": "anna", "label": "joy"}),
        ("{speaker:2}{statement:3}{emotion:1}{}", "03a01Fa.wav", {"speaker": "03", "statement": "a01", "label": "F"}),
        ("{}{emotion:3}-{speaker}.*", "xxjoy-a.ogg", {"label": "joy", "speaker": "a"}),
        ("{speaker} - {emotion}", "Anna Maria - joy.wav", {"speaker": "Anna Maria", "label": "joy"}),
        ("S{speaker}E{emotion}", "S12Eanger.wav", {"speaker": "12", "label": "anger"}),
        ("{emotion}.{speaker}", "joy.a.wav", {"label": "joy", "speaker": "a"}),
        (
            "{gender}/{session}_{language}_{speaker}({intensity}){emotion}",
            "f/1_de_a(strong)joy.wav",
            {"gender": "f", "session": "1", "language": "de", "speaker": "a", "intensity": "strong", "label": "joy"},
        ),
    ],
)
def test_the_parts_of_a_path_become_the_description_of_the_clip(pattern, path, known):
    clip = Pattern(pattern).read(path)
    assert {name: getattr(clip, name) for name in known} == known
    assert clip.path == path


@pytest.mark.parametrize(
    ("pattern", "path", "misfit"),
    [
        ("{speaker}_{emotion}_{statement}", "a_b_joy_1.wav", "'_1' after 'a_b_joy' instead of the end of the name"),
        ("{speaker}_{emotion}_{statement}", "a_joy.wav", "the end of the name after 'a_joy' instead of '_'"),
        ("{speaker}/{emotion}/*", "joy/1.wav", "1 folders above the file instead of 2"),
        ("{speaker}_{emotion}.wav", "a_joy.flac", "the ending .flac instead of .wav"),
        ("{speaker:2}{emotion:1}", "03.wav", "the end of the name after '03' instead of '{emotion:1}'"),
        ("{speaker:2}{emotion:1}", "03Wa.wav", "'a' after '03W' instead of the end of the name"),
        ("S{speaker}_{emotion}", "a_joy.wav", "'a_joy' instead of 'S'"),
        ("{speaker}_{emotion}", "_joy.wav", "'_joy' instead of '{speaker}'"),
    ],
)
def test_a_path_that_does_not_fit_is_explained(pattern, path, misfit):
    assert Pattern(pattern).read(path) is None
    assert Pattern(pattern).misfit(path) == misfit


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{speker}_{emotion}", "got 'speker'; did you mean 'speaker'?"),
        ("{speaker}_{emotoin}", "got 'emotoin'; did you mean 'emotion'?"),
        ("{speaker}_{emotion}_{emotion}", "expected each field once, got {emotion} twice; write {} for one"),
        ("{speaker}_{statement}", "expected the field {emotion}, got {speaker}, {statement}; add it"),
        ("{emotion}_*", "expected the field {speaker}, got {emotion}; add it"),
        ("*.wav", "expected the field {speaker}, got no field"),
        ("{speaker}{emotion}", "expected a text between {speaker} and {emotion}, got none; give one of them a width"),
        ("{speaker}_{emotion}*{}", "expected a text between {emotion} and *"),
        ("{speaker_{emotion}", "expected fields in braces, got"),
        ("{speaker}_{emotion", "expected fields in braces, got"),
        ("{speaker}_emotion}", "expected fields in braces, got"),
        ("{speaker:two}_{emotion}", "expected a number of characters as the width of {speaker}, got 'two'"),
        ("{speaker:0}_{emotion}", "expected a number of characters as the width of {speaker}, got '0'"),
        ("{speaker!r}_{emotion}", "expected a number of characters as the width of {speaker}, got '!r'"),
    ],
)
def test_a_wrong_pattern_is_refused_in_one_line(pattern, message):
    with pytest.raises(StaanetError) as caught:
        Pattern(pattern)
    assert str(caught.value).startswith(f"pattern {pattern!r}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
