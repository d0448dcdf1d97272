"""What is attacked, a file, a folder of files or a dataset, and the files that receive the adversarial audio."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePath
from typing import Any

from staanet.audio import files as audio
from staanet.core.errors import StaanetError
from staanet.core.files import check_writable
from staanet.core.paths import FilePlaces
from staanet.core.progress import track
from staanet.corpora.base import audio_files
from staanet.data import Dataset
from staanet.tasks.recording import Recording

logger = logging.getLogger(__name__)


def check_places(inputs: Path, out: Path) -> None:
    """Check, before any work, that there is an input, and that the output can be written and is another place."""
    if not inputs.exists():
        raise StaanetError(f"{inputs}: expected an audio file, a folder of them or a dataset, found nothing")
    if inputs.is_file():
        target = targets(inputs, out, None)[inputs.name]
        audio.check_target(target)
        check_kept(target, inputs)
        check_writable(target.parent)
    else:
        if out.resolve() in (inputs.resolve(), *inputs.resolve().parents):
            raise StaanetError(f"{out}: expected another place than the input, which would be overwritten; change OUT")
        if out.resolve().is_relative_to(inputs.resolve()) and not (inputs / "dataset.json").is_file():
            raise StaanetError(
                f"{out}: expected a place outside of {inputs}, where the next command would attack the adversarial "
                "files, too; change OUT"
            )
        check_writable(out)


def check_kept(target: Path, source: Path) -> None:
    """Check that a recording would not be overwritten by its adversarial version."""
    if target.exists() and target.resolve() == source.resolve():
        raise StaanetError(f"{target}: expected another place than the input, which would be overwritten; change OUT")


def nothing_attacked(inputs: Path, tried: int) -> StaanetError:
    """Return the error for an input of which nothing was attacked, though so many files or clips were tried."""
    if tried:
        return StaanetError(f"{inputs}: expected a file that can be attacked, got {tried}, all of which were skipped")
    return StaanetError(f"{inputs}: expected an audio file, a folder of them or a dataset, found nothing to attack")


def recordings(
    inputs: Path, dataset: Dataset | None, known: Mapping[str, Any], paths: Sequence[str]
) -> Iterator[Recording]:
    """Yield the recordings that can be read.

    Args:
        inputs: What is attacked.
        dataset: The dataset, if it is one.
        known: What is known of each clip of the dataset.
        paths: Paths of the recordings.
    """
    if dataset is not None:
        for path in track(paths, "attack"):
            clip = path.removesuffix(".flac")
            yield Recording.of(path, dataset.waveform(clip).numpy()[:, None], dataset.sample_rate, known.get(clip))
    elif inputs.is_file():
        about = audio.measure(inputs)
        yield Recording(
            inputs.name, about, lambda sizes: track(audio.read_windows(inputs, sizes), "attack", len(sizes))
        )
    else:
        for path in track(paths, "attack"):
            try:
                about = audio.measure(inputs / path)
            except StaanetError as error:
                logger.warning("%s; skipped", error)
            else:
                yield Recording(path, about, partial(audio.read_windows, inputs / path))


def targets(inputs: Path, out: Path, dataset: Dataset | None) -> dict[str, Path]:
    """Return the files that receive the adversarial audio, by the path of the recording, none of them twice.

    Raises:
        StaanetError: If two recordings would be written to one file.
    """
    if inputs.is_file():
        return {inputs.name: _named(FilePlaces(out), inputs.name) if out.is_dir() else out}
    places = FilePlaces(out)
    paths = audio_files(inputs) if dataset is None else [f"{clip}.flac" for clip in dataset.utterances]
    return {path: _named(places, path) for path in paths}


def _named(places: FilePlaces, path: str) -> Path:
    return places.place(path, "" if PurePath(path).suffix.lower() in audio.SUBTYPES else ".flac")
