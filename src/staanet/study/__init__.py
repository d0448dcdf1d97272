"""Experiments: from an experiment file to records and a page, each step reused if it exists."""

import itertools
import logging
from pathlib import Path

from staanet import report
from staanet.core.atomic import sweep
from staanet.core.checksums import CHECKSUMS
from staanet.core.errors import StaanetError
from staanet.core.files import check_writable, remove
from staanet.core.memory import keep_freed_memory
from staanet.core.processes import LOCK, locked
from staanet.core.provenance import device_of
from staanet.core.records import Record
from staanet.core.run import CONTENTS, Layout, Run
from staanet.engines import Engine
from staanet.metrics.perception import check_installed
from staanet.models.loaders import check_trust
from staanet.study.artefacts.listening import write_examples
from staanet.study.data import CorpusSplit
from staanet.study.experiment import Experiment as Experiment
from staanet.study.found import mend
from staanet.study.loading import load as load
from staanet.study.loading import packaged as packaged
from staanet.study.study import Study
from staanet.study.toy import toy_experiment
from staanet.study.work import command, make_missing

logger = logging.getLogger(__name__)

CHECKPOINTS = "checkpoints"
"""The folder of the tiny checkpoints that a toy run makes for itself."""

MADE = (
    "datasets",
    "splits",
    "models",
    "generators",
    "adversarial",
    "records",
    "examples",
    "tables",
    "report",
    CONTENTS,
    CHECKSUMS,
)
"""What a run writes into its folder."""


def folder_of(experiment: str | Path, toy: bool = False) -> Path:
    """Return the default folder of a run."""
    return Path("runs") / (Path(experiment).stem + "-toy" * toy)


def run(
    experiment: str | Path,
    out: str | Path | None = None,
    *,
    root: str | Path | None = None,
    fresh: bool = False,
    device: str | None = None,
    toy: bool = False,
    full: bool = False,
    trust: bool = False,
    engine: Engine | None = None,
) -> list[Record]:
    """Run an experiment and return its records; existing results are reused, an interrupted run resumes.

    Args:
        experiment: Name of a packaged experiment, or a TOML file.
        out: Folder for records, tables and the page; `runs/<name>` by default.
        root: Folder of the experiment's one corpus; `$STAANET_CORPORA/<name>` by default.
        fresh: Whether to delete existing results and start again.
        device: Device to compute on, such as `cpu` or `cuda`; a GPU by default if there is one.
        toy: Whether to make a toy run: synthetic speech in place of the corpora and tiny networks, in minutes. It tests
            that everything runs; its numbers mean nothing.
        full: Whether to run every attack on all test clips, even where the experiment limits their number.
        trust: Whether code that comes with models from elsewhere may run.
        engine: Where artefacts are made, several at a time, each in one thread; in this process if None. A script that
            gives one must do so under `if __name__ == "__main__":`, because workers import it.

    Raises:
        StaanetError: the experiment, a corpus or the folder cannot be used, or a result could not be made. On an engine
            all others are made first.
    """
    keep_freed_memory()
    name, plan = load(experiment)
    if full:
        plan = plan.on_all_clips()
    folder = Path(out) if out is not None else folder_of(name, toy)
    _check_models(plan, trust)
    _check(name, plan, folder, root, toy)
    with locked(folder):
        sweep(folder, deep=True)
        mended = [] if fresh else mend(folder)
        _check_toy(folder, toy or plan.toy)
        if toy:
            plan = toy_experiment(plan, folder / CHECKPOINTS)
        gpu = engine is not None and engine.uses_gpu(device)
        own_device = device_of(device if engine is None else "cpu")
        study = Study(name, plan, folder, Path(root) if root is not None else None, own_device)
        _begin(study, fresh)
        if engine is not None:
            options = {"root": root, "device": device, "toy": toy, "full": full, "trust": trust}
            again = command(experiment, folder, engine, options)
            make_missing(study, engine, (device or "cuda") if gpu else "cpu", again, everything=bool(mended))
        return _finish(study, bool(mended), page_by_page=engine is None)


def _begin(study: Study, fresh: bool) -> None:
    """Remove earlier results if a run starts again, and check what can be checked before any work."""
    if fresh:
        _remove_results(study)
    study.data.check_examples()
    if study.experiment.by_gender:
        study.data.check_genders()


def _finish(study: Study, mended: bool, page_by_page: bool) -> list[Record]:
    """Make what is missing of a study, and its page; after damage, also what its records followed from.

    Args:
        study: The study.
        mended: Whether something was damaged.
        page_by_page: Whether the page is written after every split, and not only after the last one.
    """
    name, plan, folder = study.inputs.workspace.name, study.experiment, study.out
    records: list[Path] = []
    examples: list[Path] = []
    splits: list[Path] = []
    left_out: dict[str, None] = {}
    places = study.data.corpus_splits()
    for place in places:
        splits.append(study.data.split_path(study.data.split(place)))
        made = _run_split(study, place, mended)
        records += made[0]
        examples += made[1]
        left_out |= dict.fromkeys(made[2])
        if page_by_page or place is places[-1]:
            layout = _layout(name, plan, tuple(left_out))
            Run(folder).write(layout, records=records, examples=examples, splits=splits)
            logger.info("page: %s", report.write(Run(folder)))
    return Run(folder).records


def _check(name: str, plan: Experiment, folder: Path, root: str | Path | None, toy: bool) -> None:
    """Refuse arguments that do not fit the experiment or the folder, before any work."""
    if toy and root is not None:
        raise StaanetError(f"{name}: expected no root for a toy run, which reads no corpus, got {root}; remove it")
    if root is not None and len(plan.corpus_plans) > 1:
        raise StaanetError(
            f"{name}: expected no root for the corpora {', '.join(plan.corpus_plans)}, got {root}; set "
            "STAANET_CORPORA instead"
        )
    if plan.perception:
        check_installed()
    check_writable(folder)


def _check_toy(folder: Path, toy: bool) -> None:
    """Refuse a toy run in the folder of a run, and a run in that of a toy run."""
    if (folder / CONTENTS).is_file() and Run(folder).toy != toy:
        raise StaanetError(f"{folder}: expected another folder, so that no run mixes with a toy run; choose another")


def _check_models(plan: Experiment, trust: bool) -> None:
    """Refuse models from elsewhere that do not exist, or that run code without trust, before any work."""
    for name, model in plan.models.items():
        if model.loader is not None:
            try:
                check_trust(model.loader, model.model, trust)
            except StaanetError as error:
                raise StaanetError(f"model {name}: {error}") from error


def _remove_results(study: Study) -> None:
    """Delete all results of a run, after its corpora were found."""
    if any(path.name != LOCK for path in study.out.iterdir()) and not (study.out / "datasets").is_dir():
        raise StaanetError(f"{study.out}: expected the folder of a run to start again, got other files; choose another")
    names = [study.data.corpus(name)[0].name for name in study.experiment.corpus_plans]
    logger.info("corpora %s exist; all results are made again", ", ".join(names))
    for made in MADE:
        remove(study.out / made)


def _run_split(study: Study, place: CorpusSplit, mended: bool) -> tuple[list[Path], list[Path], list[str]]:
    """Run every attack on one split; return the paths of the records and of the examples, and what was left out."""
    records: list[Path] = []
    examples: list[Path] = []
    attacked, left_out = study.attacked(place)
    for sentence in left_out:
        logger.warning("%s", sentence)
    for plan, source, by_target in attacked:
        for case in itertools.chain.from_iterable(by_target.values()):
            records.append(case.ensure().path)
            if mended:
                case.ensure_before()
        if plan.use.examples:
            adversarial = study.adversarial(plan, source, place)
            examples += write_examples(
                {target: study.case(adversarial, study.model(target, place)) for target in by_target}
            )
    return records, examples, left_out


def _layout(name: str, plan: Experiment, left_out: tuple[str, ...] = ()) -> Layout:
    return Layout(
        title=plan.title or name,
        published=plan.published,
        toy=plan.toy,
        by_gender=plan.by_gender,
        pairwise=plan.pairwise,
        equal_distortion=plan.equal_distortion,
        headline=plan.recorded_headline,
        selection_folds=plan.selection_folds,
        left_out=left_out,
    )
