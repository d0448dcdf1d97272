"""An experiment from file to page: which steps it needs, in which order, each found or made."""

import logging
from pathlib import Path

from staanet import report
from staanet.core.errors import StaanetError
from staanet.core.files import check_writable, remove
from staanet.core.memory import keep_freed_memory
from staanet.core.provenance import device_of
from staanet.core.records import CONTENTS, Record, read_all, write_contents
from staanet.core.records import toy as is_toy
from staanet.metrics.perception import check_installed
from staanet.study.experiment import Experiment as Experiment
from staanet.study.experiment import load as load
from staanet.study.experiment import packaged as packaged
from staanet.study.steps import Steps
from staanet.study.toy import reduced

logger = logging.getLogger(__name__)

CHECKPOINTS = "checkpoints"
"""The folder of a toy's own checkpoints."""

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
)


def folder_of(experiment: str | Path, toy: bool = False) -> Path:
    """Return where an experiment is written unless another folder is named."""
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
) -> list[Record]:
    """Run an experiment, finding what exists and making what is missing, and return its records.

    Args:
        experiment: a packaged name or a TOML file.
        out: where records, tables and the page go; `runs/<name>` where left out.
        root: of the one corpus; `$STAANET_CORPORA/<name>` where left out.
        fresh: make everything again.
        device: such as `cpu` or `cuda`; the accelerator where there is one.
        toy: rehearse it in minutes, with synthetic speech for its corpora and tiny networks for its own.
        full: attack all test clips, where the experiment takes some.

    Raises:
        StaanetError: an experiment, a corpus or a place that cannot be worked with.
    """
    keep_freed_memory()
    name, plan = load(experiment)
    if full:
        plan = plan.full()
    folder = Path(out) if out is not None else folder_of(name, toy)
    if toy and root is not None:
        raise StaanetError(f"{name}: expected no root for a toy, which reads no corpus, got {root}; remove it")
    if root is not None and len(plan.plans) > 1:
        raise StaanetError(
            f"{name}: expected no root for the corpora {', '.join(plan.plans)}, got {root}; set STAANET_CORPORA instead"
        )
    if plan.perception:
        check_installed()
    check_writable(folder)
    if (folder / CONTENTS).is_file() and is_toy(folder) != (toy or plan.toy):
        raise StaanetError(f"{folder}: expected another folder, so that no run mixes with a toy; choose another")
    if toy:
        plan = reduced(plan, folder / CHECKPOINTS)
    steps = Steps(name, plan, folder, Path(root) if root is not None else None, device_of(device))
    speech = steps.speech
    if fresh:
        if any(folder.iterdir()) and not (folder / "datasets").is_dir():
            raise StaanetError(f"{folder}: expected the folder of a run to make again, got other files; choose another")
        logger.info(
            "corpora %s: found, everything is made again",
            ", ".join(speech.corpus(name)[0].name for name in plan.plans),
        )
        for made in MADE:
            remove(folder / made)
    speech.check_examples()
    if plan.by_gender:
        speech.check_genders()
    records: list[Path] = []
    examples: list[Path] = []
    splits: list[Path] = []
    for part in speech.parts():
        splits.append(speech.split_path(speech.split(part)))
        for attack in plan.attacks:
            for source in plan.sources_of(attack, part.corpus):
                for target in plan.targets_for(attack, source, part.corpus):
                    members = plan.members(attack)
                    records += [steps.record(member, source, target, part) for member in members]
                    records.append((steps.worst if members else steps.record)(attack, source, target, part))
                if plan.use(attack).examples:
                    examples += steps.examples(attack, source, part)
        write_contents(
            folder,
            plan.title or name,
            plan.published,
            plan.toy,
            plan.by_gender,
            plan.pairwise,
            plan.equal_distortion,
            records=records,
            examples=examples,
            splits=splits,
        )
        logger.info("page: %s", report.write(folder))
    return read_all(folder)
