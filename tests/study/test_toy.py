"""A toy says what its experiment says, in small; whatever it writes says that it is one."""

import pytest

import staanet
from staanet.core import records
from staanet.core.errors import StaanetError
from staanet.study.experiment import load, packaged
from staanet.study.toy import MOST, SECONDS, reduced


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    return tmp_path_factory.mktemp("checkpoints")


@pytest.mark.parametrize("name", packaged())
def test_a_packaged_experiment_has_a_miniature_with_the_same_names(name, checkpoints):
    _, full = load(name)
    small = reduced(full, checkpoints / name)
    assert small.title == f"TOY: {full.title}"
    assert small.toy
    assert not full.toy
    for names in ("plans", "models", "generators", "attacks"):
        assert list(getattr(small, names)) == list(getattr(full, names))
    assert (small.sources, small.targets, small.budget) == (full.sources, full.targets, full.budget)
    assert (small.protocol, small.published, small.seed) == (full.protocol, full.published, full.seed)
    for plan in small.plans.values():
        assert plan.name == "synthetic"
        assert plan.stands_for
    for model in small.models.values():
        assert model.seconds in (None, SECONDS)
        assert model.resolved() is None or model.resolved().epochs == 1


@pytest.mark.parametrize("name", ["table4", "table5"])
def test_its_corpus_has_the_emotions_and_its_split_works(name, checkpoints):
    _, full = load(name)
    small = reduced(full, checkpoints / name)
    (plan,), (corpus,) = small.plans.values(), full.plans.values()
    utterances = plan.build().validate(None).utterances
    assert plan.build().labels(None) == corpus.build().labels(None)
    val, test = plan.split.splits(utterances, seed=0)
    assert (val.part, test.part) == ("val", "test")
    assert set(test.train) == set(val.train) | set(val.test)
    assert not set(test.train) & set(test.test)
    emotions = {clip.split("-")[1] for clip in val.test}
    assert emotions == {clip.split("-")[1] for clip in test.test} == set(corpus.build().labels(None))


def test_the_sessions_of_iemocap_are_dealt_as_published(checkpoints):
    plan = reduced(load("table5")[1], checkpoints / "sessions").plans["iemocap"]
    sessions = {clip.id: clip.session for clip in plan.build().validate(None).utterances}
    val, test = plan.split.splits(plan.build().validate(None).utterances, seed=0)
    assert {sessions[clip] for clip in val.train} == {"1", "2", "5"}
    assert {sessions[clip] for clip in val.test} == {"4"}
    assert {sessions[clip] for clip in test.train} == {"1", "2", "4", "5"}
    assert {sessions[clip] for clip in test.test} == {"3"}


def test_attacks_are_as_they_were_but_for_what_takes_long(checkpoints):
    full = load("table4")[1]
    small = reduced(full, checkpoints / "table4")
    for name in full.attacks:
        own, less = full.attack(name), small.attack(name)
        changed = {key for key in vars(own) if getattr(own, key) != getattr(less, key)}
        assert changed <= set(MOST)
        assert all(getattr(less, key) == MOST[key] for key in changed)
    assert small.attack("one_pixel").change == "scale"


def test_a_clip_that_is_named_is_one_of_the_speaker_held_out(checkpoints):
    small = reduced(load("fig3")[1], checkpoints / "fig3")
    (plan,) = small.plans.values()
    (split,) = plan.split.splits(plan.build().validate(None).utterances, seed=0)
    assert small.examples == ("s00-anger-00",)
    assert set(small.examples) <= set(split.test)


def test_tiny_checkpoints_are_found_again(checkpoints):
    full = load("table2")[1]
    first = reduced(full, checkpoints / "again").models["wavlm"].settings["checkpoint"]
    before = {path.name: path.stat().st_mtime_ns for path in (checkpoints / "again" / "wavlm").iterdir()}
    assert reduced(full, checkpoints / "again").models["wavlm"].settings["checkpoint"] == first
    assert before == {path.name: path.stat().st_mtime_ns for path in (checkpoints / "again" / "wavlm").iterdir()}


def test_no_run_mixes_with_a_toy(tmp_path):
    records.write_contents(tmp_path, "A real run", records=[])
    with pytest.raises(StaanetError, match="so that no run mixes with a toy"):
        staanet.run("table1", out=tmp_path, toy=True)
    records.write_contents(tmp_path, "A toy", toy=True, records=[])
    with pytest.raises(StaanetError, match="so that no run mixes with a toy"):
        staanet.run("smoke", out=tmp_path)


def test_a_root_for_a_miniature_is_refused(tmp_path):
    with pytest.raises(StaanetError, match="expected no root for a toy"):
        staanet.run("table1", out=tmp_path, root=tmp_path, toy=True)


def test_table_1_needs_neither_victims_nor_attacks(tmp_path):
    assert staanet.run("table1", out=tmp_path, toy=True) == []
    heads, *cells = (tmp_path / "tables" / "published.csv").read_text(encoding="utf-8").splitlines()
    assert heads.startswith("keys,metric,unit,published,ours")
    assert len(cells) == 20
    assert records.toy(tmp_path)
    assert "A toy" in (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert not (tmp_path / "tables" / "records.csv").exists()


def test_a_clip_to_listen_to_that_training_hears_is_told_before_any_training(tmp_path):
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
        StaanetError, match=r"attacked, got 's00-anger-00', which is in training .* hold its speaker out"
    ):
        staanet.run(path, out=tmp_path / "run")
    assert not list(tmp_path.glob("run/models/*"))
