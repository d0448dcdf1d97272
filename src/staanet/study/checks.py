"""The checks of an experiment: names that exist, settings that belong together."""

from staanet.attacks import ATTACKS
from staanet.core.errors import StaanetError, unknown_name
from staanet.core.paths import check_joined_names, check_names
from staanet.core.records import NO_SOURCE
from staanet.core.run import Headline
from staanet.defences import InputDefence
from staanet.models import HasFeatures
from staanet.models.frozen import HasEncoder
from staanet.report.sections import published
from staanet.study.attack_plans import AttackPlan
from staanet.study.plans import GeneratorPlan
from staanet.study.settings import ExperimentSettings


def check(experiment: ExperimentSettings) -> None:
    """Check every name and setting of an experiment.

    Raises:
        StaanetError: one does not exist, is out of range, or does not fit the others.
    """
    _check_names(experiment)
    _check_corpora(experiment)
    for name in experiment.models:
        _check_model(experiment, name)
    for generator in experiment.generators.values():
        _check_generator(experiment, generator)
    for plan in experiment.attack_plans.values():
        _check_attack(experiment, plan)
    if experiment.headline is not None:
        _check_headline(experiment, experiment.headline)
    _check_selection_folds(experiment)


def _check_names(experiment: ExperimentSettings) -> None:
    for name in (*experiment.sources, *experiment.targets):
        if name not in experiment.models:
            raise unknown_name("model", name, experiment.models)
    if NO_SOURCE in experiment.models:
        raise StaanetError(f"expected another name for a model than {NO_SOURCE!r}, which means no source; rename it")
    for name in experiment.pairwise:
        if name not in experiment.attacks:
            raise StaanetError(f"pairwise: {unknown_name('attack', name, experiment.attacks)}")
    if bool(experiment.models) != bool(experiment.attacks):
        raise StaanetError("expected at least one model and one attack, or neither to only count clips")
    if experiment.published:
        published.find(experiment.published)
    for kind in ("models", "generators", "attacks"):
        check_names(kind, getattr(experiment, kind))
    check_joined_names(experiment.attacks, experiment.models)
    for name, least in (("batch_size", 1), ("sample_rate", 1000), ("examples", 0), ("clips", 1)):
        if isinstance(number := getattr(experiment, name), int) and number < least:
            raise StaanetError(f"expected {name} of {least} or more, got {number}")


def _check_corpora(experiment: ExperimentSettings) -> None:
    if (experiment.corpus is None) == (not experiment.corpora):
        raise StaanetError("expected either a corpus or several corpora; give one of the two tables")
    for plan in experiment.corpus_plans.values():
        plan.build()
    for name in experiment.models:
        experiment.training_corpus(name)


def _check_model(experiment: ExperimentSettings, name: str) -> None:
    plan = experiment.models[name]
    if plan.members:
        _check_ensemble(experiment, name)
        return
    _check_base_model(experiment, name)
    if isinstance(defence := plan.resolved_defence(), InputDefence):
        defence.checked(experiment.sample_rate)
    if plan.architecture is None:
        return
    settings = plan.resolved_settings(("a", "b"), experiment.sample_rate)
    plan.architecture.check(settings)
    training = plan.resolved_training()
    no_head = training is None and plan.defence is None and issubclass(plan.architecture, HasEncoder)
    if no_head and not experiment.is_encoder_only(name):
        raise StaanetError(
            f"model {name}: expected a training, which gives it a head, got none; give it one, or use it as a source "
            "of contrastive only and name other models in targets"
        )
    if experiment.split_plan(experiment.training_corpus(name)).evaluate and training is not None and training.validates:
        raise StaanetError(
            f"model {name}: expected a training that needs no validation clips, since the split leaves none; use "
            'the preset paper or fine_tune, or keep = "last"'
        )
    if settings.seconds is None and experiment.protocol == "paper":
        raise StaanetError(f"protocol paper: expected a trained length of {plan.model}; give its seconds")


def _check_ensemble(experiment: ExperimentSettings, name: str) -> None:
    """Refuse members that differ in corpus or sampling rate, or that are ensembles themselves."""
    first = ""
    for member in experiment.models[name].members:
        if member not in experiment.models:
            raise StaanetError(f"model {name}: members: {unknown_name('model', member, experiment.models)}")
        plan = experiment.models[member]
        if plan.members:
            raise StaanetError(
                f"model {name}: expected single models as members, got the ensemble {member}; name its members"
            )
        first = first or member
        corpora, rates = (
            [of(experiment, one) for one in (first, member)] for of in (ExperimentSettings.training_corpus, _rate)
        )
        if corpora[0] != corpora[1]:
            raise StaanetError(
                f"model {name}: expected members with the classes of one corpus, got {first} of {corpora[0]} and "
                f"{member} of {corpora[1]}; logits are averaged class by class"
            )
        if rates[0] != rates[1]:
            raise StaanetError(
                f"model {name}: expected members of one sampling rate, got {first} for {rates[0]} Hz and {member} for "
                f"{rates[1]} Hz"
            )


def _rate(experiment: ExperimentSettings, name: str) -> int:
    """Return the sampling rate in Hz of the clips that a model takes; one from elsewhere takes the experiment's."""
    plan = experiment.models[name]
    if plan.architecture is None:
        return experiment.sample_rate
    return plan.resolved_settings(("a", "b"), experiment.sample_rate).sample_rate


def _check_base_model(experiment: ExperimentSettings, name: str) -> None:
    """Refuse a base model that does not exist, differs in architecture or corpus, or leads back to the model."""
    chain, plan = [name], experiment.models[name]
    while plan.base_model is not None:
        if plan.base_model not in experiment.models:
            raise StaanetError(
                f"model {chain[-1]}: base_model: {unknown_name('model', plan.base_model, experiment.models)}"
            )
        if plan.base_model in chain:
            raise StaanetError(f"expected base models without a circle, got {' -> '.join([*chain, plan.base_model])}")
        other = experiment.models[plan.base_model]
        if other.members:
            raise StaanetError(
                f"model {chain[-1]}: expected a single model as base_model, got the ensemble {plan.base_model}; a "
                "defence can wrap each member"
            )
        same_corpus = experiment.training_corpus(chain[-1]) == experiment.training_corpus(plan.base_model)
        if (plan.model, plan.settings, plan.seconds) != (other.model, other.settings, other.seconds) or (
            not same_corpus
        ):
            raise StaanetError(
                f"model {chain[-1]}: expected the model, settings, seconds and corpus of {plan.base_model}, got others"
            )
        chain.append(plan.base_model)
        plan = other


def _check_generator(experiment: ExperimentSettings, generator: GeneratorPlan) -> None:
    generator.resolved_settings()
    for source in ("", *generator.per_source):
        if source and source not in experiment.models:
            raise StaanetError(
                f"generator {generator.generator}: per_source: {unknown_name('model', source, experiment.models)}"
            )
        generator.resolved_training(experiment.budget, source)


def _check_attack(experiment: ExperimentSettings, plan: AttackPlan) -> None:
    others = [one.name for one in experiment.attack_plans.values() if one.sparsity_of is None and not one.members]
    if plan.sparsity_of is not None and plan.sparsity_of not in others:
        raise StaanetError(f"attack {plan.name}: as_sparse_as: {unknown_name('attack', plan.sparsity_of, others)}")
    _check_generator_of(experiment, plan)
    if plan.use.domain == "waveform":
        return
    if experiment.protocol != "file" or plan.generator:
        raise StaanetError(
            f"attack {plan.name}: expected the domain waveform for the protocol paper and for generators, got feature"
        )
    for source in experiment.source_names if plan.sources is None else plan.sources:
        defence = experiment.models[source].resolved_defence()
        if isinstance(defence, InputDefence):
            raise StaanetError(
                f"attack {plan.name}: expected source models whose features an attack can change, got {source}, "
                f"whose input {defence.name} transforms; name others in sources"
            )
        architecture = experiment.models[source].architecture
        if architecture is None or not issubclass(architecture, HasFeatures):
            raise StaanetError(
                f"attack {plan.name}: expected source models with features (cnn_lstm), got {source}, a "
                f'{experiment.models[source].model}; name others in sources, or remove domain = "feature"'
            )


def _check_generator_of(experiment: ExperimentSettings, plan: AttackPlan) -> None:
    """Refuse a generator that needs gradients for an attack that takes none, and the other way round."""
    if plan.generator is None:
        return
    made, fitting = experiment.generators[plan.generator].generator, ATTACKS[plan.kind].generators()
    if made not in fitting:
        raise StaanetError(
            f"attack {plan.name}: expected for {plan.kind} a generator from {', '.join(fitting)}, got "
            f"{plan.generator}, a {made}"
        )


def _check_headline(experiment: ExperimentSettings, named: Headline) -> None:
    """Refuse a headline that names no case of the experiment, or several."""
    attacks = [run.name for plan in experiment.attack_plans.values() for run in (plan, *plan.runs)]
    for kind, name, known in (
        ("attack", named.attack, attacks),
        ("source", named.source, (*experiment.models, NO_SOURCE)),
        ("target", named.target, experiment.models),
        ("corpus", named.corpus or next(iter(experiment.corpus_plans)), experiment.corpus_plans),
    ):
        if name not in known:
            raise StaanetError(f"headline: {unknown_name(kind, name, list(dict.fromkeys(known)))}")
    corpora = experiment.corpora_of(named)
    if not corpora:
        raise StaanetError(
            f"headline: expected a case of this experiment, got {named.attack} on {named.source}, which is not "
            f"evaluated on {named.target}; name a source that {named.attack} is run on and a target that it is "
            f"evaluated on ({NO_SOURCE!r} is the source of an attack that needs no model)"
        )
    if len(corpora) > 1:
        raise StaanetError(
            f"headline: expected one case, got {named.attack} on {named.source} evaluated on {named.target} with clips "
            f"of {', '.join(corpora)}; add the key corpus"
        )


def _check_selection_folds(experiment: ExperimentSettings) -> None:
    """Refuse folds that no corpus of the experiment has."""
    most = max((experiment.split_plan(corpus).folds or 0 for corpus in experiment.corpus_plans), default=0)
    if wrong := [fold for fold in experiment.selection_folds if not 0 <= fold < most]:
        raise StaanetError(
            f"selection_folds: expected folds of the split, 0 to {most - 1}, got {wrong[0]}"
            if most
            else "selection_folds: expected a split into folds, got none; remove the key, or add folds"
        )
