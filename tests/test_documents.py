"""Tests of the documents: their code runs, their links and commands exist, their tables are up to date."""

import contextlib
import csv
import dataclasses
import importlib.util
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import typer
import typer.main

import staanet
from staanet.attacks import ATTACKS
from staanet.attacks.generator import GENERATORS
from staanet.attacks.generator.losses import Losses
from staanet.audio import files
from staanet.cli import app
from staanet.core.budget import Budget
from staanet.core.files import read_jsonl
from staanet.core.records import Record
from staanet.corpora import CORPORA, Synthetic
from staanet.evaluation import FLAGS
from staanet.models import MODELS
from staanet.report import summary
from staanet.study import Experiment, load, packaged, plans
from staanet.study.attack_plans import AttackUse
from staanet.training.augmentation import Augmentation
from staanet.training.generator import GeneratorTraining
from staanet.training.settings import ModelTraining
from tiny import hugging_face

ROOT = Path(__file__).resolve().parents[1]
README, GUIDE = ROOT / "README.md", ROOT / "docs" / "guide"
QUICKSTART, EXPERIMENTS = GUIDE / "quickstart.md", GUIDE / "experiments.md"
PAGES = sorted(path for path in GUIDE.glob("*.md") if path.name not in ("README.md", "quickstart.md"))
ORIGINAL = ROOT / "docs" / "coming-from-the-original-code.md"
SITE = ROOT / "docs" / "site"
WRITTEN = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "results").rglob("*.md")]
DOCUMENTS = sorted(path for path in WRITTEN if SITE not in path.parents)  # the site's own page links generated ones
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
BLOCK = re.compile(r"(?:<!-- file: (?P<file>\S+) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.M | re.S)


class Block(NamedTuple):
    language: str
    text: str
    file: str | None
    line: int


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(document: Path) -> list[Block]:
    text = read(document)
    return [
        Block(found["language"], found["text"], found["file"], text.count("\n", 0, found.start("text")))
        for found in BLOCK.finditer(text)
    ]


def commands(block: Block) -> list[str]:
    lines = block.text.replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def in_shell(words: list[str], folder: Path) -> str:
    """Run a command with the `staanet` and the `python` of the test environment, with one thread."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout


def follow(document: Path, folder: Path) -> dict[str, Any]:
    """Write the files of a document and run its commands and code, from top to bottom."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(document):
        if block.file is not None:
            (folder / block.file).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.file).write_text(block.text, encoding="utf-8")
            if block.language == "csv":
                record_clips(folder / block.file)
        elif block.language == "python":
            exec(compile("\n" * block.line + block.text, document, "exec"), names)  # noqa: S102
        elif block.language == "shell":
            for command in commands(block):
                words = shlex.split(command, comments=True)
                assert words[0] in ("staanet", "make", "pip"), f"{document.name}: {command!r} is not tested"
                if words[0] == "staanet":
                    assert in_shell(words, folder)
    return names


def record_clips(table: Path) -> None:
    """Write synthetic recordings to the paths that a table lists, in place of those of the reader."""
    corpus = Synthetic(speakers=3, sentences=1)
    rows = csv.DictReader(io.StringIO(read(table)))
    for row, utterance in zip(rows, corpus.validate(Path()).utterances, strict=False):
        samples, rate = corpus.read(Path(), utterance)
        files.write(table.parent / row["path"], samples, rate)


def test_readme_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sizes = {"conv_kernel": (40, 16), "conv_stride": (20, 8)}  # few frames, since the clip has 3 s
    hugging_face(tmp_path / "my-emotion-model", labels=("anger", "happiness", "neutral", "sadness"), **sizes)
    names = follow(README, tmp_path)
    assert names["adversarial"].shape == names["clip"].shape
    assert not names["adversarial"].equal(names["clip"])
    assert len(list((tmp_path / "adversarial").glob("*.flac"))) == 48


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the quick start has been followed; other pages of the guide use its files."""
    folder = tmp_path_factory.mktemp("desk")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        names = follow(QUICKSTART, folder)
    assert len(names["outcome"]) == 8
    assert len(names["records"]) == 2
    assert (folder / "first" / "report" / "index.html").is_file()
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_guide_works(page: Path, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk)
    follow(page, desk)


def test_guide_lists_its_pages() -> None:
    text = read(GUIDE / "README.md")
    for page in (QUICKSTART, *PAGES):
        assert f"({page.name})" in text
        assert len(read(page).splitlines()) <= 300, page.name


def test_readme_is_short() -> None:
    assert len(read(README).splitlines()) <= 150


def test_readme_begins_with_the_picture_of_models_once_it_is_there() -> None:
    pictures = re.findall(r"!\[[^\]]*\]\((\S+)\)", read(README))
    assert all((ROOT / path).is_file() for path in pictures)
    if (ROOT / "docs" / "images" / "robustness.png").is_file():
        assert pictures[0] == "docs/images/robustness.png"


TABLES = (
    *(Experiment, plans.CorpusPlan, plans.SplitPlan, plans.ModelPlan, plans.GeneratorPlan, AttackUse),
    *(ModelTraining, Augmentation, GeneratorTraining, Losses, Budget),
)
"""The dataclasses whose fields are the keys of an experiment file."""


@pytest.mark.parametrize("schema", TABLES, ids=lambda schema: schema.__name__)
def test_guide_explains_every_key_of_an_experiment(schema: type) -> None:
    rows = "\n".join(line for line in read(EXPERIMENTS).splitlines() if line.startswith("|"))
    assert [field.name for field in dataclasses.fields(schema) if f"`{field.name}`" not in rows] == []


def test_example_of_an_experiment_is_valid(tmp_path: Path) -> None:
    (block,) = (block for block in blocks(EXPERIMENTS) if block.file == "complete.toml")
    path = tmp_path / "complete.toml"
    path.write_text(block.text, encoding="utf-8")
    _, plan = load(path)
    assert set(plan.source_names) < set(plan.target_names)


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_run(path: Path, tmp_path: Path) -> None:
    assert len(read(path).splitlines()) <= 60
    assert in_shell([sys.executable, str(path)], tmp_path)


def commands_of(document: Path) -> list[str]:
    """Return the `staanet` commands in the blocks of a document; for the original code, in its tables as well."""
    lines = [line for block in blocks(document) if block.language in ("shell", "text") for line in commands(block)]
    if document == ORIGINAL:
        rows = [line for line in read(document).splitlines() if line.startswith("|")]
        lines += re.findall(r"`(staanet [^`]+)`", "\n".join(rows))
    return [line for line in lines if line.startswith("staanet ")]


NAMES = {"train": MODELS, "fit": GENERATORS, "attack": ATTACKS, "prepare": CORPORA, "run": packaged()}
"""The registry from which the first argument of a command is a name."""


UsageError = typer.BadParameter.__base__
"""The class of usage errors: click's, or typer's own, depending on the version of typer."""


def parse(line: str) -> None:
    """Parse a command as the program does, without running it."""
    verb, words = "", shlex.split(line, comments=True)[1:]
    command = typer.main.get_command(app)
    while commands := getattr(command, "commands", None):
        verb, *words = words
        assert verb in commands, f"{line}: no {verb}"
        command = commands[verb]
    first = next((word for word in words if not word.startswith("-")), "")
    if verb in NAMES and re.fullmatch(r"[a-z0-9_]+", first):
        assert first in NAMES[verb], f"{line}: no {first}"
    with contextlib.suppress(typer.Exit):
        command.make_context(verb, words)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_exists(document: Path) -> None:
    assert commands_of(document) or document not in (README, QUICKSTART, ORIGINAL)
    for line in commands_of(document):
        parse(line)


def test_a_command_that_does_not_exist_is_noticed() -> None:
    for line in ("staanet train emo18 --datasets x --out y", "staanet run", "staanet import model x"):
        with pytest.raises(UsageError):
            parse(line)
    for line, missing in (("staanet fly", "fly"), ("staanet train emo81 --dataset x --out y", "emo81")):
        with pytest.raises(AssertionError, match=f"no {missing}"):
            parse(line)


def headings(document: Path) -> set[str]:
    """Return the anchors of the headings of a document, as code hosts make them."""
    text = re.sub(r"^```.*?^```$", "", read(document), flags=re.M | re.S)
    titles = re.findall(r"^#+ (.+)$", text, flags=re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_local_links_lead_somewhere(document: Path) -> None:
    text = re.sub(r"^```.*?^```$|`[^`\n]*`", "", read(document), flags=re.M | re.S)
    for link in re.findall(r"\]\(<?([^)\s>]+)>?\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        assert target.exists(), f"{document.name}: {link} does not exist"
        if anchor:
            assert anchor in headings(target), f"{document.name}: {link}: no such heading"


def test_every_document_keeps_to_the_width() -> None:
    for document in (path for path in DOCUMENTS if not path.is_relative_to(ROOT / "results")):
        for number, line in enumerate(read(document).splitlines(), 1):
            assert len(line) <= 120 or line.startswith("|"), f"{document.name}, line {number}"


def script(name: str, patch: pytest.MonkeyPatch) -> ModuleType:
    """Return a script of `tools`, imported."""
    patch.syspath_prepend(ROOT / "tools")
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    patch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


def test_tables_are_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = script("tables", monkeypatch)
    assert tables.catalogue() == read(tables.CATALOGUE), "the catalogue is stale; run python tools/tables.py"
    for document in tables.DOCUMENTS:
        text = read(document)
        assert tables.refreshed(text) == text, f"{document.name} is stale; run python tools/tables.py"
    assert "| `noise` |" in read(ROOT / "docs" / "attacks.md")
    assert "| `asr` |" in read(ROOT / "docs" / "metrics.md")


def test_performance_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    performance = script("performance", monkeypatch)
    assert performance.page() == read(performance.PAGE), "docs/performance.md is stale; run python tools/performance.py"
    assert performance.met({"claim": "memory, at most", "aim": 3.0, "measured": 2.0}) == "yes"
    assert performance.met({"claim": "speed", "aim": 3.0, "measured": 2.0}) == "no"


def test_claims_are_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    claims, verdicts = script("claims", monkeypatch), script("verdicts", monkeypatch)
    assert claims.page() == read(claims.PAGE), "results/claims.md is stale; run python tools/claims.py"
    by_claim = {claim.text: (claim.paper()[0], claim.here()[0]) for claim in claims.CLAIMS}
    known = {verdicts.HOLDS, verdicts.PARTLY, verdicts.NOT, verdicts.UNDECIDED, verdicts.UNTESTABLE}
    assert all(set(pair) <= known for pair in by_claim.values())
    assert by_claim["Without the quantisation loss the sparsity rises"][0] == verdicts.PARTLY
    assert "12.86" in claims.paper.inconsistencies()[0]


@pytest.mark.slow
def test_claims_of_the_systematic_evaluation_are_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    systematic = script("systematic", monkeypatch)
    assert systematic.page(systematic.published_studies()) == read(systematic.PAGE), "run python tools/systematic.py"


@pytest.mark.slow
def test_what_holds_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    what_holds = script("what_holds", monkeypatch)
    assert what_holds.page(what_holds.STUDY) == read(what_holds.PAGE), "run python tools/what_holds.py"


@pytest.mark.slow
@pytest.mark.parametrize("folder", sorted((ROOT / "results").glob("*/run.json")), ids=lambda path: path.parent.name)
def test_published_studies_are_fresh(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    study, publish = folder.parent, script("publish", monkeypatch)
    publish.publish(publish.Run(study), tmp_path / study.name)
    for path in (path for path in study.rglob("*") if path.suffix in (".md", ".json", ".jsonl")):
        again = tmp_path / study.name / path.relative_to(study)
        assert read(again) == read(path), f"{path.name} is stale; run python tools/publish.py results/{study.name}"


def test_published_results_are_small() -> None:
    files = [path for path in (ROOT / "results").rglob("*") if path.is_file()]
    assert len(files) <= 200
    assert sum(path.stat().st_size for path in files) <= 10e6, "keep larger results elsewhere; see results/README.md"


def test_flags_have_a_paragraph_and_a_sentence() -> None:
    parts = re.split(r"^## `(\w+)`$", read(ROOT / "docs" / "flags.md"), flags=re.M)
    paragraphs = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert list(paragraphs) == list(FLAGS)
    for name, text in paragraphs.items():
        assert re.findall(r"^\*(Raised if|Means|Do)\*", text, flags=re.M) == ["Raised if", "Means", "Do"], name
    assert set(summary.FLAGS) == set(FLAGS)


@pytest.mark.slow
def test_glossary_has_every_field_of_a_record(desk: Path) -> None:
    text = read(ROOT / "docs" / "glossary.md")
    (outcomes, *_) = sorted((desk / "first" / "records").glob("*-*.jsonl"))
    names = [field.name for field in dataclasses.fields(Record)] + list(read_jsonl(outcomes)[0])
    assert [name for name in names if f"`{name}`" not in text] == []


def test_make_targets_exist() -> None:
    targets = re.findall(r"^(\w[\w-]*):", read(ROOT / "Makefile"), flags=re.M)
    for document in (README, ROOT / "CONTRIBUTING.md"):
        lines = [line for block in blocks(document) if block.language == "shell" for line in commands(block)]
        asked = [word for line in lines if line.startswith("make ") for word in shlex.split(line, comments=True)[1:]]
        assert asked
        assert set(asked) <= set(targets)


def test_contributing_is_one_page() -> None:
    assert len(read(ROOT / "CONTRIBUTING.md").splitlines()) <= 100


def test_versions_agree() -> None:
    citation = read(ROOT / "CITATION.cff")
    assert re.search(r"^version: (\S+)$", citation, flags=re.M)[1] == staanet.__version__
    assert f"## [{staanet.__version__}]" in read(ROOT / "CHANGELOG.md")
    for key in ("cff-version: 1.2.0", "message: ", "title: ", "authors:"):
        assert re.search(rf"^{key}", citation, flags=re.M)
    assert {"2402.01227", "2404.18514"} <= set(re.findall(r"arXiv:(\S+)", citation))


PRIVATE = re.compile(r"/(?:root|home|work|Users)/|/tmp/\w|C:\\\\")
"""Paths of a machine, which documents must not contain."""


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_contain_no_paths_of_a_machine(document: Path) -> None:
    assert PRIVATE.findall(read(document)) == []
