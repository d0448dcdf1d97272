"""A tiny study that measures how its attacked clips sound."""

import json
import sys
from statistics import fmean

import pytest

from staanet import study
from staanet.core.errors import StaanetError
from staanet.core.run import Run
from staanet.metrics.perception import MEASURES

FIELDS = [f"{name}{suffix}" for name in MEASURES for suffix in ("", "_fooled")]


@pytest.fixture(scope="module")
def plans(toy, tmp_path_factory):
    """Two experiments that differ in what is measured only: no generator, noise and no noise at all."""
    text = toy.read_text().replace("epochs = 3", "epochs = 1")
    text = text[: text.index("[generators.compact]")] + "[attacks.noise]\n" + '[attacks.nothing]\nattack = "noise"\n'
    folder = tmp_path_factory.mktemp("plans")
    for name, extra in {"silent": "", "measured": "perception = true\n"}.items():
        (folder / f"{name}.toml").write_text(extra + text + "epsilon = 0.0\n")
    return folder


@pytest.fixture(scope="module")
def out(plans, tmp_path_factory):
    """The run of the one that measures nothing, then of the other, in which nothing but records may be made."""
    folder = tmp_path_factory.mktemp("perception")
    before = study.run(plans / "silent.toml", folder)
    assert all(getattr(record, name) is None and name not in record.notes for record in before for name in FIELDS)
    assert not (folder / "tables" / "perception.md").exists()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("data.prepare", "artefacts.models.train_model", "artefacts.adversarial.make_adversarial_set"):
            patch.setattr(f"staanet.study.{name}", lambda *_, **__: pytest.fail("made again"))
        after = study.run(plans / "measured.toml", folder)
    assert not {record.signature for record in before} & {record.signature for record in after}
    return folder


def rows_of(out, attack):
    return {
        record.target: (record, Run(out).outcomes(record)) for record in Run(out).records if record.attack == attack
    }


def test_the_means_are_those_of_the_clips(out):
    for record, rows in rows_of(out, "noise").values():
        fooled = [row for row in rows if row["predicted_adv"] != row["predicted_clean"]]
        for name in MEASURES:
            for suffix, among in (("", rows), ("_fooled", fooled)):
                known = [row[name] for row in among if row[name] is not None]
                value, note = getattr(record, name + suffix), record.notes.get(name + suffix)
                assert value == (pytest.approx(fmean(known)) if known else None)
                assert (note is None) == (0 < len(known) == len(among))
                assert note is None or note == "no clip was fooled" or f" of {len(among)} clips skipped" in note
        assert record.si_sdr_db == pytest.approx(record.snr_energy_db, abs=0.5)
        assert 0 < record.stoi < 1
        assert {"pesq", "pystoi"} <= set(record.versions)


def test_each_set_is_measured_once_for_all_targets(out):
    measured = list((out / "adversarial").glob("*/perception.jsonl"))
    assert len(measured) == 2
    for target in ("emo18", "zhao19"):
        _, rows = rows_of(out, "noise")[target]
        own = {row["id"]: {name: row[name] for name in (*MEASURES, "undefined")} for row in rows}
        (path,) = (path for path in measured if path.parent.name.startswith("noise"))
        found = [json.loads(line) for line in path.read_text().splitlines()]
        assert own == {row.pop("id"): row for row in found}


def test_unchanged_clips_have_their_reasons_and_no_nan(out):
    for record, rows in rows_of(out, "nothing").values():
        assert record.si_sdr_db is record.snr_segmental_db is record.pesq_fooled is None
        assert record.notes["si_sdr_db"] == (
            f"{record.n} of {record.n} clips skipped, most often because the clip was not changed"
        )
        assert record.notes["pesq_fooled"] == "no clip was fooled"
        assert record.log_spectral_distance_db == 0
        assert record.stoi == pytest.approx(1)
        assert {row["undefined"]["si_sdr_db"] for row in rows} == {"the clip was not changed"}
    for path in (*out.glob("records/*"), *out.glob("adversarial/*/perception.jsonl")):
        assert "NaN" not in path.read_text()


def test_the_report_has_the_table(out):
    page = (out / "report" / "index.html").read_text(encoding="utf-8")
    assert '<section id="perception">' in page
    assert "the clip was not changed" in page
    for kind in ("md", "tex", "csv"):
        assert "nothing" in (out / "tables" / f"perception.{kind}").read_text(encoding="utf-8")


def test_a_second_run_finds_everything(plans, out, monkeypatch):
    for name in (
        "artefacts.adversarial.make_adversarial_set",
        "artefacts.cases.evaluate",
        "artefacts.adversarial.perceive",
    ):
        monkeypatch.setattr(f"staanet.study.{name}", lambda *_, **__: pytest.fail("made again"))
    study.run(plans / "measured.toml", out)


def test_a_missing_package_is_told_before_any_work(plans, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pystoi", None)
    with pytest.raises(StaanetError, match=r"found no pystoi; install staanet\[perceptual\]"):
        study.run(plans / "measured.toml", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    study.load(plans / "measured.toml")
