"""A submission is verified by attacking its weights again, with the same clips and effort and another seed."""

import shutil
from pathlib import Path

from reference_table.entries import AGAIN, Entry, read_entry
from staanet.assessment import evaluate
from staanet.assessment.runs import CLIPS, FILE
from staanet.assessment.saving import FLOATS
from staanet.core.errors import StaanetError


def attack_again(entry: Entry, reference: str | None, data: Path, out: Path, *, trust: bool = False) -> list[str]:
    """Evaluate the weights of a submission, keep the evaluation in it, and return what was not found as submitted.

    Another seed shows that figures do not depend on a seed that was chosen because it is kind to the model.

    Args:
        entry: The submission.
        reference: Where the weights are here; by default, what the submission names.
        data: Prepared dataset, or root of the corpus.
        out: Folder of the evaluation.
        trust: Whether the model may run code of its own.

    Raises:
        StaanetError: The weights cannot be loaded, or the corpus is another.
    """
    model = reference or entry.note.model
    if not model:
        raise StaanetError(f"{entry.folder}: expected a reference to the weights, found none; give --model")
    settings = entry.about["settings"]
    loader = {key: value for key, value in settings["loader"].items() if key != "name"}
    evaluate(
        model,
        data,
        out,
        corpus=None if (data / "dataset.json").is_file() else entry.about["corpus"],
        preset=settings["preset"],
        clips=len(entry.rows),
        budgets=settings["curves"]["dense"],
        trust=trust,
        model_settings=loader,
        floats=settings["saved"] == FLOATS,
        seed=settings["seed"] + 1,
    )
    kept = entry.folder / AGAIN
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir()
    for name in (FILE, CLIPS):
        shutil.copyfile(out / name, kept / name)
    read_entry(kept)
    return Entry(entry.folder, entry.run, entry.about, entry.note).doubts
