"""The reference table: figures from clips, what makes a submission verified, and how edited figures are found."""

import html
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import made_up_entries
import numpy as np
import pytest
from made_up_entries import edit, write
from reference_table import entries, pages
from reference_table.commands import main
from reference_table.recall import uar

from staanet.assessment.settings import Curves
from staanet.core.errors import StaanetError

ROOT = Path(__file__).resolve().parents[2]
HALF = [7] * 8 + [2] * 8  # budgets are 70, 60, 50, 40, ... dB: half of the clips are fooled at 50 dB, none at 60 dB


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Return an empty folder of results, from which the page is made without any attacks."""
    monkeypatch.setattr(pages, "read_attacks", lambda _: [])
    return tmp_path / "results"


def test_figures_are_computed_from_the_clips(results):
    entry = entries.read_entry(write(results / "evaluations" / "net", [*HALF[:-2], -1, -1], sparse=3))
    found = {name: round(figure.value, 4) for name, figure in entry.figures.items()}
    assert found == {
        "clean": 0.875,
        "60 dB": 0.875,
        "40 dB": 0.5,
        "17 dB, 1 % of the samples": 0.0,
        "noise, 40 dB": 0.875,
    }
    assert all(figure.low < figure.high for figure in entry.figures.values())
    assert (entry.status, entry.speakers, len(entry.rows)) == ("measured here", 8, 16)


def test_the_interval_of_the_uar_covers_what_it_should():
    random = np.random.default_rng(0)
    labels = ["a"] * 30 + ["b"] * 10
    speakers = [f"s{number % 4}" for number in range(40)]
    inside = 0
    for _ in range(200):
        values = (random.random(40) < np.array([0.9] * 30 + [0.5] * 10)).astype(float)
        mean, low, high = uar(values, labels, speakers)
        assert low <= mean <= high
        inside += low <= 0.7 <= high
    assert inside >= 185
    for value in (0.0, 1.0):
        mean, low, high = uar(np.full(40, value), labels, speakers)
        assert mean == value
        assert high - low > 0.1


def test_the_interval_is_wider_if_speakers_differ():
    labels = ["a", "b"] * 40
    alike = np.array([1.0, 1.0, 0.0, 0.0] * 20)
    by_clip = uar(alike, labels, [f"s{number % 10}" for number in range(80)])
    by_speaker = uar(alike, labels, [f"s{number // 2 % 10}" for number in range(80)])
    assert by_speaker[0] == by_clip[0] == 0.5
    assert by_speaker[2] - by_speaker[1] > by_clip[2] - by_clip[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda held: held.update(uar_robust=0.99),
            "expected uar_robust = 0.5 from the results of the clips, got 0.99",
        ),
        (lambda held: held["curve"][1].update(uar_robust=0.99), "expected the curve of the results of the clips"),
        (lambda held: held.update(n=900), "expected n = 16 from the results of the clips, got 900"),
        (
            lambda held: held["about"]["settings"].update(ensemble="own-1"),
            "expected the ensemble standard-2026.12, got",
        ),
        (lambda held: held.update(about={}), "expected an evaluation as this version writes it, got another"),
    ],
)
def test_a_submission_with_edited_figures_is_told_in_one_sentence(results, capsys, change, message):
    folder = write(results / "submissions" / "net", HALF)
    edit(folder / "evaluation.json", change)
    assert main(["check", str(folder)]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err
    assert "evaluation.json" in err


def test_entries_that_do_not_fit_into_the_table_are_refused(results):
    other = write(results / "submissions" / "other", HALF[:4], curves=Curves.of((50.0, 30.0)), sparse=3)
    with pytest.raises(StaanetError, match=r"expected the budgets of the table, found no 60 dB, 40 dB; evaluate"):
        entries.read_entry(other)
    synthetic = write(results / "submissions" / "synthetic", HALF, corpus="synthetic")
    with pytest.raises(StaanetError, match="expected clips of people, got synthetic speech"):
        entries.read_entry(synthetic)
    stranger = write(results / "submissions" / "stranger", HALF)
    (stranger / "entry.toml").write_text(f'weights = "{"b" * 64}"\n')
    with pytest.raises(
        StaanetError, match=r"entry\.toml: expected weights = 'aaaa.* as in evaluation\.json, got 'bbbb"
    ):
        entries.read_entry(stranger)


@pytest.mark.parametrize(
    ("again", "doubt"),
    [
        ({"fooled_at": HALF}, None),
        ({"fooled_at": [7] * 7 + [2] * 9}, None),
        ({"fooled_at": [2] * 16}, r"expected a UAR \(40 dB\) of .* to .* % as submitted, got 0.0 % when the weights"),
        ({"fooled_at": [7] * 16}, r"expected a UAR \(40 dB\) of .* got 100.0 %"),
        ({"fooled_at": HALF, "weights": "b" * 64}, "expected the weights aaaaaaaaaaaa, got bbbbbbbbbbbb"),
        ({"fooled_at": [*HALF, 7, 7]}, "expected the same clips, got 16 and 18"),
        ({"fooled_at": HALF, "data": "e"}, "expected the same recordings, got others under the same names"),
    ],
)
def test_a_submission_is_verified_if_its_figures_are_found_again(results, again, doubt):
    folder = write(results / "submissions" / "net", HALF)
    assert entries.read_entry(folder).status == "unverified"
    write(folder / "again", seed=1, **again)
    entry = entries.read_entry(folder)
    assert entry.status == ("unverified" if doubt else "verified")
    assert re.search(doubt, entry.doubts[0]) if doubt else not entry.doubts


def test_an_edited_verification_verifies_nothing(results):
    folder = write(results / "submissions" / "net", HALF)
    write(folder / "again", [2] * 16, seed=1)
    edit(folder / "again" / "evaluation.json", lambda held: held.update(uar_robust=0.5))
    entry = entries.read_entry(folder)
    assert entry.status == "unverified"
    assert "expected uar_robust = 0.0 from the results of the clips, got 0.5" in entry.doubts[0]


def test_models_are_ranked_among_those_of_the_same_clips(results):
    write(results / "evaluations" / "weak", [0] * 16, model="weak")
    write(results / "evaluations" / "strong", [7] * 16, model="strong")
    write(results / "submissions" / "middle", HALF, model="middle")
    write(results / "evaluations" / "other", [7] * 12, model="other")
    page = pages.Page(results)
    names = [[row.name for row in table.rows] for table in page.models]
    assert names == [["other"], ["strong", "middle", "weak"]]
    held = json.loads(page.json())["models"][1]["rows"]
    assert [row["40 dB"]["value"] for row in held] == [1.0, 0.5, 0.0]
    assert held[1]["status"] == "unverified"
    assert held[1]["origin"]["files"][0] == "results/submissions/middle/evaluation.json"
    assert held[0]["origin"]["commits"] == ["commit cccccccccc"]


def test_names_of_others_cannot_change_the_page(results):
    name = "<script>alert(1)</script>|[x](javascript:1)"
    folder = write(results / "submissions" / "net", HALF, model=name)
    (folder / "entry.toml").write_text('training = "<img src=x onerror=alert(1)>"\nsubmitted_by = "a\\u202eb"\n')
    page = pages.Page(results)
    text, document = page.markdown(), page.html()
    assert not re.search(r"(?<!\\)<(script|img)", text)
    assert r"\|\[x\](javascript:1)" in text
    assert "<script" not in document
    assert "<img" not in document
    assert html.escape(name) in document
    assert "\u202e" not in text + document


def test_every_row_of_the_html_file_has_its_origin_and_nothing_is_loaded(results):
    write(results / "evaluations" / "net", HALF, flags=["noise_sensitive"])
    document = pages.Page(results).html()
    assert document.count("<tr>") - document.count("<thead>") == document.count('class="origin"') == 1
    assert "commit cccccccccc; staanet 0.2.0, torch 2.13.0; seed 0" in document
    assert "noise_sensitive is raised by net." in document
    assert not re.search(r"(src|href)=\"(?!#)", document)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1440])
def test_the_html_file_fits_the_screen_and_shows_the_first_figure(results, tmp_path, width):
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    write(results / "evaluations" / "net", HALF, model="a_model_with_a_long_name")
    path = tmp_path / "reference.html"
    path.write_text(pages.Page(results).html(), encoding="utf-8")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page, seen = browser.new_page(viewport={"width": width, "height": 844}), []
        page.on("request", lambda request: seen.append(request.url))
        page.on("console", lambda message: seen.append(message.text))
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == width
        place = page.locator("td.strong").bounding_box()
        assert place["x"] + place["width"] <= width
        browser.close()
    assert seen == [path.as_uri()]


def test_add_makes_an_entry_of_three_files(results, tmp_path, capsys):
    run = write(tmp_path / "run", HALF)
    (run / "model.safetensors").write_bytes(b"weights")
    place = results / "submissions" / "net"
    assert main(["add", str(run), str(place)]) == 2
    assert "expected --model and --submitted-by" in capsys.readouterr().err
    assert not place.exists()
    told = ("--model", "owner/net", "--submitted-by", 'A "B"', "--training", "On C:\\speech.")
    assert main(["add", str(run), str(place), *told]) == 0
    assert "unverified; every figure follows from its 16 clips" in capsys.readouterr().out
    assert sorted(path.name for path in place.iterdir()) == ["clips.json", "entry.toml", "evaluation.json"]
    note = entries.read_entry(place).note
    assert (note.model, note.weights) == ("owner/net", made_up_entries.WEIGHTS)
    assert (note.submitted_by, note.training) == ('A "B"', "On C:\\speech.")
    assert main(["add", str(run), str(place), *told]) == 2
    assert "expected a new folder" in capsys.readouterr().err


MODEL = """
import torch

labels = ["anger", "joy"]
seconds = 0.1
pattern = torch.sign(torch.sin(torch.arange(1600) * 0.9))


def decide(clips):
    level = clips[:, :1600] @ pattern / 1600
    return 300 * torch.stack([level, -level], 1)
"""


@pytest.mark.slow
def test_the_weights_of_a_submission_are_attacked_again(tmp_path, capsys):
    import soundfile

    import staanet

    (tmp_path / "net.py").write_text(MODEL)
    pattern = np.sign(np.sin(np.arange(1600) * 0.9))
    for number, (emotion, sign) in enumerate((("anger", 1), ("joy", -1))):
        (tmp_path / "data" / emotion).mkdir(parents=True)
        for clip in range(4):
            sound = np.random.default_rng([number, clip]).normal(size=1600)
            sound -= pattern * (sound @ pattern) / 1600
            sound = 0.4 * sound / np.abs(sound).max() + sign * (0.002, 0.0002)[clip % 2] * pattern
            soundfile.write(tmp_path / "data" / emotion / f"s{clip}-{clip}.wav", sound, 16_000, subtype="PCM_16")
    model = f"{tmp_path / 'net.py'}:decide"
    staanet.evaluate(model, tmp_path / "data", tmp_path / "run", corpus="folder", preset="quick", trust=True)
    place = tmp_path / "results" / "submissions" / "net"
    assert main(["add", str(tmp_path / "run"), str(place), "--model", model, "--submitted-by", "A"]) == 0
    attack = ["again", str(place), str(tmp_path / "data"), "--trust", "--out", str(tmp_path / "out")]
    assert main(attack) == 0
    assert "net.py:decide: verified" in capsys.readouterr().out
    assert entries.read_entry(place).status == "verified"


@pytest.mark.slow
def test_the_reference_table_is_fresh():
    page = pages.Page()
    for name, text in (("reference.md", page.markdown()), ("reference.json", page.json())):
        stored = (ROOT / "results" / name).read_text(encoding="utf-8")
        assert text == stored, f"{name} is stale; run python tools/reference_table"
    command = [sys.executable, ROOT / "tools" / "reference_table", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "folder", sorted((ROOT / "results").glob("[es]*/*/evaluation.json")), ids=lambda p: p.parent.name
)
def test_every_entry_follows_from_its_clips(folder):
    entry = entries.read_entry(folder.parent)
    assert entry.weights
    assert entry.folder.parent.name == "evaluations" or entry.note.submitted_by
