"""A run in a notebook: the figure of the page, and the sounds of the examples."""

import re

import pytest

import staanet
from report.test_report import FOUR, add_example, run_with
from staanet.core.errors import StaanetError
from staanet.core.run import Layout


@pytest.fixture
def run(tmp_path):
    folder = run_with(tmp_path / "run", *FOUR)
    for name in ("one", "two"):
        add_example(folder, name, label="<anger>")
    return staanet.Run(folder)


def test_a_plot_is_the_figure_of_all_records(run):
    plot = run.plot()
    assert plot._repr_html_().startswith("<svg")
    assert f"robust accuracy, ASR and control of {len(FOUR)} records" in repr(plot)
    assert len(repr(plot)) < 400
    prefixes = set(re.findall(r'id="(run-\w+)-', plot._repr_html_()))
    assert len(prefixes) == 1


def test_a_clip_is_played_before_and_after_the_attack(run):
    sounds = run.listen("clip one")
    text = sounds._repr_html_()
    assert text.count("<audio controls") == 2
    assert len(set(re.findall(r'src="data:audio/flac;base64,([^"]+)"', text))) == 2
    assert "emo18: anger → joy; zhao19: anger → anger" in text
    assert "&lt;anger&gt;" in text
    assert "<anger>" not in text
    assert f"{run.folder / 'examples' / 'one'}/original.flac" in repr(sounds)
    assert len(repr(sounds)) < 400


def test_a_clip_without_an_example_is_refused(run, tmp_path):
    with pytest.raises(StaanetError, match="expected an example of a clip from clip one, clip two; got 'clip on'"):
        run.listen("clip on")
    with pytest.raises(StaanetError, match="expected a run with examples to listen to, found none"):
        staanet.Run(run_with(tmp_path / "silent", *FOUR)).listen("clip one")


def test_a_run_without_records_has_no_plot(tmp_path):
    run = staanet.Run(tmp_path / "counts")
    run.write(Layout("Counts only"))
    with pytest.raises(StaanetError, match="expected a run with records, got one without"):
        run.plot()
