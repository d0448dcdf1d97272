"""An experiment on pieces with a CNN-LSTM, on the clean split and on the published one."""

import json
import warnings

import pytest

import staanet
from staanet.core.errors import StaanetError, StaanetWarning
from staanet.corpora import PIECES_PRESETS, Store
from staanet.study.experiment import CorpusPlan, SplitPlan

EXPERIMENT = """
{split}

[corpus]
name = "synthetic"
settings = {{ speakers = 6, sentences = 1, seconds = [0.5, 0.6] }}

[corpus.pieces]
emotions = ["anger", "sadness"]
seconds = 0.5
pitches = [2.0]
speeds = [0.8]
shortest = 0.1

[victims.cnn]
model = "cnn_lstm"
seconds = 0.5
settings = {{ width = 4, spectrogram = {{ bands = 32, n_fft = 256, hop = 90, decibels = "published" }} }}
training = {{ epochs = 1, batch_size = 8, statistics = "all" }}

[attacks.noise]
[attacks.fgsm]
"""


@pytest.mark.parametrize("by", ["speaker", "id"])
def test_an_experiment_on_pieces_runs_on_either_split(tmp_path, by):
    split = f'[split]\nby = "{by}"' + ("\nshares = [0.64, 0.16, 0.2]" if by == "id" else "")
    (tmp_path / "pieces.toml").write_text(EXPERIMENT.format(split=split), encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StaanetWarning)
        records = staanet.run(tmp_path / "pieces.toml", out=tmp_path / "run", device="cpu")
    assert {record.attack for record in records} == {"fgsm", "noise"}
    (folder,) = (tmp_path / "run" / "stores").iterdir()
    store = Store(folder)
    (split,) = (json.loads(path.read_text()) for path in (tmp_path / "run" / "splits").iterdir())
    clips = {part: {store.utterances[clip].clip for clip in split[part]} for part in ("train", "val", "test")}
    assert store.labels == ("anger", "sadness")
    assert bool(clips["train"] & clips["test"]) == (by == "id")
    assert any(store.utterances[clip].changed for clip in split["test"]) == (by == "id")
    assert {record.n for record in records} == {len(split["test"])}


def test_pieces_are_a_preset_or_changes_to_one():
    assert CorpusPlan("emodb").cut() is None
    assert CorpusPlan("emodb", pieces="emodb").cut() == PIECES_PRESETS["emodb"]
    assert CorpusPlan("emodb", pieces={"preset": "emodb", "shortest": 0.9}).cut().shortest == 0.9
    with pytest.raises(StaanetError, match="corpus emodb: pieces: expected a preset"):
        CorpusPlan("emodb", pieces="emo")
    with pytest.raises(StaanetError, match="did you mean 'speeds'"):
        CorpusPlan("emodb", pieces={"speed": [0.9]})


def test_clips_dealt_by_id_are_dealt_by_shares():
    with pytest.raises(StaanetError, match="expected shares of the clips where they are dealt by id"):
        SplitPlan(by="id", folds=5)
