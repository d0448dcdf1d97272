"""HDF5 files of the STAA-Net authors' code (arXiv 2402.01227), which hold waveforms and class numbers.

A corpus consists of the HDF5 datasets `train_audio, train_y, dev_audio, dev_y, test_audio, test_y`: waveforms of any
length at 16 kHz, and class numbers. An adversarial set consists of `x_org, x_adv, y`; its `x_org` is also a corpus.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staanet.audio.files import check_peak
from staanet.core.errors import StaanetError
from staanet.core.hdf5 import label_names, open_hdf5, read_class_numbers, read_clip, read_texts, sample_rate
from staanet.corpora.base import Corpus, Samples, Utterance, Validation

SUBSETS = {"train": "train", "dev": "val", "test": "test"}
"""Names of the subsets: the authors' names are the keys, those of this library the values."""

CLEAN, ATTACKED, NUMBERS = "x_org", "x_adv", "y"
"""The HDF5 datasets of an adversarial set: clean clips, attacked clips and class numbers."""


@dataclass(frozen=True)
class Hdf5(Corpus):
    """An HDF5 file as the STAA-Net authors' code writes it, or a folder with one such file; needs the extra `h5`.

    The authors' files do not name speakers: each subset counts as one speaker, and is the session of its clips. Files
    that this library exports also hold the names of classes and speakers, which the authors' code ignores.

    Args:
        emotions: Emotions in the order of the class numbers (default: those that the file names, else the numbers).
    """

    name = "hdf5"
    licence = "the corpus' own"
    citation = (
        "Y. Chang, Z. Ren, Z. Zhang, X. Jing, K. Qian, X. Shao, B. Hu, T. Schultz, B. W. Schuller: STAA-Net: A Sparse "
        "and Transferable Adversarial Attack for Speech Emotion Recognition. arXiv 2402.01227, 2024"
    )

    emotions: tuple[str, ...] = ()

    def labels(self, root: Path) -> tuple[str, ...]:
        """Return the emotions that were given, else those that the file names, else the class numbers.

        Raises:
            StaanetError: If there are more class numbers than names.
        """
        with open_hdf5(_file(root)) as file:
            return _labels(file, self.emotions)

    def validate(self, root: Path) -> Validation:
        """List the clips of all subsets.

        Raises:
            StaanetError: If the file does not exist or does not have this layout.
        """
        path = _file(root)
        with open_hdf5(path) as file:
            labels = _labels(file, self.emotions)
            utterances = []
            for subset, (clips, numbers, speakers) in _datasets(file).items():
                known = read_class_numbers(file, numbers, clips)
                names = read_texts(file, speakers, len(known)) or [subset] * len(known)
                utterances += [
                    Utterance(
                        f"{subset}/{row:06d}",
                        _relative(root, path),
                        labels[number],
                        names[row],
                        session=SUBSETS.get(subset),
                    )
                    for row, number in enumerate(known)
                ]
        return Validation(utterances)

    def read(self, root: Path, utterance: Utterance) -> tuple[Samples, int]:
        """Return the samples of a clip, `[T, 1]`, and its sampling rate in Hz.

        Raises:
            StaanetError: If the clip cannot be read or is far beyond full scale.
        """
        subset, row = utterance.id.split("/")
        with open_hdf5(_file(root)) as file:
            clips, *_ = _datasets(file)[subset]
            samples = read_clip(file, clips, int(row))[:, None]
            check_peak(samples, f"{file.filename}: {clips}[{int(row)}]")
            return samples, sample_rate(file)


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
    """Return the names of the HDF5 datasets with the clips, class numbers and speakers of each subset."""
    if CLEAN in file:
        return {"set": (CLEAN, NUMBERS, "speaker")}
    subsets = {name: (f"{name}_audio", f"{name}_y", f"{name}_speaker") for name in SUBSETS if f"{name}_audio" in file}
    if not subsets:
        wanted = ", ".join(f"{name}_audio" for name in SUBSETS)
        raise StaanetError(
            f"{file.filename}: expected the datasets {wanted}, or {CLEAN}, found {', '.join(file) or 'none'}"
        )
    return subsets


def _labels(file: Any, emotions: Sequence[str]) -> tuple[str, ...]:
    numbers = [
        number for clips, name, _ in _datasets(file).values() for number in read_class_numbers(file, name, clips)
    ]
    count = int(max(numbers, default=-1)) + 1
    counted = (str(number).zfill(len(str(count - 1))) for number in range(count))
    labels = tuple(emotions) or label_names(file) or tuple(counted)
    if count > len(labels):
        raise StaanetError(
            f"{file.filename}: expected {len(labels)} classes ({', '.join(labels)}), got class numbers up to "
            f"{count - 1}; name all of them in their order"
        )
    return labels
