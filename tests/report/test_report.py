"""Records in, tables and a page out: nothing lost, nothing added, nothing from elsewhere."""

import csv
import json
import re
import shutil
from dataclasses import asdict, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from staanet import report
from staanet.audio import files
from staanet.core import records
from staanet.core.errors import StaanetError
from staanet.core.files import write_json
from staanet.core.records import Record
from staanet.report import summary

LABELS = ["anger", "joy", "neutral", "sadness"]


def made(attack: str = "staa_net", source: str = "emo18", target: str = "emo18", **changes) -> Record:
    """Return a record with every field filled."""
    record = Record(
        signature="0123456789",
        experiment="synthetic",
        corpus="emo_db",
        split="test",
        fold=None,
        folds=(),
        folds_planned=0,
        source=source,
        target=target,
        attack=attack,
        generator="staa_net-42" if attack == "staa_net" else None,
        defence=None,
        protocol="file",
        labels_from="predictions",
        seed=0,
        budget_epsilon=0.03,
        budget_snr_db=None,
        budget_sparsity=0.05,
        labels=LABELS,
        n=102,
        n_correct=70,
        n_fooled=58,
        n_unchanged=0,
        asr=0.5686,
        asr_ci=(0.4719, 0.6605),
        asr_correct=0.6,
        asr_correct_ci=(0.48, 0.71),
        asr_by_class=[0.2, 0.7, None, 0.9],
        asr_by_prediction=[0.3, 0.6, None, 0.8],
        asr_saved=0.5588,
        asr_control=0.1242,
        asr_control_ci=(0.081, 0.173),
        asr_excess=0.4444,
        asr_excess_ci=(0.3431, 0.5425),
        speakers=10,
        asr_speaker_ci=(0.4619, 0.6705),
        asr_excess_speaker_ci=(0.3331, 0.5525),
        accuracy_clean=0.6863,
        accuracy_clean_ci=(0.59, 0.77),
        accuracy_adv=0.3235,
        uar_clean=0.65,
        uar_adv=0.3,
        snr_peak_db=17.25,
        snr_energy_db=9.5,
        sparsity=0.0491,
        linf=0.03,
        l2=1.25,
        snr_peak_db_fooled=17.0,
        snr_energy_db_fooled=9.25,
        sparsity_fooled=0.0488,
        clips_by_class=[40, 31, 0, 31],
        predictions_clean=[30, 22, 20, 30],
        predictions_adv=[70, 12, 8, 12],
        comb_share=0.075,
        comb_share_model=0.0125,
        seconds_per_clip=0.0123,
        queries=101.0,
        gradients=100.0,
        flags=[],
        settings={"attack": {"name": attack, "epsilon": 0.03}},
        versions={"staanet": "0.1.0", "torch": "2.6.0"},
        commit="a" * 40,
        tree_clean=True,
        device="cpu, 2 threads",
    )
    return replace(record, **changes)


TRANSFERRED = {
    "target": "zhao19",
    "asr": 0.2059,
    "asr_ci": (0.1373, 0.2941),
    "asr_control": 0.0915,
    "asr_excess": 0.1144,
    "asr_excess_ci": (0.0327, 0.1961),
    "asr_speaker_ci": (0.1273, 0.3041),
    "asr_excess_speaker_ci": (0.0227, 0.2061),
}
PGD = {"attack": "sparse_pgd", "comb_share": None, "notes": {"comb_share": "only generators have strides"}}
FOUR = [made(), made(**TRANSFERRED), made(**PGD, asr=0.93, asr_excess=0.81), made(**PGD, **TRANSFERRED)]


def run_with(folder: Path, *found: Record) -> Path:
    """Leave records and their outcomes where a run leaves them."""
    for record in found:
        rows = [{"id": f"clip-{i}", "label": i % 4, "speaker": str(i)} for i in range(3)]
        outcomes = [{**row, "predicted_clean": 0, "predicted_adv": i % 2} for i, row in enumerate(rows)]
        records.write(folder / "records", record, outcomes)
    return folder


def add_example(run: Path, name: str, *, rate: int = 16_000, label: str = "anger", snr: float | None = 17.0) -> Path:
    """Leave half a second of hum and the same hum with a few samples changed."""
    rng = np.random.default_rng(0)
    original = (0.3 * np.sin(np.arange(rate // 2) * 0.05)).astype(np.float32)
    adversarial = original.copy()
    adversarial[rng.choice(len(original), 400, replace=False)] += np.float32(0.02)
    folder = run / "examples" / name
    files.write(folder / "original.flac", original, rate)
    files.write(folder / "adversarial.flac", adversarial, rate)
    facts = {"id": f"clip {name}", "label": label, "attack": "staa_net", "source": "emo18", "sparsity": 0.05}
    predictions = {"emo18": ["anger", "joy"], "zhao19": ["anger", "anger"]}
    write_json(folder / "example.json", {**facts, "predictions": predictions, "snr_peak_db": snr})
    return folder


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, path: Path):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] not in ("style", "script"):
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run of four records, two of them flagged, with two examples, and its report."""
    flagged = [replace(FOUR[0], flags=["comb"]), FOUR[1], FOUR[2], replace(FOUR[3], flags=["no_excess", "comb"])]
    folder = run_with(tmp_path_factory.mktemp("run"), *flagged)
    add_example(folder, "one")
    add_example(folder, "two", snr=None)
    report.write(folder)
    return folder


@pytest.fixture(scope="module")
def page(run) -> Page:
    return Page(run / "report" / "index.html")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# ------------------------------------------------------------------ files and tables


def test_every_file_is_there_and_the_page_is_returned(tmp_path):
    run = run_with(tmp_path, *FOUR)
    assert report.write(run) == run / "report" / "index.html"
    left = {str(path.relative_to(run)) for room in ("tables", "report") for path in (run / room).iterdir()}
    tables = {f"{name}.{end}" for name in ("transfer", "models", "comparisons") for end in ("md", "csv", "tex")}
    assert left == {"report/index.html", *(f"tables/{name}" for name in (*tables, "records.csv"))}


def test_the_csv_holds_every_field_of_every_record(run):
    for row, record in zip(rows(run / "tables" / "records.csv"), records.read_all(run), strict=True):
        for name, value in asdict(record).items():
            if name.endswith("_ci"):
                assert (float(row[f"{name}_low"]), float(row[f"{name}_high"])) == tuple(value)
            elif isinstance(value, dict | list | tuple):
                assert json.loads(row[name]) == (list(value) if isinstance(value, tuple) else value)
            elif isinstance(value, float):
                assert float(row[name]) == value
            else:
                assert row[name] == ("" if value is None else str(value))


def test_the_transfer_csv_holds_raw_fractions(run):
    first = next(
        row for row in rows(run / "tables" / "transfer.csv") if (row["attack"], row["target"]) == ("staa_net", "zhao19")
    )
    assert (first["asr"], first["asr_ci_low"], first["asr_ci_high"]) == ("0.2059", "0.1373", "0.2941")
    assert (first["asr_control"], first["asr_excess"], first["n"]) == ("0.0915", "0.1144", "102")


def test_a_row_has_an_attack_on_a_source_and_every_target(run):
    lines = (run / "tables" / "transfer.md").read_text(encoding="utf-8").splitlines()
    (row,) = (line for line in lines if line.startswith(r"| staa\_net | emo18 |"))
    assert "| 56.9 [46.2, 67.0]† | 12.4 | 44.4 [33.3, 55.2] | 20.6 [12.7, 30.4] | 9.2 | 11.4 [2.3, 20.6] |" in row
    assert row.endswith("| 4.91 | 17.2 | 7.5 | 0.0123 | 101 | 100 |")


def test_the_caption_states_the_conditions(run):
    caption = (run / "tables" / "transfer.md").read_text(encoding="utf-8").splitlines()[0]
    assert "95 % intervals that let clips of a speaker resemble each other. n = 102 clips of" in caption
    assert r"of emo\_db, 10 speakers; split test; protocol file, labels from predictions; budget: epsilon" in caption
    assert "; seed 0." in caption
    assert caption.endswith("† white-box: the target is the source.")


def test_latex_escapes_names_and_signs(tmp_path):
    report.write(run_with(tmp_path, made(source=r"a_b&50%", asr_excess=-0.031, corpus="x\\y")))
    text = (tmp_path / "tables" / "transfer.tex").read_text(encoding="utf-8")
    assert r"staa\_net & a\_b\&50\% & 56.9" in text
    assert r"$-$3.1" in text
    assert r"x\textbackslash{}y" in text
    assert r"sparsity \%" in text
    bare = re.sub(r"\\[_%]|\$[^$]*\$|^%.*$", "", text, flags=re.MULTILINE)
    assert "_" not in bare
    assert "%" not in bare


def test_markdown_escapes_what_would_break_a_table(tmp_path):
    report.write(run_with(tmp_path, made(source="a|b<c>")))
    assert r"| a\|b\<c\> |" in (tmp_path / "tables" / "transfer.md").read_text(encoding="utf-8")


def test_undefined_is_a_dash_with_its_reason(run, page):
    reason = PGD["notes"]["comb_share"]
    markdown = (run / "tables" / "transfer.md").read_text(encoding="utf-8")
    assert "| –<sup>1</sup> |" in markdown
    assert f"<sup>1</sup> {reason}" in markdown
    assert "--$^{1}$" in (run / "tables" / "transfer.tex").read_text(encoding="utf-8")
    assert reason in page.text
    assert {"href": "#note-1"} in page.all("a")


def test_every_undefined_metric_can_be_reported(tmp_path):
    optional = ("fold", "generator", "budget_epsilon", "asr_correct", "asr_correct_ci", "asr_saved", "snr_peak_db")
    more = ("snr_energy_db", "snr_peak_db_fooled", "sparsity_fooled", "comb_share", "commit", "tree_clean")
    nothing = made(**dict.fromkeys(optional + more), sparsity=0.0, notes={"snr_peak_db": "nothing changed"})
    page = Page(report.write(run_with(tmp_path, nothing)))
    assert "nothing changed" in page.text
    assert "do not name the commit" in page.text


def test_folds_that_cannot_be_pooled_have_rows_of_their_own_in_the_order_of_the_run(tmp_path):
    found = [
        made(fold=fold, folds=(fold,), folds_planned=planned, signature=f"{fold}", asr=fold / 10)
        for fold, planned in ((2, 1), (10, 3))
    ]
    run_with(tmp_path, *found)
    paths = [records.record_path(tmp_path / "records", r.signature, r.source, r.target, r.attack) for r in found]
    records.write_contents(tmp_path, "Folds", records=paths, examples=[])
    report.write(tmp_path)
    lines = (tmp_path / "tables" / "transfer.md").read_text(encoding="utf-8").splitlines()
    assert lines[0].count("PARTIAL, folds are missing") == 1
    assert "split test, fold 2 or fold 10 of the 3 planned; " in lines[0]
    assert lines[2].startswith("| attack | source | folds | emo18 ASR")
    assert [line.split(" | ")[2:4] for line in lines[4:6]] == [
        ["2", "20.0 [46.2, 67.0]†"],
        ["10", "100.0 [46.2, 67.0]†"],
    ]


def test_records_that_only_their_signature_tells_apart_keep_their_rows(tmp_path):
    report.write(run_with(tmp_path, made(signature="aaaa"), made(signature="bbbb")))
    assert (tmp_path / "tables" / "transfer.md").read_text(encoding="utf-8").count("56.9") == 2


# ------------------------------------------------------------------ the page


def test_the_page_needs_nothing_from_elsewhere(page):
    for tag, attributes in page.tags:
        for name in ("src", "srcset", "xlink:href", "data", "poster"):
            if value := attributes.get(name):
                assert value.startswith(("data:", "#")), (tag, value[:60])
        assert not re.search(r"url\((?!#)", attributes.get("style") or "")
    assert not page.all("link")
    assert all("src" not in script for script in page.all("script"))
    assert not any((link["href"] or "").startswith(("http:", "https:", "//")) for link in page.all("a"))


def test_the_summary_says_what_the_leading_record_says(page):
    assert (
        "On 102 clips of emo_db (10 speakers), staa_net, trained against emo18, changed 57 % (95 % interval 46 to 67 %)"
        in page.text
    )
    assert "random noise of the same size and count changed 12 %, so the excess is 44 points (33 to 55)." in page.text
    assert "On zhao19, unseen by the attack (transfer), it changed 21 % (95 % interval 13 to 30 %)" in page.text
    assert "Written to 24-bit files and read back, its audio changed 56 % of the predictions of emo18." in page.text


def test_attacks_that_do_more_than_the_leading_generator_are_told():
    rivals = [made(attack="pgd0", generator=None, asr=0.9), made(attack="spgd", generator=None, asr=0.8)]
    elsewhere = [replace(rivals[0], budget_sparsity=1.0), replace(rivals[0], target="zhao19"), made(**TRANSFERRED)]
    said = " ".join(summary.sentences([made(asr=0.6), *rivals, *elsewhere]))
    assert "2 of 2 other attacks on the same clips within the same budget changed more, pgd0 the most: 90" in said
    assert "No other attack on the same clips" in " ".join(summary.sentences([made(asr=0.95), *rivals, *elsewhere]))
    assert "other attack" not in " ".join(summary.sentences([made(asr=0.6), *elsewhere]))


def test_an_excess_that_may_be_zero_is_called_so(tmp_path):
    page = Page(report.write(run_with(tmp_path, made(asr_excess=0.02, asr_excess_speaker_ci=(-0.05, 0.09)))))
    assert "the excess is 2 points (−5 to 9), not clearly different from zero." in page.text


def test_flags_are_told_at_the_top_and_explained_at_the_foot(page):
    assert "2 of 4 records raise flags (comb, no_excess)" in page.text
    assert {"href": "#flags"} in page.all("a")
    assert "The sample index alone explains nearly all of the positions" in page.text
    assert "docs/flags.md" in page.text


def test_different_commits_and_unclean_trees_are_told(tmp_path, page):
    other = made(commit="b" * 40, tree_clean=False, **TRANSFERRED)
    text = Page(report.write(run_with(tmp_path, made(), other))).text
    assert "come from different commits" in text
    assert "uncommitted changes" in text
    assert "come from different commits" not in page.text


def test_every_heading_of_the_table_sorts(page):
    headings = [attributes for attributes in page.all("th") if attributes["scope"] == "col"]
    buttons = page.all("button")
    assert len(headings) == (2 + 2 * 3 + 6) + 8 + 9  # of transfer, models and comparisons
    assert len(buttons) == len(headings) + 2  # and one for each example
    assert all(button["type"] == "button" for button in buttons)


def test_white_box_is_a_word(page):
    assert "56.9 [46.2, 67.0] white-box" in page.text


def test_every_figure_says_what_there_is_to_see(page):
    drawn = page.all("svg")
    assert len(drawn) == 4 + 2
    assert all(svg["role"] == "img" and len(svg["aria-label"] or "") > 40 for svg in drawn)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_every_example_can_be_heard_four_ways(page):
    players = page.all("audio")
    assert len(players) == 2 * 4
    assert all("controls" in player and player["aria-label"] for player in players)
    assert all((player["src"] or "").startswith("data:audio/flac;base64,") for player in players)
    assert "Perturbation, 23 dB louder" in page.text  # 0.3 over 0.02
    assert "zhao19: anger → anger (kept)" in page.text
    assert "peak SNR undefined" in page.text


def test_names_are_text_never_markup(tmp_path):
    evil = "<script>alert('x')</script>"
    changes = {"labels": [evil, "b", "c", "d"], "corpus": evil, "experiment": evil, "settings": {evil: evil}}
    run = run_with(tmp_path, made(**changes, source=evil.replace("/", ""), notes={"comb_share": evil}, flags=[evil]))
    add_example(run, "one", label=evil)
    page = Page(report.write(run))
    assert len(page.all("script")) == 1
    assert "alert('x')" in page.text


def test_mathematics_is_not_set_from_names(tmp_path):
    page = Page(report.write(run_with(tmp_path, made(labels=["$x$", "$", "a_b", r"\frac"]))))
    assert "$x$" in page.text


def test_the_same_records_give_the_same_bytes(run, tmp_path):
    shutil.copytree(run, tmp_path / "again")
    shutil.rmtree(tmp_path / "again" / "tables")
    report.write(tmp_path / "again")
    for path in [*(run / "tables").iterdir(), run / "report" / "index.html"]:
        assert path.read_bytes() == (tmp_path / "again" / path.relative_to(run)).read_bytes(), path.name


# ------------------------------------------------------------------ what is missing


def test_no_records_is_one_line(tmp_path):
    with pytest.raises(StaanetError, match="expected records") as caught:
        report.write(tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "report").exists()


def test_no_examples_is_fine(tmp_path):
    page = Page(report.write(run_with(tmp_path, *FOUR)))
    assert not page.all("audio")
    assert "Listen" not in page.text


def test_an_empty_perturbation_is_not_amplified(tmp_path):
    run = run_with(tmp_path, made())
    folder = add_example(run, "one")
    shutil.copy(folder / "original.flac", folder / "adversarial.flac")
    assert len(Page(report.write(run)).all("audio")) == 3


def test_a_perturbation_beyond_full_scale_is_made_quieter(tmp_path):
    """Sounds of features may be further apart than full scale."""
    run = run_with(tmp_path, made())
    folder = add_example(run, "one")
    original, rate = files.read(folder / "original.flac")
    original = 0.9 * original / np.abs(original).max()
    files.write(folder / "original.flac", original, rate)
    files.write(folder / "adversarial.flac", -original, rate)
    assert len(Page(report.write(run)).all("audio")) == 3


def test_clips_of_different_lengths_are_refused(tmp_path):
    run = run_with(tmp_path, made())
    folder = add_example(run, "one")
    files.write(folder / "adversarial.flac", np.zeros(99, dtype=np.float32), 16_000)
    with pytest.raises(StaanetError, match="one length and rate"):
        report.write(run)
