"""The commands: write the page, check entries, add an entry, and attack the weights of a submission again."""

import argparse
import shutil
import sys
from pathlib import Path

from reference_table.again import attack_again
from reference_table.entries import NOTE, Note, note_text, read_entry
from reference_table.pages import RESULTS, Page
from staanet.assessment.runs import CLIPS, FILE
from staanet.core.errors import StaanetError
from staanet.core.files import write_text

KEPT = (FILE, CLIPS)
"""Files of an evaluation that an entry holds: no audio and no weights."""


def main(arguments: list[str]) -> int:
    """Run a command and return the exit status; an error is one sentence."""
    chosen = _parser().parse_args(arguments)
    try:
        return int(chosen.command(chosen))
    except StaanetError as error:
        print(f"reference_table: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python tools/reference_table", description=__doc__)
    parser.set_defaults(command=write)
    commands = parser.add_subparsers(title="commands; without one, the page is written")
    one = commands.add_parser("html", help="write the page as one HTML file")
    one.add_argument("file", type=Path)
    one.set_defaults(command=html)
    one = commands.add_parser("check", help="compute the figures of an entry again from its clips")
    one.add_argument("folder", type=Path)
    one.set_defaults(command=check)
    one = commands.add_parser("add", help="make an entry of a folder that `staanet evaluate` wrote")
    one.add_argument("run", type=Path, help="the folder")
    one.add_argument("folder", type=Path, help="the entry, such as results/submissions/NAME")
    one.add_argument("--model", default="", help="reference from which others can load the weights")
    one.add_argument("--training", default="", help="what it was trained on and how, in a sentence")
    one.add_argument("--submitted-by", default="", help="your name")
    one.set_defaults(command=add)
    one = commands.add_parser("again", help="attack the weights of a submission again, and say whether it is verified")
    one.add_argument("folder", type=Path, help="the submission")
    one.add_argument("data", type=Path, help="prepared dataset, or root of the corpus")
    one.add_argument("--model", help="where the weights are here (default: what the submission names)")
    one.add_argument("--trust", action="store_true", help="let the model run code of its own")
    one.add_argument("--out", type=Path, help="folder of the evaluation (default: runs/again/NAME)")
    one.set_defaults(command=again)
    return parser


def write(_: argparse.Namespace) -> int:
    """Write the page and its values."""
    page = Page()
    write_text(RESULTS / "reference.md", page.markdown())
    write_text(RESULTS / "reference.json", page.json())
    print(RESULTS / "reference.md")
    return 0


def html(chosen: argparse.Namespace) -> int:
    """Write the page as one HTML file."""
    chosen.file.parent.mkdir(parents=True, exist_ok=True)
    write_text(chosen.file, Page().html())
    print(chosen.file)
    return 0


def check(chosen: argparse.Namespace) -> int:
    """Check an entry, and say what it is."""
    entry = read_entry(chosen.folder)
    print(f"{entry.run.name}: {entry.status}; every figure follows from its {len(entry.rows)} clips")
    return 0


def add(chosen: argparse.Namespace) -> int:
    """Make an entry of an evaluation; nothing remains of it if it does not fit into the table."""
    if chosen.folder.exists():
        raise StaanetError(f"{chosen.folder}: expected a new folder, found one that is there; choose another name")
    if chosen.folder.parent.name == "submissions" and not (chosen.model and chosen.submitted_by):
        raise StaanetError("expected --model and --submitted-by for a submission; give both")
    held = read_entry(chosen.run)
    chosen.folder.mkdir(parents=True)
    for name in KEPT:
        shutil.copyfile(chosen.run / name, chosen.folder / name)
    note = Note(chosen.model, held.weights, chosen.training, chosen.submitted_by)
    write_text(chosen.folder / NOTE, note_text(note))
    size = sum(path.stat().st_size for path in chosen.folder.iterdir())
    print(f"{chosen.folder}: {size / 1e3:.0f} KB; now run python tools/reference_table")
    return check(chosen)


def again(chosen: argparse.Namespace) -> int:
    """Attack the weights of a submission again; the exit status is 0 if it is verified and 1 otherwise."""
    entry = read_entry(chosen.folder)
    out = chosen.out or Path("runs") / "again" / chosen.folder.name
    doubts = attack_again(entry, chosen.model, chosen.data, out, trust=chosen.trust)
    for doubt in doubts:
        print(doubt)
    print(f"{entry.run.name}: {'unverified' if doubts else 'verified'}")
    return int(bool(doubts))
