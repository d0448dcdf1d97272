import pytest

from staanet.core.errors import StaanetError
from staanet.corpora.base import Utterance
from staanet.corpora.label_maps import read_label_map, with_emotions

MAP = {"ang": "anger", "W": "anger"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("map.toml", 'ang = "anger"\nW = "anger"\n'),
        ("map.csv", "ang,anger\n\nW, anger\n"),
        ("map.csv", "Label, Emotion\nang,anger\nW,anger\n"),
        ("map.csv", "\ufeffang,anger\r\nW,anger\r\n"),
        (None, "ang=anger,W=anger"),
        (None, " ang = anger , W=anger,"),
    ],
)
def test_pairs_and_files_give_the_same_map(tmp_path, name, text):
    if name is not None:
        (tmp_path / name).write_bytes(text.encode())
        text = str(tmp_path / name)
    assert read_label_map(text) == MAP


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (None, "ang", "labels: expected a label and an emotion, got 'ang'; write for example ang=anger"),
        (None, "ang=anger=x", "expected a label and an emotion"),
        (None, "ang=", "expected the name of an emotion for each label, got '' for 'ang'"),
        (None, "a=joy,a=fear", "labels: expected each label once, got 'a' twice; remove one"),
        ("map.csv", "ang,anger,x\n", "expected a label and an emotion, got 'ang=anger=x'"),
        ("map.toml", "ang = 1\n", "expected the name of an emotion for each label, got 1 for 'ang'"),
        ("map.toml", "ang anger\n", "expected a file with a label map, got"),
        ("nosuch.toml", None, "expected a file with a label map, got No such file or directory"),
    ],
)
def test_a_wrong_map_is_refused_in_one_line(tmp_path, name, text, message):
    if name is not None and text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(StaanetError) as caught:
        read_label_map(str(tmp_path / name) if name else text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_labels_are_replaced_first_as_spelled_then_in_any_case_and_others_are_kept():
    clips = [Utterance(label, label, label, "a") for label in ("W", "w", "ANG", "joy")]
    renamed, remarks = with_emotions(clips, {"W": "anger", "w": "neutral", "ang": "anger"})
    assert [clip.label for clip in renamed] == ["anger", "neutral", "anger", "joy"]
    assert remarks == []


def test_a_label_of_the_map_that_no_clip_has_is_remarked():
    clips = [Utterance("1", "1", "joy", "a")]
    _, (remark,) = with_emotions(clips, {"Q": "anger", "joy": "happiness"})
    assert remark == "expected clips of every label in the map, got none of Q; found happiness"
