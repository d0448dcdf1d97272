"""Make the archive of a model for a release: `python tools/release_model.py FOLDER EVALUATION NAME ADDRESS`.

The archive `dist/staanet-NAME-VERSION.zip` holds the checkpoint, its card and its licence. Attach it to the release, so
that it stands at ADDRESS/staanet-NAME-VERSION.zip, and add the printed entry to
`src/staanet/models/loaders/releases.json`; `release:NAME` then loads it. Only models that were trained from scratch, on
speech that its publisher gave into the public domain, are accepted.
"""

import json
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from staanet.assessment.runs import FILE
from staanet.assessment.verification import verify
from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.core.files import read_json
from staanet.core.signature import file_digest
from staanet.core.version import __version__
from staanet.corpora import CORPORA
from staanet.models import load_model
from staanet.models.loaders.base import weights_digest
from staanet.models.loaders.released import FILES

LICENCE = "CC0-1.0"
"""Licence of the corpora on which a released model may be trained, and of its weights."""

FROM_SCRATCH = ("cnn_lstm", "emo18", "zhao19")
"""Architectures that have no weights from elsewhere."""

TEXT = (
    "These weights were trained on {corpus} only, which its publisher gave into the public domain ({licence}).\n"
    "To the extent possible under law, the staanet developers waive all copyright and related rights to them:\n"
    "https://creativecommons.org/publicdomain/zero/1.0/\n"
)

CARD = """# {name}

{summary}

- **Use**: `staanet.load_model("release:{name}")`, or `release:{name}` wherever a command takes a model.
- **Weights**: {architecture}, {licence}; SHA-256 of its tensors `{weights}`.
- **Trained on**: {corpus} ({licence}), {citation}
- **Not for decisions about people.** It was trained on few actors. See SECURITY.md of the library.

Settings with which it was made:

```json
{settings}
```

{card}"""


def release(folder: Path, evaluation: Path, name: str, address: str, out: Path) -> tuple[Path, dict[str, Any]]:
    """Write the archive of a model, and return its path and the entry of `releases.json`.

    Args:
        folder: The checkpoint, as `staanet train` or `staanet harden` wrote it.
        evaluation: Folder that `staanet evaluate` wrote for this checkpoint, on test clips of its training corpus.
        name: Name under which it is loaded.
        address: Address of the folder from which the archive can be downloaded.
        out: Folder of the archive.

    Raises:
        StaanetError: The model may not be distributed, or the evaluation is that of another.
    """
    config, found = read_json(folder / checkpoints.CONFIG), read_json(evaluation / FILE)
    corpus = _check(folder, evaluation, config, found)
    summary = f"{config['name']} trained on {corpus}" + (", hardened" if "hardening" in config else "")
    values = {"name": name, "summary": f"{summary}.", "corpus": corpus, "licence": LICENCE}
    files = {
        "config.json": (folder / checkpoints.CONFIG).read_bytes(),
        "model.safetensors": (folder / checkpoints.WEIGHTS).read_bytes(),
        "README.md": CARD.format(
            **values,
            architecture=config["name"],
            weights=found["about"]["identity"]["weights"],
            citation=CORPORA[corpus].citation,
            settings=json.dumps(config["made_from"], indent=2),
            card=(evaluation / "card.md").read_text(encoding="utf-8").rpartition("---\n")[2].strip() + "\n",
        ).encode(),
        "LICENSE": TEXT.format(**values).encode(),
    }
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"staanet-{name}-{__version__}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in FILES:
            archive.writestr(zipfile.ZipInfo(file), files[file])  # without times, so that the bytes are always the same
    return path, {
        "url": f"{address}/{path.name}",
        "sha256": file_digest(path),
        "size": path.stat().st_size,
        "licence": LICENCE,
        "summary": values["summary"],
    }


def _check(folder: Path, evaluation: Path, config: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Check that a model may be distributed, and return the corpus that it was trained on."""
    if config["name"] not in FROM_SCRATCH:
        raise StaanetError(
            f"{folder}: expected a model that was trained from scratch ({', '.join(FROM_SCRATCH)}), got "
            f"{config['name']}, whose first weights have a licence of their own"
        )
    if problems := verify(evaluation).problems:
        raise StaanetError(problems[0])
    about = found["about"]
    own = weights_digest(load_model(folder))
    if about["identity"]["weights"] != own:
        raise StaanetError(f"{evaluation}: expected the evaluation of {folder}, got that of other weights; evaluate it")
    if about["data"] != config.get("made_from", {}).get("dataset"):
        raise StaanetError(
            f"{evaluation}: expected test clips of the dataset that the model was trained on, got another dataset; its "
            "corpus decides the licence"
        )
    corpus = str(about["corpus"])
    if CORPORA[corpus].licence != LICENCE:
        raise StaanetError(
            f"{folder}: expected a model that was trained on speech under {LICENCE}, got one trained on {corpus} "
            f"({CORPORA[corpus].licence}), which may not be given away"
        )
    return corpus


if __name__ == "__main__":
    try:
        if len(sys.argv) != 5:
            raise StaanetError("expected FOLDER EVALUATION NAME ADDRESS; see the first lines of this file")
        archive, entry = release(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4], Path("dist"))
    except StaanetError as error:
        sys.exit(f"release_model: {error}")
    print(archive)
    print(json.dumps({sys.argv[3]: entry}, indent=2))
