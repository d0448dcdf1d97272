"""An experiment on segments with a CNN-LSTM, on the clean split and on the published one."""

import itertools
import json
import warnings

import numpy as np
import pytest

import staanet
from staanet.audio import files
from staanet.core.errors import StaanetError, StaanetWarning
from staanet.core.files import read_jsonl
from staanet.data import SEGMENTATION_PRESETS, Dataset
from staanet.study.loading import load
from staanet.study.plans import CorpusPlan, SplitPlan

EXPERIMENT = """
{split}

[corpus]
name = "synthetic"
settings = {{ speakers = 6, sentences = 1, seconds = [0.5, 0.6] }}

[corpus.segments]
emotions = ["anger", "sadness"]
seconds = 0.5
pitches = [2.0]
speeds = [0.8]
min_seconds = 0.1

[models.cnn]
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
    (tmp_path / "segments.toml").write_text(EXPERIMENT.format(split=split), encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StaanetWarning)
        records = staanet.run(tmp_path / "segments.toml", out=tmp_path / "run", device="cpu")
    assert {record.attack for record in records} == {"fgsm", "noise"}
    (folder,) = (tmp_path / "run" / "datasets").iterdir()
    dataset = Dataset(folder)
    (split,) = (json.loads(path.read_text()) for path in (tmp_path / "run" / "splits").iterdir())
    clips = {part: {dataset.utterances[clip].clip for clip in split[part]} for part in ("train", "val", "test")}
    assert dataset.labels == ("anger", "sadness")
    assert bool(clips["train"] & clips["test"]) == (by == "id")
    assert any(dataset.utterances[clip].is_augmented for clip in split["test"]) == (by == "id")
    assert {record.n for record in records} == {len(split["test"])}


def test_pieces_are_a_preset_or_changes_to_one():
    assert CorpusPlan("emodb").segmentation() is None
    assert CorpusPlan("emodb", segments="emodb").segmentation() == SEGMENTATION_PRESETS["emodb"]
    assert CorpusPlan("emodb", segments={"preset": "emodb", "min_seconds": 0.9}).segmentation().min_seconds == 0.9
    with pytest.raises(StaanetError, match="corpus emodb: segments: expected a preset"):
        CorpusPlan("emodb", segments="emo")
    with pytest.raises(StaanetError, match="did you mean 'speeds'"):
        CorpusPlan("emodb", segments={"speed": [0.9]})


def test_clips_dealt_by_id_are_dealt_by_shares():
    with pytest.raises(StaanetError, match="expected shares of the clips for a split by id"):
        SplitPlan(by="id", folds=5)


FEATURES = """
by_gender = true
pairwise = ["fgsm_1", "deepfool"]
cross_corpus = false
budget = { snr_db = 30.0 }
split = { by = "id", shares = [0.64, 0.16, 0.2] }

[corpus]
name = "synthetic"
settings = { speakers = 6, sentences = 1, seconds = [0.5, 0.6] }
segments = { emotions = ["anger", "sadness"], seconds = 0.5, pitches = [2.0], speeds = [0.8], min_seconds = 0.1 }

[models.cnn]
model = "cnn_lstm"
seconds = 0.5
settings = { width = 4, spectrogram = { bands = 32, n_fft = 256, hop = 90, decibels = "published" } }
training = { epochs = 1, batch_size = 8, statistics = "all" }

[models.other]
model = "cnn_lstm"
seconds = 0.5
settings = { width = 5, spectrogram = { bands = 32, n_fft = 256, hop = 90, decibels = "published" } }
training = { epochs = 1, batch_size = 8 }

[attacks]
fgsm_1 = { attack = "fgsm", domain = "feature", epsilon = 1.0 }
deepfool = { preset = "systematic", domain = "feature", steps = 2, clips = 3, examples = 1, sources = ["cnn"] }
truth = { attack = "fgsm", domain = "feature", epsilon = 1.0, labels_from = "true_labels", sources = ["cnn"] }
noise = { domain = "feature", epsilon = 1.0, sources = ["cnn"] }
fgsm = { sources = ["cnn"] }
"""


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    (folder / "features.toml").write_text(FEATURES, encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StaanetWarning)
        records = staanet.run(folder / "features.toml", out=folder / "run", device="cpu")
    return {(record.attack, record.target): record for record in records}, folder / "run"


def test_attacks_on_features_are_evaluated_on_their_source_in_its_units(attacked):
    records, _ = attacked
    assert set(records) == {
        *(("fgsm_1", name) for name in ("cnn", "other")),
        *((name, "cnn") for name in ("deepfool", "truth", "noise")),
        *(("fgsm", name) for name in ("cnn", "other")),
    }
    for (name, _), record in records.items():
        assert record.domain == ("waveform" if name == "fgsm" else "feature")
        assert (record.asr_saved is None) == (name != "fgsm")
        assert record.comb_share_model is None or name == "fgsm"
    grid = 32 * 89  # bands, frames
    record = records["fgsm_1", "cnn"]
    assert record.l0 == record.sparsity * grid
    assert record.l1 == pytest.approx(record.mean_change * grid)
    assert 0 < record.mean_change <= record.linf <= 1.0 + 1e-6
    assert records["noise", "cnn"].source == "cnn"  # what noise does to features is about that model


def test_without_an_epsilon_the_bounds_alone_hold_an_attack_on_features(attacked):
    records, _ = attacked
    record = records["deepfool", "cnn"]
    assert (record.budget_epsilon, record.budget_snr_db, record.budget_sparsity) == (None, None, 1.0)
    assert record.settings["attack"]["budget"]["epsilon"] is None
    assert records["fgsm_1", "cnn"].budget_epsilon == 1.0


def test_an_attack_meets_as_many_clips_as_it_says_and_leaves_the_labels_it_says(attacked):
    records, _ = attacked
    assert records["deepfool", "cnn"].n == 3 < records["fgsm_1", "cnn"].n
    assert records["truth", "cnn"].labels_from == "true_labels"
    assert records["fgsm_1", "cnn"].labels_from == "predictions"


def test_features_that_fool_become_sounds_of_one_length(attacked):
    _, run = attacked
    (folder,) = (run / "examples").iterdir()
    facts = json.loads((folder / "example.json").read_text())
    original, _ = files.read(folder / "original.flac")
    adversarial, _ = files.read(folder / "adversarial.flac")
    assert facts["domain"] == "feature"
    assert original.shape == adversarial.shape == ((89 - 1) * 90, 1)
    assert np.abs(original).max() > 0
    assert "Griffin-Lim" in (run / "report" / "index.html").read_text(encoding="utf-8")


def test_waveforms_pushed_through_the_front_end_stand_beside_features(attacked):
    records, run = attacked
    name = f"fgsm-cnn-cnn-{records['fgsm', 'cnn'].signature}.jsonl"
    assert all(row["feature_l2"] > row["l2"] for row in read_jsonl(run / "records" / name))
    for table in ("gender", "pairwise", "domains"):
        text = (run / "tables" / f"{table}.md").read_text(encoding="utf-8")
        assert "nan" not in text.lower()
    assert "fgsm" in (run / "tables" / "domains.csv").read_text(encoding="utf-8")
    genders = {line.split(",")[6] for line in (run / "tables" / "gender.csv").read_text().splitlines()[1:]}
    assert genders == {"all", "male", "female"}


def test_another_width_is_another_model(attacked):
    records, _ = attacked
    assert records["fgsm_1", "cnn"].settings["source"]["width"] == 4
    assert records["fgsm_1", "other"].settings["source"]["width"] == 5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {'model = "cnn_lstm"': 'model = "emo18"', "settings = { width": "# ", ', statistics = "all"': ""},
            "source models with features .* got cnn",
        ),
        ({"by_gender = true": 'by_gender = true\nprotocol = "paper"'}, "expected the domain waveform for the protocol"),
        ({"clips = 3": "clips = 0"}, "clips of 1 or more, got 0"),
        ({'pairwise = ["fgsm_1"': 'pairwise = ["fgsm_2"'}, "pairwise: expected an attack .* got 'fgsm_2'"),
        ({'domain = "feature", steps': 'domain = "features", steps'}, "attack deepfool: domain"),
    ],
)
def test_what_cannot_be_is_told_before_any_work(tmp_path, change, words):
    text = FEATURES
    for old, new in change.items():
        text = text.replace(old, new)
    (tmp_path / "features.toml").write_text(text, encoding="utf-8")
    with pytest.raises(StaanetError, match=words):
        staanet.run(tmp_path / "features.toml", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_table_by_gender_of_a_corpus_without_is_told(tmp_path):
    table = ["path,emotion,speaker"]
    (tmp_path / "clips").mkdir()
    for number, (speaker, emotion) in enumerate(itertools.product("abc", ("anger", "joy"))):
        samples = np.random.default_rng(number).uniform(-0.5, 0.5, 4000).astype(np.float32)
        files.write(tmp_path / "clips" / f"{number}.flac", samples, 16_000)
        table.append(f"{number}.flac,{emotion},{speaker}")
    (tmp_path / "clips" / "metadata.csv").write_text("\n".join(table), encoding="utf-8")
    corpus = 'by_gender = true\n[corpus]\nname = "folder"\n'
    text = f'{corpus}[models.emo18]\nmodel = "emo18"\nseconds = 0.2\n[attacks.noise]\n'
    (tmp_path / "plain.toml").write_text(text, encoding="utf-8")
    with pytest.raises(StaanetError, match="expected the gender of every clip of folder, got none of 2 of 2"):
        staanet.run(tmp_path / "plain.toml", out=tmp_path / "run", root=tmp_path / "clips")
    assert not (tmp_path / "run" / "models").exists()


def test_full_meets_all_clips():
    _, plan = load("systematic_emodb")
    assert plan.attack_plans["jsma_1"].use.clips == 200
    assert {plan.on_all_clips().attack_plans[name].use.clips for name in plan.attacks} == {None}


@pytest.mark.slow
def test_the_packaged_experiment_runs_in_toy(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StaanetWarning)
        records = staanet.run("systematic_emodb", out=tmp_path, toy=True)
    assert {record.attack for record in records} == set(load("systematic_emodb")[1].attacks)
    for table in ("published", "gender", "between_genders", "pairwise", "domains"):
        assert (tmp_path / "tables" / f"{table}.md").is_file()
    assert staanet.run("systematic_emodb", out=tmp_path, toy=True) == records
