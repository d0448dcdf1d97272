"""Ratings of emotional dimensions in tables and databases in audformat, as shares of their scale."""

import audformat
import numpy as np
import pytest

from staanet.audio.files import write
from staanet.core.errors import StaanetError
from staanet.corpora import Audformat, Folder
from staanet.data import Dataset, prepare

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pandas' to audformat

ROWS = ("anna_1.wav,anna,1,7", "anna_2.wav,anna,4,2.5", "ben_1.wav,ben,7,1")
DIMENSIONS = ("arousal", "valence")


def corpus(root, rows=ROWS, head="path,speaker,Arousal,valence"):
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, 1600).astype(np.float32)
    for row in rows:
        write(root / row.split(",")[0], noise, 16_000)
        noise = noise[::-1]
    (root / "metadata.csv").write_text("\n".join([head, *rows]))
    return root


def rated(**settings):
    return Folder(dimensions=DIMENSIONS, scale=(1.0, 7.0), **settings)


def test_a_table_of_ratings_needs_no_emotions_and_becomes_a_dataset(tmp_path):
    made = prepare(rated(), corpus(tmp_path / "corpus"), tmp_path / "dataset")
    dataset = Dataset(made.folder)
    assert dataset.dimensions == DIMENSIONS
    found = dataset.ratings(["anna_1", "anna_2", "ben_1"], ("valence", "arousal"))
    assert found.flatten().tolist() == pytest.approx([1, 0, 0.25, 0.5, 0, 1])


def test_emotions_are_kept_beside_ratings(tmp_path):
    rows = [f"{row},{emotion}" for row, emotion in zip(ROWS, ("joy", "", "anger"), strict=True)]
    found = rated().validate(corpus(tmp_path, rows, "path,speaker,arousal,valence,emotion"))
    assert [clip.label for clip in found.utterances] == ["joy", "unspecified", "anger"]


@pytest.mark.parametrize("value", ["0.5", "7.1", "", "nan", "inf", "high"])
def test_a_rating_off_the_scale_is_refused_with_its_line(tmp_path, value):
    root = corpus(tmp_path, (*ROWS, f"ben_2.wav,ben,{value},3"))
    with pytest.raises(StaanetError, match=r"line 5: expected arousal on the scale from 1 to 7, got") as caught:
        rated().validate(root)
    assert "\n" not in str(caught.value)


def test_a_missing_column_is_refused(tmp_path):
    with pytest.raises(StaanetError, match="'dominance'"):
        Folder(dimensions=("dominance",)).validate(corpus(tmp_path))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dimensions": ("arousal", "arousal")}, "different names"),
        ({"dimensions": ("arousal",), "scale": (5.0, 1.0)}, "lowest and highest value"),
        ({"scale": (1.0, 5.0)}, "dimensions together with a scale"),
        ({"dimensions": ("arousal",), "pattern": "{speaker}_{emotion}"}, "got a pattern of names"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(StaanetError, match=message):
        Folder(**settings)


def test_a_dataset_of_emotions_has_no_ratings(dataset):
    assert dataset.dimensions == ()
    with pytest.raises(StaanetError, match="a dataset of emotions without ratings"):
        dataset.ratings(list(dataset.utterances)[:3], ("arousal",))


def database(root, values):
    made = audformat.Database("rated", source="here", usage="research", languages=["deu"])
    made.schemes["arousal"] = audformat.Scheme("float", minimum=0, maximum=1)
    made.schemes["speaker"] = audformat.Scheme("str")
    made["files"] = audformat.Table(audformat.filewise_index([row.split(",")[0] for row in ROWS]))
    for column, content in (("arousal", values), ("speaker", [row.split(",")[1] for row in ROWS])):
        made["files"][column] = audformat.Column(scheme_id=column)
        made["files"][column].set(content)
    corpus(root)
    made.save(str(root), storage_format="csv")
    return root


def test_a_database_in_audformat_may_have_ratings_instead_of_emotions(tmp_path):
    found = Audformat(dimensions=("arousal",)).validate(database(tmp_path, [0.25, None, 1.0]))
    assert [(clip.id, clip.dimensions) for clip in found.utterances] == [
        ("anna_1", {"arousal": 0.25}),
        ("ben_1", {"arousal": 1.0}),
    ]
    assert found.remarks == ["skipped 1 clips without a rating or a speaker"]
