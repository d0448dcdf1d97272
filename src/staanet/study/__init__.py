"""An experiment from file to page: which steps it needs, in which order, each found or made."""

import logging
from pathlib import Path

from staanet import report
from staanet.core.errors import StaanetError
from staanet.core.files import check_writable, discard
from staanet.core.memory import keep_freed_memory
from staanet.core.provenance import device_of
from staanet.core.records import CONTENTS, Record, read_all, write_contents
from staanet.metrics.perception import check_installed
from staanet.study.experiment import Experiment as Experiment
from staanet.study.experiment import load as load
from staanet.study.experiment import packaged as packaged
from staanet.study.steps import Steps

logger = logging.getLogger(__name__)

MADE = ("stores", "splits", "victims", "generators", "adversarial", "records", "examples", "tables", "report", CONTENTS)


def run(
    experiment: str | Path,
    out: str | Path | None = None,
    *,
    root: str | Path | None = None,
    fresh: bool = False,
    device: str | None = None,
) -> list[Record]:
    """Run an experiment, finding what exists and making what is missing, and return its records.

    Args:
        experiment: a packaged name or a TOML file.
        out: where records, tables and the page go; `runs/<name>` where left out.
        root: of the one corpus; `$STAANET_CORPORA/<name>` where left out.
        fresh: make everything again.
        device: such as `cpu` or `cuda`; the accelerator where there is one.

    Raises:
        StaanetError: an experiment, a corpus or a place that cannot be worked with.
    """
    keep_freed_memory()
    name, plan = load(experiment)
    if root is not None and len(plan.plans) > 1:
        raise StaanetError(
            f"{name}: expected no root for the corpora {', '.join(plan.plans)}, got {root}; set STAANET_CORPORA instead"
        )
    if plan.perception:
        check_installed()
    folder = Path(out) if out is not None else Path("runs") / name
    check_writable(folder)
    steps = Steps(name, plan, folder, Path(root) if root is not None else None, device_of(device))
    if fresh:
        if any(folder.iterdir()) and not (folder / "stores").is_dir():
            raise StaanetError(f"{folder}: expected the folder of a run to make again, got other files; choose another")
        logger.info(
            "corpora %s: found, everything is made again", ", ".join(steps.corpus(name)[0].name for name in plan.plans)
        )
        for made in MADE:
            discard(folder / made)
    records: list[Path] = []
    examples: list[Path] = []
    for part in steps.parts():
        for attack in plan.attacks:
            for source in plan.sources_of(attack, part.corpus):
                for target in plan.targets_of(part.corpus):
                    members = plan.members(attack)
                    records += [steps.record(member, source, target, part) for member in members]
                    records.append((steps.worst if members else steps.record)(attack, source, target, part))
                if plan.generator_of(attack):
                    examples += steps.examples(attack, source, part)
        write_contents(folder, plan.title or name, records=records, examples=examples)
        logger.info("page: %s", report.write(folder))
    return read_all(folder)
