import numpy as np
import pytest

from staanet.audio.files import write
from staanet.core.errors import StaanetError, StaanetWarning
from staanet.corpora import Meld
from staanet.data import by_speaker, by_subsets, prepare

HEADER = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime"
PLACES = {
    "train": ("train/train_sent_emo.csv", "train/train_splits"),
    "val": ("dev_sent_emo.csv", "dev/dev_splits_complete"),
    "test": ("test_sent_emo.csv", "test/output_repeated_splits_test"),
}
"""The table and the folder of each subset, as the download has them."""
ROWS = [
    ("Chandler", "neutral", 0, 0),
    ("The Interviewer", "joy", 0, 1),
    ("Monica", "anger", 1, 0),
    (" Joey ", "surprise", 2, 0),
]
"""Speaker, emotion, dialogue, utterance: the same in each subset, since the names of the files are."""
KNOWN = {
    "dia0_utt0": ("neutral", "Chandler", "male"),
    "dia0_utt1": ("happiness", "The Interviewer", None),
    "dia1_utt0": ("anger", "Monica", "female"),
    "dia2_utt0": ("surprise", "Joey", "male"),
}


def tabled(rows):
    lines = [
        f'{number},"Oh, ’tis true",{speaker},{emotion},neutral,{dialogue},{turn},8,21,"00:16:16,059","00:16:21,731"'
        for number, (speaker, emotion, dialogue, turn) in enumerate(rows)
    ]
    return "\n".join([HEADER, *lines]) + "\n"


def put(root, paths):
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, 1600).astype(np.float32)
    for path in paths:
        write(root / path, noise, 16_000)


@pytest.fixture
def toy(tmp_path):
    for table, folder in PLACES.values():
        (tmp_path / table).parent.mkdir(exist_ok=True)
        (tmp_path / table).write_text(tabled(ROWS), encoding="utf-8")
        put(tmp_path, [f"{folder}/{name}.wav" for name in KNOWN])
    return tmp_path


def test_what_is_known_of_a_turn_comes_from_its_place_and_the_tables(toy):
    found = Meld().validate(toy)
    described = {u.id: (u.label, u.speaker, u.gender) for u in found.utterances}
    assert described == {f"{subset}-{name}": known for subset in PLACES for name, known in KNOWN.items()}
    assert {u.id.split("-")[0] == u.session for u in found.utterances} == {True}
    assert {u.path for u in found.utterances} == {
        f"{folder}/{name}.wav" for _, folder in PLACES.values() for name in KNOWN
    }
    problems = (found.missing, found.extra, found.problems, found.remarks)
    assert [list(lines) for lines in problems] == [[], [], [], []]


def test_the_subset_is_that_of_the_innermost_folder(toy, tmp_path):
    (tmp_path / "more").mkdir()
    (toy / "train").rename(tmp_path / "more" / "latest")
    sessions = {u.path: u.session for u in Meld().validate(tmp_path).utterances}
    assert sessions["more/latest/train_splits/dia0_utt0.wav"] == "train"


def test_the_labels_are_the_seven_emotions_in_alphabetical_order(tmp_path):
    assert Meld().labels(tmp_path) == ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")


def test_the_official_split_warns_of_speakers_in_several_subsets(toy):
    utterances = Meld().validate(toy).utterances
    with pytest.warns(StaanetWarning, match="expected speakers in one subset each, got 'Chandler', 'Joey', "):
        split = by_subsets(utterances)
    assert split.by == "session"
    for subset in PLACES:
        assert set(getattr(split, subset)) == {f"{subset}-{name}" for name in KNOWN}


def test_the_official_split_fits_its_dataset(toy, tmp_path):
    dataset = prepare(Meld(), toy, tmp_path / "dataset")
    with pytest.warns(StaanetWarning, match="in several"):
        dataset.check(by_subsets(list(dataset.utterances.values())))


def test_a_split_by_speaker_has_each_voice_in_one_subset(tmp_path):
    names = ("Chandler", "Joey", "Ross", "Monica", "Phoebe", "Rachel")
    rows = [(name, emotion, i, j) for i, name in enumerate(names) for j, emotion in enumerate(("joy", "anger"))]
    for table, folder in PLACES.values():
        (tmp_path / table).parent.mkdir(exist_ok=True)
        (tmp_path / table).write_text(tabled(rows), encoding="utf-8")
        put(tmp_path, [f"{folder}/dia{i}_utt{j}.wav" for _, _, i, j in rows])
    utterances = Meld().validate(tmp_path).utterances
    split = by_speaker(utterances)
    speakers = {u.id: u.speaker for u in utterances}
    subsets = [{speakers[clip] for clip in subset} for subset in (split.train, split.val, split.test)]
    assert sum(map(len, subsets)) == len(set.union(*subsets)) == 6


def test_turns_that_are_not_there_are_missing_and_those_not_in_the_table_extra(toy):
    (toy / "train/train_splits/dia0_utt0.wav").unlink()
    put(toy, ["dev/dev_splits_complete/dia9_utt9.wav"])
    found = Meld().validate(toy)
    assert found.missing == ["train-dia0_utt0"]
    assert found.extra == ["dev/dev_splits_complete/dia9_utt9.wav"]


@pytest.mark.parametrize(
    "wrong", ["train/train_splits/dia0.wav", "test/x/final_videos_testdia0_utt0.wav", "dia0_utt0.wav"]
)
def test_a_wrongly_named_or_placed_file_is_reported_and_skipped(toy, wrong):
    put(toy, [wrong])
    found = Meld().validate(toy)
    assert found.problems == [
        f"{toy / wrong}: expected a name like train_splits/dia0_utt0 (subset, dialogue, turn); skipped"
    ]
    assert len(found.utterances) == 12


def test_a_turn_that_is_there_twice_is_reported_and_taken_once(toy):
    put(toy, ["train/again/dia0_utt0.wav"])
    found = Meld().validate(toy)
    assert found.problems == [
        f"{toy / 'train/train_splits/dia0_utt0.wav'}: expected each clip once, got another train-dia0_utt0; skipped"
    ]


def test_an_emotion_that_is_not_in_the_corpus_is_reported_in_one_line(toy):
    rows = [("Ross", "joyful", 0, 0), *ROWS[1:]]
    (toy / "test_sent_emo.csv").write_text(tabled(rows), encoding="utf-8")
    found = Meld().validate(toy)
    assert found.remarks == ["skipped 1 clips of other classes: joyful 1"]
    assert len(found.utterances) == 11


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.unlink(), "expected the table dev_sent_emo.csv, found none"),
        (lambda table: table.write_text(tabled(ROWS).replace("Speaker", "Who")), "found no 'speaker' in sr no., utter"),
    ],
)
def test_a_table_that_is_not_there_or_lacks_a_column_is_reported(toy, change, message):
    change(toy / "dev_sent_emo.csv")
    with pytest.raises(StaanetError, match=message):
        Meld().validate(toy)


def test_videos_only_are_reported_with_what_to_do(tmp_path):
    (tmp_path / "train_splits").mkdir()
    (tmp_path / "train_splits" / "dia0_utt0.mp4").touch()
    with pytest.raises(StaanetError, match=r"expected audio, found videos; extract the audio .* `ffmpeg -i"):
        Meld().validate(tmp_path)
