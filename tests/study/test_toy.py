"""A toy run has the names of its experiment, in small; whatever it writes is marked as a toy run."""

import pytest

import staanet
from staanet.core.errors import StaanetError
from staanet.core.run import Layout, Run
from staanet.study.loading import load, packaged
from staanet.study.toy import MOST, SECONDS, toy_experiment


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    return tmp_path_factory.mktemp("checkpoints")


@pytest.mark.parametrize("name", packaged())
def test_a_packaged_experiment_has_a_toy_version_with_the_same_names(name, checkpoints):
    _, full = load(name)
    small = toy_experiment(full, checkpoints / name)
    assert small.title == f"TOY RUN: {full.title}"
    assert small.toy
    assert not full.toy
    for names in ("corpus_plans", "models", "generators", "attacks"):
        assert list(getattr(small, names)) == list(getattr(full, names))
    assert (small.sources, small.targets, small.budget) == (full.sources, full.targets, full.budget)
    assert (small.protocol, small.published, small.seed) == (full.protocol, full.published, full.seed)
    for plan in small.corpus_plans.values():
        assert plan.name == "synthetic"
        assert plan.stands_for
    for model in small.models.values():
        assert model.seconds in (None, SECONDS)
        assert model.resolved_training() is None or model.resolved_training().epochs == 1


@pytest.mark.parametrize("name", ["table4", "table5"])
def test_its_corpus_has_the_emotions_and_its_split_works(name, checkpoints):
    _, full = load(name)
    small = toy_experiment(full, checkpoints / name)
    (plan,), (corpus,) = small.corpus_plans.values(), full.corpus_plans.values()
    utterances = plan.build().validate(None).utterances
    assert plan.build().labels(None) == corpus.build().labels(None)
    val, test = plan.split.splits(utterances, seed=0)
    assert (val.subset, test.subset) == ("val", "test")
    assert set(test.train) == set(val.train) | set(val.test)
    assert not set(test.train) & set(test.test)
    emotions = {clip.split("-")[1] for clip in val.test}
    assert emotions == {clip.split("-")[1] for clip in test.test} == set(corpus.build().labels(None))


def test_the_sessions_of_iemocap_are_dealt_as_published(checkpoints):
    plan = toy_experiment(load("table5")[1], checkpoints / "sessions").corpus_plans["iemocap"]
    sessions = {clip.id: clip.session for clip in plan.build().validate(None).utterances}
    val, test = plan.split.splits(plan.build().validate(None).utterances, seed=0)
    assert {sessions[clip] for clip in val.train} == {"1", "2", "5"}
    assert {sessions[clip] for clip in val.test} == {"4"}
    assert {sessions[clip] for clip in test.train} == {"1", "2", "4", "5"}
    assert {sessions[clip] for clip in test.test} == {"3"}


def test_attacks_are_as_they_were_but_for_what_takes_long(checkpoints):
    full = load("table4")[1]
    small = toy_experiment(full, checkpoints / "table4")
    for name in full.attacks:
        own, less = full.attack_plans[name].build(), small.attack_plans[name].build()
        changed = {key for key in vars(own) if getattr(own, key) != getattr(less, key)}
        assert changed <= set(MOST)
        assert all(getattr(less, key) == MOST[key] for key in changed)
    assert small.attack_plans["one_pixel"].build().change == "scale"


def test_a_clip_that_is_named_is_one_of_the_speaker_held_out(checkpoints):
    small = toy_experiment(load("fig3")[1], checkpoints / "fig3")
    (plan,) = small.corpus_plans.values()
    (split,) = plan.split.splits(plan.build().validate(None).utterances, seed=0)
    assert small.examples == ("s00-anger-00",)
    assert set(small.examples) <= set(split.test)


def test_tiny_checkpoints_are_found_again(checkpoints):
    full = load("table2")[1]
    first = toy_experiment(full, checkpoints / "again").models["wavlm"].settings["checkpoint"]
    before = {path.name: path.stat().st_mtime_ns for path in (checkpoints / "again" / "wavlm").iterdir()}
    assert toy_experiment(full, checkpoints / "again").models["wavlm"].settings["checkpoint"] == first
    assert before == {path.name: path.stat().st_mtime_ns for path in (checkpoints / "again" / "wavlm").iterdir()}


def test_no_run_mixes_with_a_toy(tmp_path):
    Run(tmp_path).write(Layout(title="A real run"))
    with pytest.raises(StaanetError, match="so that no run mixes with a toy"):
        staanet.run("table1", out=tmp_path, toy=True)
    Run(tmp_path).write(Layout(title="A toy run", toy=True))
    with pytest.raises(StaanetError, match="so that no run mixes with a toy"):
        staanet.run("smoke", out=tmp_path)


def test_a_root_for_a_miniature_is_refused(tmp_path):
    with pytest.raises(StaanetError, match="expected no root for a toy"):
        staanet.run("table1", out=tmp_path, root=tmp_path, toy=True)


def test_table_1_needs_neither_models_nor_attacks(tmp_path):
    assert staanet.run("table1", out=tmp_path, toy=True) == []
    heads, *cells = (tmp_path / "tables" / "published.csv").read_text(encoding="utf-8").splitlines()
    assert heads.startswith("keys,metric,unit,published,robust_accuracy")
    assert len(cells) == 20
    assert Run(tmp_path).toy
    assert "Toy run" in (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert not (tmp_path / "tables" / "records.csv").exists()


def test_a_training_clip_among_the_examples_is_reported_before_any_training(tmp_path):
    text = packaged()["fig3"].read_text().replace('held_out = ["43"]\n', "").replace("NP_f_43_pau05b", "s00-anger-00")
    text = text.replace('"demos"', '"synthetic"\nsettings = { speakers = 6, sentences = 1, seconds = [0.5, 0.6] }')
    path = tmp_path / "mine.toml"
    for seed in range(20):
        path.write_text(f"seed = {seed}\n{text}")
        plan = load(path)[1]
        (split,) = plan.split.splits(plan.corpus.build().validate(None).utterances, seed)
        if "s00-anger-00" in split.train:
            break
    assert "s00-anger-00" in split.train
    with pytest.raises(
        StaanetError, match=r"test clips, got 's00-anger-00', which is a training clip .* hold its speaker out"
    ):
        staanet.run(path, out=tmp_path / "run")
    assert not list(tmp_path.glob("run/models/*"))
