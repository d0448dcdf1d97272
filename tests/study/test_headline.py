"""The case that an experiment names for its summary, and the folds on which settings were chosen."""

import pytest

from staanet.core.errors import StaanetError
from staanet.core.records import NO_SOURCE
from staanet.study import _layout
from staanet.study.loading import load, packaged
from staanet.study.toy import toy_experiment

BASE = """
headline = {{ {headline} }}
{more}
[corpora.one]
name = "synthetic"
[corpora.two]
name = "synthetic"
[split]
folds = 4
[models.a]
model = "emo18"
corpus = "one"
[models.b]
model = "zhao19"
corpus = "two"
[models.c]
model = "cnn_lstm"
corpus = "one"
[generators.g]
generator = "compact"
[attacks.staa_net]
generator = "g"
sources = ["a"]
[attacks.noise]
[attacks.fgsm]
domain = "feature"
epsilon = 1.0
sources = ["c"]
[attacks.all]
attack = "standard"
sources = ["a"]
"""


@pytest.fixture
def read(tmp_path):
    def read(headline, more=""):
        path = tmp_path / "experiment.toml"
        path.write_text(BASE.format(headline=headline, more=more))
        return load(path)[1]

    return read


def case(attack, source, target, corpus="one"):
    return f'attack = "{attack}", source = "{source}", target = "{target}", corpus = "{corpus}"'


@pytest.mark.parametrize(
    "named",
    [
        case("staa_net", "a", "b"),
        case("staa_net", "a", "a", "two"),
        case("noise", NO_SOURCE, "b"),
        case("fgsm", "c", "c"),
        case("all", "a", "b"),
        case("all.spgd", "a", "b"),
    ],
)
def test_a_case_of_the_experiment_can_be_the_headline(read, named):
    assert read(named).headline is not None


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (case("staanet", "a", "b"), "headline: expected an attack .*did you mean 'staa_net'"),
        (case("staa_net", "d", "b"), "headline: expected a source from a, b, c, none; got 'd'"),
        (case("staa_net", "a", "none"), "headline: expected a target"),
        (case("staa_net", "a", "b", "three"), "headline: expected a corpus from one, two"),
        (case("staa_net", "b", "a"), "headline: expected a case of this experiment, got staa_net on b"),
        (case("noise", "a", "b"), "'none' is the source of an attack that needs no model"),
        (case("fgsm", "c", "a"), "which is not evaluated on a"),
        ('attack = "staa_net", source = "a", target = "b"', "with clips of one, two; add the key corpus"),
        ('attack = "staa_net", source = "a", targets = "b"', "expected the key 'headline.target', found none"),
    ],
)
def test_a_headline_that_names_no_case_is_refused(read, named, message):
    with pytest.raises(StaanetError, match=message):
        read(named)


@pytest.mark.parametrize(("folds", "message"), [("[4]", "0 to 3, got 4"), ("[-1]", "got -1")])
def test_folds_that_do_not_exist_are_refused(read, folds, message):
    with pytest.raises(StaanetError, match=f"selection_folds: expected .*{message}"):
        read(case("noise", NO_SOURCE, "a"), f"selection_folds = {folds}")


def test_without_folds_none_can_have_been_chosen_on(tmp_path):
    text = BASE.format(headline=case("noise", NO_SOURCE, "a"), more="selection_folds = [0]").replace("folds = 4", "")
    (tmp_path / "one.toml").write_text(text)
    with pytest.raises(StaanetError, match="selection_folds: expected a split into folds, got none"):
        load(tmp_path / "one.toml")


@pytest.mark.parametrize("name", packaged())
def test_packaged_experiments_name_a_case(name):
    experiment = load(name)[1]
    assert (experiment.headline is not None) == bool(experiment.attacks)


def test_records_name_the_corpus_of_the_headline_by_its_own_name(tmp_path):
    name, experiment = "systematic_cross", load("systematic_cross")[1]
    assert _layout(name, experiment).headline.corpus == "ravdess"
    assert _layout(name, toy_experiment(experiment, tmp_path)).headline.corpus == "ravdess"  # what it stands for
    assert _layout("emodb", load("emodb")[1]).selection_folds == (0, 1, 5, 6)
