"""Evaluate one model on clips: a curve of robust accuracy over budgets, a verdict, and a page."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from staanet.assessment import card, dimensional, evidence, page, runs, wording
from staanet.assessment.certified import beside
from staanet.assessment.clips import chosen, dataset_of, restricted, unseen
from staanet.assessment.compare import against
from staanet.assessment.compare import wording as compare_wording
from staanet.assessment.corrupted import CorruptionTest
from staanet.assessment.dimensional import DimensionalEvaluation as DimensionalEvaluation
from staanet.assessment.dimensional import DimensionalPlan as DimensionalPlan
from staanet.assessment.duration import seconds_needed
from staanet.assessment.measurement import Row, adversarial_clips, measure, members_of
from staanet.assessment.notebook import Evaluation as Evaluation
from staanet.assessment.page.sounds import keep
from staanet.assessment.power import check_decidable
from staanet.assessment.protected import Protection, protection_of
from staanet.assessment.result import evaluation
from staanet.assessment.runs import CLIPS, FILE, Conditions, Run
from staanet.assessment.saving import FLOATS, Saved, format_of
from staanet.assessment.search import check_steps
from staanet.assessment.settings import ENSEMBLE, PRESETS, Curves, Effort
from staanet.assessment.verdict import Threshold, judged, junit, parsed
from staanet.assessment.work import Workers, workers
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError, unknown_name
from staanet.core.files import check_writable, write_json, write_text
from staanet.core.processes import locked
from staanet.core.provenance import commit, device_name, device_of, versions
from staanet.core.signature import signature, to_jsonable
from staanet.core.signs import shown
from staanet.data import Dataset
from staanet.defences import input_defence
from staanet.engines import Engine
from staanet.evaluation.signs import signs_on_clips
from staanet.metrics import wilson
from staanet.models import Model, load_model, loader_of
from staanet.models.loaders.base import weights_digest

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """An evaluation before any attack: what it will do, how long that takes, and what so many clips can show.

    Args:
        protection: The model, restricted to the emotions of the clips, with its defence and its attackers.
        identity: Its name, and what decides its answers.
        dataset: The dataset.
        clips: Ids of the clips.
        settings: Everything else that decides the numbers.
        curves: The budgets.
        effort: The attacks with their steps.
        saved: How clips are saved.
        why_saved: Why they are saved so, in words.
        seed: Random seed.
        device: Device to compute on.
    """

    protection: Protection
    identity: Mapping[str, Any]
    dataset: Dataset
    clips: Sequence[str]
    settings: Mapping[str, Any]
    curves: Curves
    effort: Effort
    saved: Saved
    why_saved: str
    seed: int
    device: torch.device

    @property
    def model(self) -> Model:
        """The model as it decides."""
        return self.protection.model

    @property
    def title(self) -> str:
        """Name of the model."""
        return str(self.identity["model"])

    @property
    def attacks(self) -> list[str]:
        """Names of the attacks."""
        return [member.attack for members in members_of(self.effort, self.model) for member in members]

    @property
    def signature(self) -> str:
        """Hash of everything that decides the results of the clips."""
        return signature([self.identity, self.settings, self.dataset.digest, list(self.clips), *self.protection.named])

    @property
    def conditions(self) -> Conditions:
        """What it must share with another evaluation to be compared."""
        about = {
            "settings": self.settings,
            "corpus": self.dataset.corpus,
            "sample_rate": self.dataset.sample_rate,
            "data": self.dataset.digest,
        }
        clips = {clip: self.dataset.utterances[clip] for clip in self.clips}
        return Conditions.of(about, {clip: (of.label, of.speaker) for clip, of in clips.items()})

    @cached_property
    def seconds(self) -> float:
        """About how many seconds it takes, measured on a few clips."""
        return sum(
            seconds_needed(source, self.dataset, self.clips, self.curves, self.effort, self.device)
            for source in self.protection.sources.values()
        )

    @property
    def resolution(self) -> float:
        """Half the width of the widest interval of a share of so many clips."""
        low, high = wilson(0.5, len(self.clips))
        return (high - low) / 2


def evaluate(
    model: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    corpus: str | None = None,
    preset: str = "standard",
    clips: int | None = None,
    budgets: Sequence[float] = (),
    fail_under: Sequence[str] = (),
    thresholds: str | Path | None = None,
    baseline: str | Path | None = None,
    defence: str | Mapping[str, Any] | None = None,
    hardened_from: str | Path | None = None,
    certificate: str | Path | None = None,
    trust: bool | None = None,
    model_settings: Mapping[str, Any] | None = None,
    corpus_settings: Mapping[str, Any] | None = None,
    floats: bool = False,
    seed: int = 0,
    device: str | None = None,
    distance: float | None = None,
    dry_run: bool = False,
    engine: Engine | None = None,
) -> Evaluation | Plan | DimensionalEvaluation | DimensionalPlan:
    """Measure how robust a model is on clips, and write its figures, the results of the clips and a page to a folder.

    Existing results of the same model, clips and settings are reused, so that an interrupted evaluation resumes.

    A model behind an input defence is put to two attackers: an oblivious one, who attacks the model without the
    defence, and an adaptive one, who attacks through it with the gradient that the defence declares. All figures are
    about the worst of the two for each clip. A hardened model is attacked as it is, which is adaptive, and by attacks
    on the model before, if that is known.

    Args:
        model: Reference to the model (`staanet.load_model`).
        data: A prepared dataset, or the root folder of a corpus.
        out: Folder for the results.
        corpus: Name of the corpus (`staanet list corpora`); `folder` by default.
        preset: Effort of the attacks: `quick`, `standard` or `thorough`.
        clips: Number of clips, drawn with equal shares of the emotions. Default: that of the preset.
        budgets: Peak SNRs in dB at which every sample may change. Default: 70 to 10 dB in steps of 10.
        fail_under: Thresholds, such as `accuracy_robust=0.5` or `accuracy_robust@60=0.3`.
        thresholds: TOML file with a table for each threshold, with `least` and `reason`.
        baseline: Folder of an earlier evaluation of the same clips with which this one is compared.
        defence: Input defence in front of the model: its name, or a table with its name as `defence` and settings.
        hardened_from: Reference to the model from which `staanet harden` made this one.
        certificate: Folder that `certify` wrote for the same clips, whose figures are shown beside the measured ones.
        trust: Whether code that comes with the model may run; as for `load_model` by default.
        model_settings: Settings of the loader of the model, such as its labels.
        corpus_settings: Settings of the corpus.
        floats: Whether clips are saved as 32-bit floats instead of in the format of the recordings.
        seed: Seed of the attacks; the clips are the same for every seed.
        device: Device to compute on; a GPU by default if there is one.
        distance: For a model of emotional dimensions, the move of an output that counts, as a share of the scale
            (default: 0.1).
        dry_run: Whether to return the plan before any attack.
        engine: Where batches of clips and corruptions are measured, several at a time; in this process if None.

    Raises:
        StaanetError: If the model, the clips or a setting cannot be used.
    """
    if preset not in PRESETS:
        raise unknown_name("preset", preset, PRESETS)
    if clips is not None and clips < 2:
        raise StaanetError(f"expected two clips or more, got {clips}; fewer say nothing about a model")
    curves = Curves.of(tuple(budgets)) if budgets else Curves()
    stated = parsed(fail_under, None if thresholds is None else Path(thresholds), curves)
    before = None if baseline is None else runs.read(Path(baseline))
    filtered = None if defence is None else input_defence(defence)
    folder, loader, where = Path(out), loader_of(model, model_settings), device_of("cpu" if engine else device)
    loaded = load_model(model, trust=trust, **(model_settings or {})).to(where)
    if loaded.dimensions:
        dimensional.check_without(
            fail_under=fail_under,
            thresholds=thresholds,
            baseline=baseline,
            defence=defence,
            hardened_from=hardened_from,
            certificate=certificate,
            engine=engine,
        )
        own = dimensional.DimensionalSettings.of(preset, clips, curves, distance, floats, seed)
        planned = dimensional.plan_dimensions(
            loaded, loader, str(model), Path(data), folder, own, corpus, corpus_settings or {}, where
        )
        return planned if dry_run else dimensional.carried_out(planned, folder)
    if distance is not None:
        raise StaanetError(f"{model}: expected no distance for a model of emotions, got {distance:g}; leave it out")
    check_writable(folder)
    networks = () if filtered is None else filtered.checked(loaded.sample_rate).checkpoints
    dataset = unseen(dataset_of(Path(data), corpus, corpus_settings or {}, folder, loaded), model, *networks)
    dataset = restricted(dataset, loaded)
    effort = PRESETS[preset]
    kept, why = (FLOATS, "as asked") if floats else format_of(dataset)
    saved = Saved(kept, dataset.sample_rate)
    settings = {
        "ensemble": ENSEMBLE,
        "preset": preset,
        "curves": asdict(curves),
        "saved": saved.name,
        "seed": seed,
        "labels": dataset.labels,
        "loader": to_jsonable(loader.deciding),
    }
    plan = Plan(
        protection=protection_of(loaded, model, dataset, filtered, hardened_from, trust, where),
        identity={
            "model": loader.title(str(model)) + (f" behind {filtered.name}" if filtered else ""),
            **loader.identity(str(model)),
            "weights": weights_digest(loaded),
            **({"defence": filtered.identity()} if filtered else {}),
        },
        dataset=dataset,
        clips=chosen(dataset, effort.clips if clips is None else clips),
        settings=settings,
        curves=curves,
        effort=effort,
        saved=saved,
        why_saved=why,
        seed=seed,
        device=where,
    )
    check_steps(dataset, plan.clips, curves, saved)
    check_decidable(stated, [dataset.utterances[clip].label for clip in plan.clips])
    if before is not None:
        runs.check_comparable(before.conditions, plan.conditions, (str(before.folder), "this evaluation"))
    shown = None if certificate is None else beside.proven(Path(certificate), plan.conditions, plan.identity)
    if dry_run:
        return plan
    attackers = {"defence": defence, "hardened_from": hardened_from, "preset": preset, "budgets": budgets, "seed": seed}
    given = {"model": model, "trust": trust, "model_settings": model_settings, "clips": clips, "floats": floats}
    arguments = {**given, **attackers, "data": dataset.folder.resolve()}
    with locked(folder):
        others = None if engine is None else workers(engine, evaluate, arguments, folder, plan.signature, device)
        return _carried_out(plan, stated, before, shown, folder, others)


def _carried_out(
    plan: Plan,
    stated: Sequence[Threshold],
    before: Run | None,
    shown: beside.Proven | None,
    folder: Path,
    others: Workers | None,
) -> Evaluation:
    """Measure, judge and write all files."""
    parts = folder / "parts" / plan.signature
    if not parts.is_dir():
        for line in (*wording.plan(plan), *runs.replaced(folder, plan.identity)):
            logger.info("%s", line)
        parts.mkdir(parents=True)
    budget = Budget(snr_db=plan.curves.reference_db)
    settled = plan.protection.settled(plan.dataset, plan.clips, budget, plan.device, parts, plan.seed)
    plan = replace(plan, protection=settled)
    if others is not None:
        others.make_missing(plan, parts)
    rows = measure(
        plan.model,
        plan.dataset,
        plan.clips,
        plan.curves,
        plan.effort,
        saved=plan.saved,
        seed=plan.seed,
        device=plan.device,
        parts=parts,
        sources=plan.protection.sources,
    )
    found = replace(_figures(plan, rows, parts), verdict=judged(stated, rows, plan.curves), certificate=shown)
    if before is not None:
        found = replace(found, baseline=against(before, runs.run(folder, found.as_json(), rows)))
    write_json(folder / CLIPS, [asdict(row) for row in rows])
    write_json(folder / FILE, found.as_json())
    compared = "" if before is None else "\n" + compare_wording.markdown(found.baseline)
    write_text(folder / "summary.md", wording.markdown(found) + compared)
    write_text(folder / "card.md", card.text(found))
    evidence.write(found, folder)
    if found.verdict:
        write_text(folder / "verdict.xml", junit(found))
    sounds = keep(rows, plan.dataset, plan.curves, plan.saved, plan.seed, parts=parts, folder=folder)
    page.write(found, rows, sounds, folder / "report" / "index.html")
    runs.seal_files(folder)
    return found


def _figures(plan: Plan, rows: Sequence[Row], parts: Path) -> Evaluation:
    """Return all figures but the verdict."""
    signs = signs_on_clips(plan.model, plan.dataset, plan.clips, protocol="file", size=0, device=plan.device)
    figures = evaluation(plan.title, rows, plan.curves, plan.model.labels, shown(signs), _about(plan, rows))
    corruptions = CorruptionTest(
        plan.model,
        plan.dataset,
        rows,
        adversarial_clips(parts),
        plan.saved,
        plan.seed,
        plan.device,
        parts,
    )
    return replace(Evaluation(**vars(figures)), corruptions=corruptions.run(plan.effort.severities))


def _about(plan: Plan, rows: Sequence[Row]) -> dict[str, Any]:
    """Return settings, hashes, versions and counts."""
    tree, clean = commit()
    return {
        "identity": plan.identity,
        "settings": plan.settings,
        "signature": plan.signature,
        "attacks": plan.attacks,
        "protection": plan.protection.about,
        "access": plan.model.access,
        "corpus": plan.dataset.corpus,
        "data": plan.dataset.digest,
        "sample_rate": plan.dataset.sample_rate,
        "saved": plan.saved.words,
        "speakers": len({row.speaker for row in rows}),
        "versions": versions(),
        "commit": tree,
        "tree_clean": clean,
        "device": device_name(plan.device),
    }
