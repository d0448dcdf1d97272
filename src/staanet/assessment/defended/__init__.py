"""What an input defence is worth: the model behind it under attackers who do not know it, who know it, and learn it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from staanet.assessment.clips import chosen, dataset_of, labelled, restricted, unseen
from staanet.assessment.defended.draws import Flags, attacked, converged, made, right, until_settled
from staanet.assessment.defended.figures import Attacker, Defended, worst
from staanet.attacks import StaaNet
from staanet.attacks.generator import Generator, create_generator
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError
from staanet.core.files import check_writable, write_json, write_text
from staanet.core.provenance import device_of
from staanet.core.seeds import seeded
from staanet.core.signature import signature
from staanet.data import Dataset
from staanet.defences import InputDefence, input_defence
from staanet.defences.expectation import as_attacked
from staanet.models import Model, identity_of, load_deciding, loader_of
from staanet.models.wrappers import DefendedView
from staanet.training.generator import GeneratorTraining, train_generator

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attackers:
    """What every attacker may do, and how hard each tries.

    Args:
        budget: Budget of all attackers.
        steps: Steps of the attacks with gradients: `apgd` on all samples, `spgd` on few.
        generator_epochs: Epochs for which the generator is trained through the defence; 0 leaves it out.
        generator_settings: Sizes of the network of the generator.
    """

    budget: Budget = Budget(snr_db=40.0)
    steps: int = 50
    generator_epochs: int = 6
    generator_settings: Mapping[str, Any] | None = None


def assess_defence(
    model: str | Path,
    data: str | Path,
    defence: str | Mapping[str, Any],
    out: str | Path,
    *,
    attackers: Attackers = Attackers(),
    clips: int | None = 100,
    corpus: str | None = None,
    trust: bool | None = None,
    model_settings: Mapping[str, Any] | None = None,
    corpus_settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    device: str | None = None,
) -> Defended:
    """Measure what an input defence is worth for a model, and write the result to a folder.

    Three attackers have the same budget: an oblivious one, who attacks the model without the defence; an adaptive one,
    who attacks through it, with the gradient that the defence declares; and a generator that is trained through it. A
    clip is robust if none of them fools it. With a random defence, the adaptive attacker averages over ever more
    draws, until twice as many change nothing.

    Args:
        model: Reference to the model (`staanet.load_model`).
        data: A prepared dataset, or the root folder of a corpus.
        defence: Name of an input defence, or a table with its name as `defence` and settings.
        out: Folder for the results.
        attackers: The budget and the effort of the attackers.
        clips: Number of clips, drawn with equal shares of the emotions; None for all that are left of a split. The
            generator learns from clips of other speakers.
        corpus: Name of the corpus; `folder` by default.
        trust: Whether code that comes with the model may run; as for `load_model` by default.
        model_settings: Settings of the loader of the model, such as its labels.
        corpus_settings: Settings of the corpus.
        seed: Seed of the attacks.
        device: Device to compute on; a GPU by default if there is one.

    Raises:
        StaanetError: If the defence is not an input defence, if the model has no gradients, without which no attacker
            can be adaptive, or if the model, the clips or a setting cannot be used.
    """
    built = input_defence(defence)
    folder, loader, where = Path(out), loader_of(model, model_settings), device_of(device)
    plain = load_deciding(model, trust=trust, **(model_settings or {})).to(where)
    if plain.access != "gradient":
        raise StaanetError(
            f"expected a model with gradients, without which no attacker can be adaptive, got one that gives "
            f"{plain.access} only"
        )
    networks = built.checked(plain.sample_rate).checkpoints
    check_writable(folder)
    dataset = unseen(dataset_of(Path(data), corpus, corpus_settings or {}, folder, plain), model, *networks)
    dataset = restricted(dataset, plain)
    plain = labelled(plain, dataset)
    ids, others = divided(dataset, clips)
    logger.info(
        "%s behind %s: %d clips; the generator learns from %d",
        loader.title(str(model)),
        built.name,
        len(ids),
        len(others),
    )
    identity = {**identity_of(model, model_settings, plain), "labels": plain.labels}
    case = _Case(plain, identity, built, dataset, ids, others, attackers, seed, where, folder)
    found = replace(case.result(), model=loader.title(str(model)), corpus=dataset.corpus)
    write_json(folder / "defended.json", asdict(found))
    write_text(folder / "defended.md", found.markdown())
    return found


def divided(dataset: Dataset, count: int | None) -> tuple[list[str], list[str]]:
    """Return the ids of the evaluated clips, and of clips of other speakers from which a generator learns.

    A quarter of the speakers, at least one, is evaluated. If there is one speaker only, half of the clips are.
    """
    speakers = sorted({about.speaker for about in dataset.utterances.values()})
    if len(speakers) < 2:
        ids = sorted(dataset.utterances)
        return ids[::2][:count], ids[1::2]
    with seeded(0, "speakers"):
        order = [speakers[place] for place in torch.randperm(len(speakers)).tolist()]
    tested = set(order[: max(1, len(order) // 4)])
    others = [clip for clip, about in dataset.utterances.items() if about.speaker not in tested]
    return chosen(dataset.without(others), count), sorted(others)


@dataclass(frozen=True)
class _Case:
    plain: Model
    identity: Mapping[str, Any]
    defence: InputDefence
    dataset: Dataset
    ids: Sequence[str]
    others: Sequence[str]
    attackers: Attackers
    seed: int
    device: torch.device
    folder: Path

    def result(self) -> Defended:
        """Return the figures of all attackers, whose clips the model without the defence is given, too."""
        defended = DefendedView(self.plain, self.defence)
        clean, clean_plain = self.right(defended, {}), self.right(self.plain, {})
        robust: dict[str, Flags] = {}
        undefended = clean_plain

        def under(name: str, clips: Mapping[str, Any]) -> Flags:
            nonlocal undefended
            undefended = undefended & self.right(self.plain, clips)
            found = clean & self.right(defended, clips)
            robust[name] = robust.get(name, clean) & found
            return found

        def adaptive(draws: int) -> Flags:
            return under("adaptive", self.perturbed(as_attacked(self.plain, self.defence, draws)))

        under("oblivious", self.perturbed(self.plain))
        _, draws = until_settled(adaptive, random=self.defence.gradient == "expectation")
        if self.attackers.generator_epochs:
            under("generator", self.generated())
        rows = [self.dataset.utterances[clip] for clip in self.ids]
        return Defended(
            model=self.plain.name,
            corpus=self.dataset.corpus,
            defence=self.defence.name,
            settings={key: value for key, value in self.defence.identity().items() if key != "name"},
            gradient=self.defence.gradient,
            budget=asdict(self.attackers.budget),
            n=len(self.ids),
            clean=Attacker.of("none", clean, rows),
            clean_undefended=Attacker.of("none", clean_plain, rows),
            undefended=Attacker.of("worst", undefended, rows),
            attackers=[Attacker.of(name, values, rows) for name, values in robust.items()],
            draws=draws,
            converged=converged(draws, alone=True),
            **worst(robust, undefended, rows),
        )

    def perturbed(self, source: Model) -> dict[str, Any]:
        """Return the adversarial clips of the attack with gradients on a source."""
        effort = (self.attackers.budget, self.attackers.steps)
        return attacked(source, *effort, self.dataset, self.ids, self.device, self.seed)

    def right(self, model: Model, replaced: Mapping[str, Any]) -> Flags:
        """Return whether a model is right on each clip, or on what replaces it."""
        return right(model, self.dataset, self.ids, replaced, self.device)

    def generated(self) -> dict[str, Any]:
        """Return the clips of a generator that is trained through the defence."""
        with seeded(self.seed, "generator"):
            generator = create_generator("compact", **(self.attackers.generator_settings or {}))
        training = GeneratorTraining(budget=self.attackers.budget, epochs=self.attackers.generator_epochs)
        source = as_attacked(self.plain, self.defence)
        sizes = [self.attackers.generator_settings, sorted(self.others), self.seed]
        about = [self.identity, self.defence.identity(), asdict(training), self.dataset.digest, *sizes]
        progress = self.folder / f"generator-{signature(about)}.progress"
        train_generator(generator, source, self.dataset, self.others, (), training, progress, self.seed, self.device)
        return self.applied(generator.eval())

    def applied(self, generator: Generator) -> dict[str, Any]:
        """Return the clips of a trained generator."""
        attack = StaaNet(generator, budget=self.attackers.budget)
        return made(lambda *inputs: attack(self.plain, *inputs, seed=self.seed), self.dataset, self.ids, self.device)
