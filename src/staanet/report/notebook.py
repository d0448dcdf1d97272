"""A run in a notebook: its figure of robust accuracy, and its examples to listen to."""

from dataclasses import dataclass
from html import escape
from pathlib import Path

from staanet.core import run as core
from staanet.core.errors import StaanetError, unknown_name
from staanet.core.signature import signature
from staanet.report.examples import Facts, data_uri, read_clips
from staanet.report.figures import rates, svg
from staanet.report.results import Results


@dataclass(frozen=True)
class Drawing:
    """A figure that a notebook shows.

    Args:
        svg: The figure as an SVG element, in the text colour of the page around it.
        description: What it shows, as text.
    """

    svg: str
    description: str

    def __repr__(self) -> str:
        return f"<Drawing: {self.description}>"

    def _repr_html_(self) -> str:
        return self.svg


@dataclass(frozen=True)
class Sounds:
    """A clip before and after attacks, which a notebook plays.

    Args:
        examples: Folder and facts of each example of the clip.
    """

    examples: tuple[tuple[Path, Facts], ...]

    def __repr__(self) -> str:
        files = (f"{folder}/original.flac and adversarial.flac" for folder, _ in self.examples)
        return f"<Sounds: {'; '.join(files)}; a notebook plays them>"

    def _repr_html_(self) -> str:
        rows = []
        for folder, facts in self.examples:
            title = escape(f"{facts.id} ({facts.label}), {facts.attack} on {facts.source}")
            changes = (f"{name}: {before} → {after}" for name, (before, after) in facts.predictions.items())
            players = "".join(
                f'<td>{kind}<br><audio controls aria-label="{title}, {kind}" '
                f'src="{data_uri((folder / f"{kind}.flac").read_bytes())}"></audio></td>'
                for kind in ("original", "adversarial")
            )
            rows.append(f'<tr><th scope="row">{title}<br>{escape("; ".join(changes))}</th>{players}</tr>')
        return f"<table>{''.join(rows)}</table>"


class Run(core.Run):
    """The folder of a run, whose results can be plotted and listened to.

    Args:
        folder: Path of the folder that `staanet run` wrote, or of a published study.
    """

    def plot(self) -> Drawing:
        """Return the figure of robust accuracy, ASR and control of every record, with folds pooled.

        Raises:
            StaanetError: If the folder has no records.
        """
        records = Results.read(self).records
        if not records:
            raise StaanetError(f"{self.folder}: expected a run with records, got one without; it has no attacks")
        description = f"robust accuracy, ASR and control of {len(records)} records of {self.folder}"
        prefix = f"run-{signature([record.signature for record in records])}"
        return Drawing(svg(rates, records, prefix=prefix), description)

    def listen(self, clip: str) -> Sounds:
        """Return a clip before and after every attack of which the run has an example of this clip.

        Args:
            clip: Id of the clip, as in `example.json` and in the outcomes.

        Raises:
            StaanetError: If the run has no example of the clip. A published study has no audio.
        """
        found = [(folder, read_clips(folder)[0]) for folder in self.examples]
        if not found:
            raise StaanetError(
                f"{self.folder}: expected a run with examples to listen to, found none; give the folder that "
                "`staanet run` wrote, with examples above 0 in the experiment"
            )
        examples = tuple((folder, facts) for folder, facts in found if facts.id == clip)
        if not examples:
            raise unknown_name("example of a clip", clip, {facts.id for _, facts in found})
        return Sounds(examples)
