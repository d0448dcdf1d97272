"""The folders of a comparison: evaluations, and certificates at the budgets of these."""

from collections.abc import Sequence
from pathlib import Path

from staanet.assessment.certified.beside import as_run
from staanet.assessment.runs import CERTIFICATE, Run, is_certificate, read
from staanet.core.errors import StaanetError
from staanet.core.files import read_json


def read_all(folders: Sequence[Path]) -> dict[Path, Run]:
    """Return what folders of evaluations and certificates hold.

    Raises:
        StaanetError: If a folder holds neither, or there is no evaluation of the corpus of a certificate.
    """
    found = {folder: read(folder) for folder in folders if not is_certificate(folder)}
    for folder in folders:
        if not is_certificate(folder):
            continue
        corpus = read_json(folder / CERTIFICATE)["about"]["corpus"]
        like = next((run for run in found.values() if run.conditions.settings["corpus"] == corpus), None)
        if like is None:
            raise StaanetError(
                f"{folder}: expected an evaluation of {corpus}, at whose budgets a certificate is shown, got none; "
                "name one too"
            )
        found[folder] = as_run(folder, like.conditions)
    return {folder: found[folder] for folder in folders}
