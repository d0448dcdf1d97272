"""Models from elsewhere in an experiment: as source and target, left-out attacks, labels, rates, defences, trust."""

import pytest
import torch

import staanet
from staanet import study
from staanet.core.errors import StaanetError
from staanet.core.files import read_json
from staanet.study.study import Study
from staanet.study.work import artefacts

NETWORK = """
import torch

labels = ["ang", "hap", "neu", "sad", "bored"]


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.features = torch.nn.Conv1d(1, 8, 64, 32)
        self.head = torch.nn.Linear(8, 5)

    def forward(self, clips):
        return self.head(self.features(clips[:, None]).relu().mean(2))


def build():
    torch.manual_seed(3)
    network = Network()
    torch.nn.init.normal_(network.head.weight, std=20.0)
    return network


network = build()


def scores(clips):
    with torch.no_grad():
        return network(clips).numpy()


def decisions(clips):
    return torch.nn.functional.one_hot(torch.from_numpy(scores(clips)).argmax(1), 5).float()
"""

EXPERIMENT = """
clips = 2
[corpus]
name = "synthetic"
settings = {{ speakers = 6, sentences = 1, seconds = [0.5, 0.6] }}

[budget]
snr_db = 30.0
sparsity = 0.1

[models.mine]
model = "{reference}"
settings = {{ labels = {{ ang = "anger", hap = "happiness", neu = "neutral", sad = "sadness" }}{more} }}
{tables}
"""

WHITE = "[attacks.pgd]\nsteps = 2\n[attacks.sigma_zero]\nsteps = 3\n[attacks.contrastive]\nsteps = 2\n"
SEARCH = "[attacks.sparse_rs]\nqueries = 4\n"


@pytest.fixture
def run(tmp_path):
    (tmp_path / "network.py").write_text(NETWORK)

    def run(name="build", tables=WHITE, more="", *, trust=True):
        path = tmp_path / "mine.toml"
        reference = f"{tmp_path / 'network.py'}:{name}"
        path.write_text(EXPERIMENT.format(reference=reference, tables=tables, more=more))
        return staanet.run(path, out=tmp_path / "run", trust=trust)

    return run


def left_out(tmp_path):
    return read_json(tmp_path / "run" / "run.json")["left_out"]


def test_a_module_is_attacked_with_its_gradients_and_restricted_to_the_emotions_of_the_corpus(run, tmp_path):
    records = run()
    assert [record.attack for record in records] == ["pgd", "sigma_zero"]
    assert records[0].labels == ["anger", "happiness", "neutral", "sadness"]
    (sentence,) = left_out(tmp_path)
    assert sentence == ("contrastive on mine was left out, because it needs representations and the model has none.")
    text = next(tmp_path.glob("run/records/*.json")).read_text()
    assert str(tmp_path) not in text
    assert {"file", "weights", "labels"} <= set(records[0].settings["target"])
    assert sentence in (tmp_path / "run" / "report" / "index.html").read_text()


def test_attacks_with_gradients_are_replaced_once_by_a_black_box_attack_with_their_budget(run, tmp_path):
    records = run("scores", "[attacks.pgd]\nsteps = 2\n[attacks.spgd]\nsteps = 2\n[attacks.noise]\n")
    assert [record.attack for record in records] == ["sparse_rs", "noise"]
    assert (records[0].budget_snr_db, records[0].budget_sparsity) == (30.0, 0.1)
    reason = "it needs gradients and the model gives scores without gradients"
    assert left_out(tmp_path) == [
        f"{attack} on mine was left out, because {reason}; the black-box attack sparse_rs takes its place."
        for attack in ("pgd", "spgd")
    ]


def test_a_black_box_attack_of_the_experiment_replaces_without_a_second_run(run, tmp_path):
    records = run("decisions", "[attacks.pgd]\nsteps = 2\n[attacks.boundary]\n[attacks.sparse_rs]\nqueries = 4\n")
    assert [record.attack for record in records] == ["boundary"]
    assert [sentence.split(" on mine")[0] for sentence in left_out(tmp_path)] == ["pgd", "sparse_rs"]
    assert "decisions only; the black-box attack boundary takes its place" in left_out(tmp_path)[1]


def test_an_ensemble_keeps_the_members_that_the_model_serves(run, tmp_path):
    records = run("scores", "[attacks.standard]\n")
    assert {"standard", "standard.sparse_rs"} == {record.attack for record in records}
    assert [sentence.split(" on mine")[0] for sentence in left_out(tmp_path)] == [
        "standard.spgd",
        "standard.sparse_pgd",
        "standard.apgd",
    ]


def test_clips_at_another_rate_are_resampled_and_a_defence_goes_in_front(run, tmp_path):
    labels = '{ ang = "anger", hap = "happiness", neu = "neutral", sad = "sadness" }'
    defended = f"""[models.defended]
model = "{tmp_path / "network.py"}:build"
settings = {{ labels = {labels}, sample_rate = 8000 }}
base_model = "mine"
defence = "rounding"
[attacks.noise]
"""
    records = run(more=", sample_rate = 8000", tables=defended)
    assert {record.target: record.defence for record in records} == {"mine": None, "defended": "rounding"}
    assert records[0].settings["target"]["sample_rate"] == 8000


def test_code_needs_trust_before_any_work(run, tmp_path):
    with pytest.raises(StaanetError, match=r"model mine: network.py:build: expected your permission.*--trust"):
        run(trust=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("bild", "", "did you mean 'build'"),
        ("build", ", label = 1", "did you mean 'labels'"),
        ("build", ", offset = -1.0", "offset"),
    ],
)
def test_mistakes_are_told_in_one_line(run, name, more, message):
    with pytest.raises(StaanetError, match=message) as caught:
        run(name, more=more, tables="[attacks.noise]\n")
    assert "\n" not in str(caught.value)


def test_a_lacking_emotion_names_the_labels_of_both(tmp_path):
    (tmp_path / "network.py").write_text(NETWORK.replace('"sad"', '"tired"'))
    path = tmp_path / "mine.toml"
    reference = f"{tmp_path / 'network.py'}:build"
    text = EXPERIMENT.format(reference=reference, tables="[attacks.noise]\n", more="").replace(', sad = "sadness"', "")
    path.write_text(text)
    with pytest.raises(StaanetError, match=r"expected a model that decides between .*sadness.*without sadness"):
        staanet.run(path, out=tmp_path / "run", trust=True)


def test_training_is_refused_for_a_model_that_is_used_as_it_is(run):
    with pytest.raises(StaanetError, match="expected no training"):
        run(tables='training = "paper"\n[attacks.noise]\n')


def test_a_run_whose_records_exist_computes_nothing_again_and_other_weights_are_another_model(run, tmp_path):
    (first,) = run(tables="[attacks.noise]\n")
    (again,) = run(tables="[attacks.noise]\n")
    assert first == again
    (tmp_path / "network.py").write_text(NETWORK.replace("std=20.0", "std=10.0"))
    path = tmp_path / "mine.toml"
    (other,) = staanet.run(path, out=tmp_path / "run", trust=True)
    assert other.signature != first.signature


@pytest.mark.parametrize("members", [False, True])
def test_a_generator_of_a_model_trained_elsewhere_is_one_of_the_clips_that_it_learns_from(tmp_path, members):
    """Its source does not say on which clips it learns, so that other folds must give another generator."""
    (tmp_path / "network.py").write_text(NETWORK)
    several = '[models.both]\nmembers = ["mine", "mine2"]\n'
    tables = '[generators.g]\ngenerator = "compact"\n[attacks.staa_net]\ngenerator = "g"\nsources = ["SOURCE"]\n'
    second = EXPERIMENT[EXPERIMENT.index("[models.mine]") : EXPERIMENT.index("{tables}")].replace("mine]", "mine2]")
    text = EXPERIMENT.replace("{tables}", second + (several if members else "") + "{tables}")
    text = text.format(reference=f"{tmp_path / 'network.py'}:build", tables=tables, more="")
    text = text.replace("SOURCE", "both" if members else "mine")
    found = []
    for folds in (3, 6):
        path = tmp_path / "mine.toml"
        path.write_text(f"{text}\n[split]\nfolds = {folds}\nrun = [0]\n")
        name, experiment = study.load(path)
        one = Study(name, experiment, tmp_path / "run", None, torch.device("cpu"))
        found += [title for title in artefacts(one) if title.startswith("generator")]
    assert len(found) == len(set(found)) == 2
