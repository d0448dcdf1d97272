"""The HDF5 files of the STAA-Net authors' code (arXiv 2402.01227): waveforms and class numbers, read and written.

A corpus is the datasets `train_audio, train_y, dev_audio, dev_y, test_audio, test_y`: waveforms of their own lengths at
16 kHz, and class numbers. An adversarial set is `x_org, x_adv, y`, of which `x_org` is a corpus too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staanet.core.errors import StaanetError
from staanet.core.hdf5 import class_numbers, clip, opened, sample_rate, texts
from staanet.corpora.base import Corpus, Samples, Utterance, Validation

SUBSETS = {"train": "train", "dev": "val", "test": "test"}
"""The authors' names of the parts, and ours: their `dev` is what we call validation."""

CLEAN, ATTACKED, NUMBERS = "x_org", "x_adv", "y"
"""The datasets of an adversarial set."""


@dataclass(frozen=True)
class Hdf5(Corpus):
    """An HDF5 file as the STAA-Net authors' code writes it, or a folder that holds one; needs the extra `h5`.

    The file says nothing of speakers: each part counts as one speaker, and is its clips' session. What this library
    writes also has the names of the classes and speakers, which their code passes over.

    Args:
        emotions: the labels, in the order of the class numbers; the file's own, else the numbers, where left out.
    """

    name = "hdf5"
    licence = "the corpus' own"
    citation = "Y. Chang et al.: STAA-Net: A Sparse and Transferable Adversarial Attack for SER. arXiv 2402.01227"

    emotions: tuple[str, ...] = ()

    def labels(self, root: Path) -> tuple[str, ...]:
        """Return the emotions that were given, or those that the file names, or the class numbers.

        Raises:
            StaanetError: there are more class numbers than names.
        """
        with opened(_file(root)) as file:
            return _labels(file, self.emotions)

    def validate(self, root: Path) -> Validation:
        """List the rows of every part.

        Raises:
            StaanetError: no such file, or datasets that are not those of the layout.
        """
        path = _file(root)
        with opened(path) as file:
            labels = _labels(file, self.emotions)
            utterances = []
            for part, (clips, numbers, speakers) in _datasets(file).items():
                known = class_numbers(file, numbers, clips)
                spoken = texts(file, speakers, len(known)) or [part] * len(known)
                utterances += [
                    Utterance(
                        f"{part}/{row:06d}",
                        _relative(root, path),
                        labels[number],
                        spoken[row],
                        session=SUBSETS.get(part),
                    )
                    for row, number in enumerate(known)
                ]
        return Validation(utterances)

    def read(self, root: Path, utterance: Utterance) -> tuple[Samples, int]:
        """Return a row's samples `[T, 1]` and the sample rate.

        Raises:
            StaanetError: it cannot be read.
        """
        part, row = utterance.id.split("/")
        with opened(_file(root)) as file:
            clips, *_ = _datasets(file)[part]
            return clip(file, clips, int(row))[:, None], sample_rate(file)


def _file(root: Path) -> Path:
    if not root.is_dir():
        return root
    found = sorted(path for path in root.iterdir() if path.suffix in (".h5", ".hdf5"))
    if len(found) != 1:
        raise StaanetError(f"{root}: expected one HDF5 file (.h5), found {len(found)}; give the file itself")
    return found[0]


def _relative(root: Path, path: Path) -> str:
    return str(path.relative_to(root))


def _datasets(file: Any) -> dict[str, tuple[str, str, str]]:
    """Return the names of each part's clips, class numbers and speakers."""
    if CLEAN in file:
        return {"set": (CLEAN, NUMBERS, "speaker")}
    parts = {part: (f"{part}_audio", f"{part}_y", f"{part}_speaker") for part in SUBSETS if f"{part}_audio" in file}
    if not parts:
        wanted = ", ".join(f"{part}_audio" for part in SUBSETS)
        raise StaanetError(
            f"{file.filename}: expected the datasets {wanted}, or {CLEAN}, found {', '.join(file) or 'none'}"
        )
    return parts


def _labels(file: Any, emotions: Sequence[str]) -> tuple[str, ...]:
    numbers = [number for clips, name, _ in _datasets(file).values() for number in class_numbers(file, name, clips)]
    count = int(max(numbers, default=-1)) + 1
    counted = (str(number).zfill(len(str(count - 1))) for number in range(count))
    labels = tuple(emotions) or tuple(file.attrs.get("labels", ())) or tuple(counted)
    if count > len(labels):
        raise StaanetError(
            f"{file.filename}: expected {len(labels)} classes ({', '.join(labels)}), got class numbers up to "
            f"{count - 1}; name all of them in their order"
        )
    return labels
