"""The page of a run: it shows everything that the records hold, and loads nothing from elsewhere."""

import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from staanet import report
from staanet.audio import files
from staanet.core import records
from staanet.core.errors import StaanetError
from staanet.core.files import write_json
from staanet.core.records import Record
from staanet.report import figures

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
        n_robust=28,
        n_fooled=58,
        n_unchanged=0,
        robust_accuracy=0.2745,
        robust_accuracy_ci=(0.1974, 0.3679),
        robust_accuracy_speaker_ci=(0.1874, 0.3779),
        robust_uar=0.26,
        chance=0.25,
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
        one_class_share=0.6863,
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
    "robust_accuracy": 0.5,
    "robust_accuracy_ci": (0.4, 0.6),
    "robust_accuracy_speaker_ci": (0.39, 0.61),
    "robust_uar": 0.45,
    "asr": 0.2059,
    "asr_ci": (0.1373, 0.2941),
    "asr_control": 0.0915,
    "asr_excess": 0.1144,
    "asr_excess_ci": (0.0327, 0.1961),
    "asr_speaker_ci": (0.1273, 0.3041),
    "asr_excess_speaker_ci": (0.0227, 0.2061),
}
PGD = {"attack": "sparse_pgd", "comb_share": None, "notes": {"comb_share": "only generators have strides"}}
ROBUST = {"robust_accuracy": 0.0196, "robust_accuracy_ci": (0, 0.07), "robust_accuracy_speaker_ci": (0, 0.08)}
FOUR = [made(), made(**TRANSFERRED), made(**PGD, **ROBUST, asr=0.93, asr_excess=0.81), made(**PGD, **TRANSFERRED)]


def run_with(folder: Path, *found: Record) -> Path:
    """Write records and their outcomes as a run does."""
    for record in found:
        rows = [{"id": f"clip-{i}", "label": i % 4, "speaker": str(i)} for i in range(3)]
        outcomes = [{**row, "predicted_clean": 0, "predicted_adv": i % 2} for i, row in enumerate(rows)]
        records.write(folder / "records", record, outcomes)
    return folder


def add_example(run: Path, name: str, *, rate: int = 16_000, label: str = "anger", snr: float | None = 17.0) -> Path:
    """Write half a second of hum and the same hum with a few samples changed."""
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


def test_every_undefined_metric_can_be_reported(tmp_path):
    optional = ("fold", "generator", "budget_epsilon", "asr_correct", "asr_correct_ci", "asr_saved", "snr_peak_db")
    more = ("snr_energy_db", "snr_peak_db_fooled", "sparsity_fooled", "comb_share", "commit", "tree_clean")
    nothing = made(**dict.fromkeys(optional + more), sparsity=0.0, notes={"snr_peak_db": "nothing changed"})
    page = Page(report.write(run_with(tmp_path, nothing)))
    assert "nothing changed" in page.text
    assert "commit of some records is not known" in page.text


def test_the_page_needs_nothing_from_elsewhere(page):
    for tag, attributes in page.tags:
        for name in ("src", "srcset", "xlink:href", "data", "poster"):
            if value := attributes.get(name):
                assert value.startswith(("data:", "#")), (tag, value[:60])
        assert "style" not in attributes, (tag, attributes)
    assert not page.all("link")
    assert all("src" not in script for script in page.all("script"))
    assert not any((link["href"] or "").startswith(("http:", "https:", "//")) for link in page.all("a"))


def test_an_excess_that_may_be_zero_is_reported_as_such(tmp_path):
    page = Page(report.write(run_with(tmp_path, made(asr_excess=0.02, asr_excess_speaker_ci=(-0.05, 0.09)))))
    assert "the excess is 2 points (−5 to 9), which is not significantly different from zero." in page.text


def test_flags_are_listed_at_the_top_and_explained_at_the_bottom(page):
    assert "2 of 4 records have flags (comb, no_excess)" in page.text
    assert {"href": "#flags"} in page.all("a")
    assert "The sample index alone explains nearly all positions" in page.text
    assert "docs/flags.md" in page.text


def test_the_page_names_a_few_records_with_a_flag_and_counts_the_others(tmp_path):
    many = [made(f"attack_{number}", flags=["comb"]) for number in range(9)]
    found = Page(report.write(run_with(tmp_path, *many))).text.partition("The sample index alone")[2]
    flagged = found.partition("When each flag is raised")[0]
    assert "9 of 9 records" in flagged
    assert [f"attack_{number}:" in flagged for number in range(9)] == [True] * 6 + [False] * 3
    assert "and 3 more" in flagged


def test_different_commits_and_uncommitted_changes_cause_a_warning(tmp_path, page):
    other = made(commit="b" * 40, tree_clean=False, **TRANSFERRED)
    text = Page(report.write(run_with(tmp_path, made(), other))).text
    assert "come from different commits" in text
    assert "computed with uncommitted changes" in text
    assert "come from different commits" not in page.text


def test_every_heading_of_the_table_sorts(page):
    headings = [attributes for attributes in page.all("th") if attributes["scope"] == "col"]
    buttons = page.all("button")
    widths = {"robustness": 5 + 7, "transfer": 2 + 2 * 5 + 6, "models": 3 + 6, "comparisons": 5 + 6}
    assert len(headings) == sum(widths.values())
    assert len(buttons) == len(headings) + 2  # and one for each example
    assert all(button["type"] == "button" for button in buttons)


def test_white_box_is_a_word(page):
    assert "27.5 [18.7, 37.8] white-box" in page.text


def test_every_figure_has_an_alternative_text(page):
    drawn = [one for one in page.all("svg") if one.get("aria-hidden") != "true"]  # bars repeat the number above
    assert len(drawn) == 4 + 2
    assert all(svg["role"] == "img" and len(svg["aria-label"] or "") > 40 for svg in drawn)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_figures_show_robust_accuracy_and_the_line_of_chance(page):
    rates, costs, *_ = (svg["aria-label"] for svg in page.all("svg") if "aria-label" in svg)
    assert rates.startswith("Robust accuracy, ASR and control of 4 records")
    assert "The lowest robust accuracy is 2.0 % (sparse_pgd: emo18 → emo18), where chance is 25.0 %" in rates
    assert costs.startswith("Robust accuracy as a function of sparsity")


@pytest.mark.parametrize(("chances", "lines"), [((0.25,), 1), ((0.25, 0.25), 1), ((0.25, 0.5), 2)])
def test_there_is_a_line_of_chance_for_each_number_of_classes(chances, lines):
    found = [made(f"attack_{place}", chance=chance) for place, chance in enumerate(chances)]
    for draw in (figures.rates, figures.costs):
        figure = Figure(layout="constrained")
        draw(figure, found)
        drawn = [line for line in figure.axes[0].lines if line.get_linestyle() == ":"]
        assert len(drawn) == lines
        assert [text.get_text() for text in figure.legends[0].texts].count("chance") == 1
    assert sorted({float(value) for line in drawn for value in line.get_ydata()}) == sorted(set(chances))


def test_the_page_has_robust_accuracy_before_everything_else(page):
    sections = [attributes["id"] for attributes in page.all("section")]
    assert sections[:2] == ["robustness", "transfer"]
    lead = page.text.index("the robust accuracy of")
    assert lead < page.text.index("changed 93") < page.text.index("Robust accuracy of each model in the worst case")


def test_every_example_has_four_players(page):
    players = page.all("audio")
    assert len(players) == 2 * 4
    assert all("controls" in player and player["aria-label"] for player in players)
    assert all((player["src"] or "").startswith("data:audio/flac;base64,") for player in players)
    assert "Perturbation, 23 dB louder" in page.text  # 0.3 over 0.02
    assert "zhao19: anger → anger (unchanged)" in page.text
    assert "peak SNR undefined" in page.text


def test_names_are_text_never_markup(tmp_path):
    evil = "<script>alert('x')</script>"
    changes = {"labels": [evil, "b", "c", "d"], "corpus": evil, "experiment": evil, "settings": {evil: evil}}
    run = run_with(tmp_path, made(**changes, source=evil.replace("/", ""), notes={"comb_share": evil}, flags=[evil]))
    add_example(run, "one", label=evil)
    page = Page(report.write(run))
    assert [script.get("type") for script in page.all("script")] == ["application/json"] * 2 + [None] * 3
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


def test_no_records_is_one_line(tmp_path):
    with pytest.raises(StaanetError, match="expected records") as caught:
        report.write(tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "report").exists()


def test_a_run_without_examples_has_no_players(tmp_path):
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
    with pytest.raises(StaanetError, match="same length and sampling rate"):
        report.write(run)
