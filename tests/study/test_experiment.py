import pytest

from staanet.attacks import StaaNet
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError
from staanet.core.records import NO_SOURCE
from staanet.corpora import Utterance
from staanet.data import by_speaker
from staanet.study.loading import load, packaged

BASE = """
[corpus]
name = "synthetic"
[models.a]
model = "emo18"
[generators.g]
generator = "compact"
[attacks.staa_net]
generator = "g"
"""


VARIED = {"cross_corpus", "data_amount"}
"""Packaged experiments that vary what generators are made from; the attacks to beat are in `emodb` and `ravdess`."""
REPRODUCED = {"fig3", *(f"table{number}" for number in range(1, 7))}
"""Packaged experiments that have what the STAA-Net paper has and nothing else."""

WITHOUT_GENERATORS = {"whisper"}
"""Packaged experiments about models, of which attacks by gradients say enough."""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "experiment.toml"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize("name", packaged())
def test_packaged_experiments_load(name):
    found, experiment = load(name)
    assert found == name
    assert experiment.title
    if name not in {*REPRODUCED, *WITHOUT_GENERATORS} and not name.startswith("systematic"):
        attacks = {experiment.attack_plans[attack].build().name for attack in experiment.attacks}
        assert attacks >= ({"staa_net"} if name in VARIED else {"staa_net", "shuffled_staa_net", "noise"})
    for corpus in experiment.corpus_plans:
        sources = {
            source for plan in experiment.attack_plans.values() for source in experiment.sources_of(plan, corpus)
        }
        homes = {experiment.training_corpus(source) for source in sources - {NO_SOURCE}}
        if homes or name not in REPRODUCED:
            assert homes == (set(experiment.corpus_plans) if experiment.cross_corpus else {corpus})


def test_what_is_skipped_is_filled_in(written):
    name, experiment = load(written(BASE))
    assert name == "experiment"
    assert experiment.source_names == experiment.target_names == ("a",)
    assert experiment.attack_plans["staa_net"].build() == StaaNet("g", budget=Budget(snr_db=17.0, sparsity=0.12))
    assert experiment.generators["g"].resolved_training(experiment.budget).budget == experiment.budget


def test_an_attack_may_have_its_own_budget_and_name(written):
    _, experiment = load(written(BASE + '[attacks.loud]\nattack = "noise"\nepsilon = 0.5\nsparsity = 0.2\n'))
    assert experiment.attack_plans["loud"].build().budget == Budget(epsilon=0.5, sparsity=0.2)
    assert experiment.attack_plans["loud"].build().name == "noise"


def test_a_generators_own_budget_changes_the_experiments(written):
    text = BASE.replace('"compact"', '"compact"\ntraining = { preset = "paper", budget = { sparsity = 0.05 } }')
    _, experiment = load(written(text + "[budget]\nepsilon = 0.01\nsparsity = 0.3\n"))
    resolved = experiment.generators["g"].resolved_training(experiment.budget)
    assert resolved.budget == Budget(epsilon=0.01, sparsity=0.05)
    assert resolved.losses.reduction == "paper"


def test_an_attacks_budget_table_changes_the_experiments(written):
    _, experiment = load(written(BASE + '[attacks.loud]\nattack = "noise"\nbudget = { snr_db = 3.0 }\n'))
    assert experiment.attack_plans["loud"].build().budget == Budget(snr_db=3.0, sparsity=0.12)


def test_training_may_change_a_preset(written):
    text = BASE.replace('model = "emo18"', 'model = "emo18"\ntraining = { preset = "paper", epochs = 2 }')
    training = load(written(text))[1].models["a"].resolved_training()
    assert (training.epochs, training.schedule, training.keep) == (2, "constant", "last")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sed = 1\n" + BASE, "sed.*did you mean 'seed'"),
        (BASE + "[budget]\nsnr = 17\n", "budget: .*did you mean 'snr_db'"),
        (BASE.replace("emo18", "emo19"), "did you mean 'emo18'"),
        (BASE.replace('"synthetic"', '"emodbb"'), "did you mean 'emodb'"),
        (BASE.replace('generator = "g"', 'generator = "h"'), "got 'h'"),
        (BASE.replace('generator = "compact"', 'generator = "compakt"'), "did you mean 'compact'"),
        (BASE + "[attacks.noize]\n", "did you mean 'noise'"),
        (BASE + '[attacks.noise]\ngenerator = "g"\n', "expected no generator for noise"),
        (
            BASE + '[attacks.one_gradient]\ngenerator = "g"\n',
            "gradient_deconvolutional, got g, a compact",
        ),
        (BASE + "[attacks.noise]\nsteps = 3\n", "got 'steps'"),
        (BASE + "[budget]\nepsilon = 0.1\nsnr_db = 17\n", "one of epsilon and snr_db"),
        ('targets = ["b"]\n' + BASE, "expected a model from a; got 'b'"),
        (BASE.replace('"emo18"', '"emo18"\ntraining = "papr"'), "did you mean 'paper'"),
        (BASE.replace('"emo18"', '"emo18"\ntraining = { epoch = 1 }'), "did you mean 'epochs'"),
        (BASE.replace('"emo18"', '"emo18"\nseconds = "long"'), "models.a.seconds"),
        ("batch_size = 0\n" + BASE, "batch_size of 1 or more"),
        (BASE + "[split]\nfolds = 2\n", "three or more folds"),
        (BASE + "[split]\nfolds = 5\nrun = [9]\n", "run of some of them"),
        (BASE + "[split]\nrun = [0]\n", "add folds"),
        (BASE + '[split]\nby = "sesion"\n', "split.by: Input should be 'speaker'"),
        (
            BASE + '[split]\nsubsets = { train = ["1"], test = ["2"] }\n',
            "expected subsets train, val and test, got train, test",
        ),
        (BASE + '[split]\nsubsets = { train = ["1"], dev = ["3"], test = ["2"] }\n', "split.subsets"),
        (
            BASE + '[split]\nfolds = 5\nsubsets = { train = ["1"], val = ["3"], test = ["2"] }\n',
            "either folds or subsets",
        ),
        (BASE + "[split]\nsubsets = { train = [1], val = [3], test = [2] }\n", "should be a valid string, got 1"),
        (BASE.replace("models.a", 'models."a/b"'), "letters, digits"),
        (BASE.replace("models.a", "models.none"), "means no source"),
        (BASE.replace('"emo18"', '"emo18"\nseconds = 0.001'), "trained length"),
        (BASE.replace('"emo18"', '"emo18"\nseconds = nan'), "got models.a.seconds: the number nan"),
        ("title = \n", "expected TOML"),
        ("", "either a corpus or several corpora"),
        (BASE.replace('[corpus]\nname = "synthetic"', ""), "either a corpus or several corpora"),
        (BASE + '[corpora.b]\nname = "synthetic"\n', "either a corpus or several corpora"),
        (BASE.replace('"synthetic"', '"synthetic"\ntrim_db = 0'), "expected trim_db above 0, got 0"),
        (BASE.replace('"emo18"', '"emo18"\ntraining = { crop = 0.0 }'), "expected a crop of some seconds, got 0.0"),
        (BASE.replace('"emo18"', '"emo18"\ntraining = { crop = inf }'), "got models.a.training.crop: the number inf"),
        (BASE.replace('"emo18"', '"emo18"\ntraining = { precision = "half" }'), "precision"),
        (BASE.replace('"compact"', '"compact"\ntraining = { share = 10 }'), "share, not a percentage"),
    ],
)
def test_a_mistake_is_told_before_any_work(written, text, told):
    with pytest.raises(StaanetError, match=told):
        load(written(text))


def test_a_folder_given_as_an_experiment_is_told(tmp_path):
    (tmp_path / "mine.toml").mkdir()
    with pytest.raises(StaanetError, match=r"mine.toml: expected a TOML file that can be read"):
        load(tmp_path / "mine.toml")


def test_an_unknown_experiment_offers_the_nearest():
    with pytest.raises(StaanetError, match="did you mean 'emodb'"):
        load("emobd")


def clips(sessions, speakers="wm"):
    return [
        Utterance(f"{s}{p}-{e}", "", e, f"{s}{p}", session=s)
        for s in sessions
        for p in speakers
        for e in ("joy", "anger")
    ]


def speakers_by_subset(split):
    return [{clip[0] for clip in part} for part in (split.train, split.val, split.test)]


def test_a_split_may_name_the_sessions_of_each_subset(written):
    subsets = 'by = "session"\nsubsets = { train = ["1", "2", "5"], val = ["4"], test = ["3"] }\n'
    plan = load(written(f"{BASE}[split]\n{subsets}"))[1].split
    (split,) = plan.splits(clips("12345"), seed=0)
    assert speakers_by_subset(split) == [{"1", "2", "5"}, {"4"}, {"3"}]


def test_a_split_may_be_the_corpus_own(written):
    plan = load(written(BASE + '[split]\nby = "session"\n'))[1].split
    (split,) = plan.splits(clips(["train", "val", "test"]), seed=0)
    assert {clip.split("w")[0].split("m")[0] for clip in split.val} == {"val"}


def test_folds_may_be_of_sessions(written):
    plan = load(written(BASE + '[split]\nby = "session"\nfolds = 5\nrun = [0, 4]\n'))[1].split
    assert [speakers_by_subset(split)[2] for split in plan.splits(clips("12345"), seed=3)] == [{"1"}, {"5"}]


def test_skipped_a_split_is_by_speaker_and_shares(written):
    utterances = [Utterance(f"{n}-{e}", "", e, f"s{n}", "female") for n in range(10) for e in ("joy", "anger")]
    plan = load(written(BASE + "[split]\nshares = [0.4, 0.3, 0.3]\n"))[1].split
    (split,) = plan.splits(utterances, seed=1)
    assert split == by_speaker(utterances, (0.4, 0.3, 0.3), seed=1)


def test_subsets_may_be_evaluated_each_after_training_on_all_before_it(written):
    subsets = (
        'by = "session"\nsubsets = { train = ["1", "2", "5"], val = ["4"], test = ["3"] }\nevaluate = ["val", "test"]\n'
    )
    text = BASE.replace('model = "emo18"', 'model = "emo18"\ntraining = "paper"')
    plan = load(written(f"{text}[split]\n{subsets}"))[1].split
    val, test = plan.splits(clips("12345"), seed=0)
    assert speakers_by_subset(val) == [{"1", "2", "5"}, set(), {"4"}]
    assert speakers_by_subset(test) == [{"1", "2", "4", "5"}, set(), {"3"}]


def test_a_generator_may_be_trained_otherwise_against_a_source(written):
    text = BASE.replace('"compact"', '"compact"\nper_source = { a = { losses = { sparsity = 0.5 } } }')
    generator = load(written(text))[1].generators["g"]
    budget = Budget(epsilon=0.1)
    assert generator.resolved_training(budget, "a").losses.sparsity == 0.5
    assert generator.resolved_training(budget, "b") == generator.resolved_training(budget)
    assert generator.resolved_training(budget).losses.sparsity == 0.0


def test_the_weights_against_emo18_on_iemocap_are_a_tenth_of_the_papers():
    _, experiment = load("table5")
    generator = experiment.generators["wave_unet"]
    own, other = (generator.resolved_training(experiment.budget, source).losses for source in ("emo18", "wav2vec2"))
    for name in ("magnitude", "sparsity", "quantisation"):
        assert getattr(own, name) == pytest.approx(0.1 * getattr(other, name))
    assert (other.magnitude, other.sparsity, other.quantisation) == (1e-3, 1e-4, 1e-4)


def test_an_attack_may_be_as_sparse_as_another(written):
    _, experiment = load(written(BASE + '[attacks.pgd]\nattack = "sparse_pgd"\nas_sparse_as = "staa_net"\n'))
    assert experiment.attack_plans["pgd"].sparsity_of == "staa_net"
    assert experiment.attack_plans["staa_net"].sparsity_of is None
    assert experiment.attack_plans["pgd"].build().budget.sparsity == 0.12
    assert experiment.attack_plans["pgd"].build(sparsity=0.03).budget == Budget(snr_db=17.0, sparsity=0.03)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (BASE + '[split]\nevaluate = ["val"]\n', "model a: expected a training that needs no validation clips"),
        (BASE + '[split]\nevaluate = ["train"]\n', "split.evaluate"),
        (BASE + '[split]\nfolds = 5\nevaluate = ["val"]\n', "either folds or subsets to evaluate"),
        (BASE + '[split]\nfolds = 5\nheld_out = ["a"]\n', "held_out together with shares"),
        (
            BASE.replace('"compact"', '"compact"\nper_source = { b = "paper" }'),
            "per_source: expected a model from a; got 'b'",
        ),
        (BASE.replace('"compact"', '"compact"\nper_source = { a = "papr" }'), "did you mean 'paper'"),
        (BASE + '[attacks.noise]\nas_sparse_as = "staa_ned"\n', r"as_sparse_as: .* did you mean 'staa_net'"),
        (BASE + '[attacks.noise]\nas_sparse_as = "noise"\n', "as_sparse_as: expected an attack from staa_net; got"),
        (BASE + '[attacks.standard]\n[attacks.noise]\nas_sparse_as = "standard"\n', "from staa_net; got 'standard'"),
        ('published = "a.b"\n' + BASE, "published: expected a publication from"),
        (BASE[: BASE.index("[generators.g]")], "at least one model and one attack, or neither"),
    ],
)
def test_a_mistake_in_a_reproduction_is_told_before_any_work(written, text, told):
    with pytest.raises(StaanetError, match=told):
        load(written(text))


def test_an_experiment_based_on_another_has_all_of_it_but_what_it_names(tmp_path, written):
    whole = written(BASE + "[budget]\nsnr_db = 20.0\nsparsity = 0.1\n")
    (tmp_path / "mine.toml").write_text(
        f'based_on = "{whole.name}"\nseed = 3\nbudget.sparsity = 0.5\nmodels.a.seconds = 2.0\n[attacks.pgd]\n'
    )
    name, mine = load(tmp_path / "mine.toml")
    base = load(whole)[1]
    assert (name, mine.seed, base.seed) == ("mine", 3, 0)
    assert (mine.budget.snr_db, mine.budget.sparsity) == (20.0, 0.5)
    assert (mine.models["a"].model, mine.models["a"].seconds) == ("emo18", 2.0)
    assert list(mine.attacks) == ["staa_net", "pgd"]
    assert list(load(whole)[1].attacks) == ["staa_net"]


def test_the_three_languages_of_the_systematic_evaluation_differ_in_corpus_and_training_only():
    german, italian = (load(f"systematic_{corpus}")[1] for corpus in ("emodb", "emovo"))
    assert italian.attacks == german.attacks
    assert {plan.name for plan in italian.corpus_plans.values()} == {"emovo"}
    assert italian.models["published"].training == {"preset": "systematic_emovo", "statistics": "all"}


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("emodbb", "based_on: expected an experiment from .*; got 'emodbb'; did you mean 'emodb'"),
        ("experiment.toml", "based_on: expected another experiment, got experiment.toml, which is based on this one"),
    ],
)
def test_what_an_experiment_cannot_be_based_on_is_told(written, base, message):
    with pytest.raises(StaanetError, match=message):
        load(written(f'based_on = "{base}"\n'))
