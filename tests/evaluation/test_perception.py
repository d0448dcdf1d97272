from pathlib import Path

import pytest
import torch

from staanet.attacks import create_attack
from staanet.core.seeds import seeded
from staanet.corpora import Synthetic
from staanet.data import prepare
from staanet.evaluation import clean_logits, evaluate, make_adversarial_set, perceive
from staanet.evaluation.case import figures
from staanet.evaluation.perception import averaged
from staanet.metrics.perception import MEASURES
from staanet.models import create_model


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return prepare(
        Synthetic(speakers=3, sentences=1, seconds=(0.5, 0.6)),
        Path(),
        tmp_path_factory.mktemp("datasets") / "synthetic",
    )


def attacked(dataset, folder, seconds, protocol):
    clips = sorted(dataset.utterances)[:3]
    with seeded("model"):
        model = create_model("emo18", dataset.labels, seconds=seconds).eval()
    attack = create_attack("noise", snr_db=20.0, sparsity=0.2)
    labels = dict.fromkeys(clips, 0)
    how = {"protocol": protocol, "batch_size": 2, "seed": 0, "device": torch.device("cpu")}
    return clips, make_adversarial_set(attack, model, dataset, labels, folder, **how)


def test_every_clip_has_its_measures_or_reasons(dataset, tmp_path):
    clips, adversarial = attacked(dataset, tmp_path / "set", 0.3, "file")
    rows = {row["id"]: row for row in perceive(dataset, clips, adversarial)}
    assert sorted(rows) == clips
    for clip, row in rows.items():
        for name, measure in MEASURES.items():
            value, reason = measure(dataset.waveform(clip), adversarial.waveform(clip), dataset.sample_rate)
            assert (row[name], row["undefined"].get(name)) == (value, reason)


@pytest.mark.parametrize(("seconds", "stretch"), [(0.45, 7_200), (0.9, None)])
def test_the_papers_protocol_compares_the_stretch_in_common(dataset, tmp_path, seconds, stretch):
    clips, adversarial = attacked(dataset, tmp_path / "set", seconds, "paper")
    for row in perceive(dataset, clips, adversarial):
        clean, twin = adversarial.pair(dataset, row["id"])
        assert len(clean) == len(twin) == (stretch or dataset.length(row["id"]))
        assert torch.equal(clean, dataset.waveform(row["id"])[: len(clean)])
        assert row["si_sdr_db"] == MEASURES["si_sdr_db"](clean, twin, dataset.sample_rate).value


def test_figures_follow_from_the_rows_alone_as_pooling_needs(dataset, tmp_path):
    clips, adversarial = attacked(dataset, tmp_path / "set", 0.3, "file")
    with seeded("target"):
        target = create_model("zhao19", dataset.labels, seconds=0.3).eval()
    how = {"protocol": "file", "size": 4_800, "batch_size": 2, "device": torch.device("cpu")}
    clean = clean_logits(target, dataset, clips, **how)
    perceived = perceive(dataset, clips, adversarial)
    found, rows = evaluate(target, dataset, clips, adversarial, clean, seed=0, perception=perceived, **how)
    assert found == figures(rows, len(dataset.labels), adversarial.figures)
    assert found["stoi"] == pytest.approx(sum(own["stoi"] for own in perceived) / len(perceived))


def row(clip, fooled, reason=None, **values):
    found = dict.fromkeys(MEASURES, 1.0) | values
    undefined = {name: reason for name, value in found.items() if value is None}
    return {"id": clip, "predicted_clean": 0, "predicted_adv": int(fooled), **found, "undefined": undefined}


def test_means_are_over_the_clips_that_have_a_value():
    rows = [
        row("a", fooled=True, stoi=0.5),
        row("b", fooled=False, stoi=0.9, pesq=None, reason="it is short"),
        row("c", fooled=True, stoi=0.7, pesq=None, reason="it is silent"),
        row("d", fooled=False, stoi=None, pesq=None, reason="it is short"),
    ]
    means, notes = averaged(rows)
    assert (means["stoi"], means["stoi_fooled"]) == (pytest.approx(0.7), pytest.approx(0.6))
    assert (means["pesq"], means["pesq_fooled"]) == (1, 1)
    assert notes == {
        "stoi": "1 of 4 clips skipped, most often because it is short",
        "pesq": "3 of 4 clips skipped, most often because it is short",
        "pesq_fooled": "1 of 2 clips skipped, most often because it is silent",
    }


def test_what_no_clip_has_is_none_with_a_reason():
    means, notes = averaged([row("a", fooled=False, pesq=None, reason="it is short")])
    assert means["pesq"] is means["pesq_fooled"] is means["stoi_fooled"] is None
    assert notes["pesq"] == "1 of 1 clips skipped, most often because it is short"
    assert notes["pesq_fooled"] == notes["stoi_fooled"] == "no clip was fooled"


def test_what_was_not_measured_has_no_note():
    bare = {"id": "a", "predicted_clean": 0, "predicted_adv": 1}
    for rows in ([bare], [bare, row("b", fooled=True)]):
        means, notes = averaged(rows)
        assert set(means.values()) == {None}
        assert len(means) == 2 * len(MEASURES)
        assert not notes
