from pathlib import Path

import pytest
import torch

from staanet.attacks import create_attack
from staanet.core.seeds import seeded
from staanet.corpora import Synthetic
from staanet.data import prepare
from staanet.evaluation import AdversarialSet, clean_logits, evaluate, make_adversarial_set
from staanet.evaluation.adversarial import load_clips
from staanet.evaluation.flags import raised
from staanet.models import create_model

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return prepare(
        Synthetic(speakers=3, sentences=1, seconds=(0.5, 0.6)),
        Path(),
        tmp_path_factory.mktemp("datasets") / "synthetic",
    )


@pytest.fixture(scope="module")
def model(dataset):
    with seeded("model"):
        return create_model("emo18", dataset.labels, seconds=0.3).eval()


def attack_all(dataset, model, folder, protocol="file", batch_size=5, **budget):
    attack = create_attack("noise", **(budget or {"snr_db": 10.0, "sparsity": 0.2}))
    labels = {clip: dataset.label(clip) for clip in dataset.utterances}
    return make_adversarial_set(
        attack,
        model,
        dataset,
        labels,
        folder,
        protocol=protocol,
        batch_size=batch_size,
        seed=0,
        device=CPU,
    )


def evaluated(dataset, model, adversarial, protocol="file", size=None):
    clips = list(dataset.utterances)
    how = {"protocol": protocol, "size": size or model.trained_length, "batch_size": 5, "device": CPU}
    clean = clean_logits(model, dataset, clips, **how)
    return evaluate(model, dataset, clips, adversarial, clean, seed=0, **how)


def test_clips_keep_their_own_length(dataset, model, tmp_path):
    adversarial = attack_all(dataset, model, tmp_path / "set")
    for clip in dataset.utterances:
        assert len(adversarial.waveform(clip)) == dataset.length(clip)
        assert not torch.equal(adversarial.waveform(clip), dataset.waveform(clip))


def test_batches_that_are_there_are_kept(dataset, model, tmp_path):
    whole = attack_all(dataset, model, tmp_path / "set")
    (tmp_path / "set" / "done.json").unlink()
    kept, lost, *_ = sorted((tmp_path / "set").glob("batch-*.safetensors"))
    written = kept.stat().st_mtime_ns
    lost.unlink()
    again = attack_all(dataset, model, tmp_path / "set")
    assert kept.stat().st_mtime_ns == written
    assert all(torch.equal(whole.waveform(clip), again.waveform(clip)) for clip in dataset.utterances)


def test_the_papers_protocol_perturbs_each_repeat_differently(dataset, tmp_path):
    long = create_model("emo18", dataset.labels, seconds=1.5).eval()
    adversarial = attack_all(dataset, long, tmp_path / "set", protocol="paper")
    clip = min(dataset.utterances, key=dataset.length)
    length = dataset.length(clip)
    clean = load_clips(dataset, [clip], "paper", long.trained_length)
    change = adversarial.waveform(clip) - clean.waveforms[0]
    assert len(change) == long.trained_length == 24_000
    assert not torch.equal(change[:length], change[length : 2 * length])
    figures, _ = evaluated(dataset, long, adversarial, protocol="paper")
    assert figures["sparsity"] == pytest.approx(0.2, abs=1e-3)


def test_saved_audio_decides_like_the_unsaved(dataset, model, tmp_path):
    figures, rows = evaluated(dataset, model, attack_all(dataset, model, tmp_path / "set"))
    assert figures["asr_saved"] == pytest.approx(figures["asr"])
    assert all(row["predicted_saved"] == row["predicted_adv"] for row in rows)


def test_unchanged_clips_score_zero_and_raise_the_flag(dataset, model, tmp_path):
    figures, _ = evaluated(dataset, model, attack_all(dataset, model, tmp_path / "set", epsilon=0.0))
    assert figures["asr"] == figures["asr_control"] == figures["asr_excess"] == 0
    assert "empty_perturbation" in raised(figures)
    assert figures["snr_peak_db"] is None
    assert figures["notes"]["snr_peak_db"] == "no clip was changed"


def test_a_zero_perturbation_scores_zero_on_a_target_of_another_length(dataset, model, tmp_path):
    adversarial = attack_all(dataset, model, tmp_path / "set", protocol="paper", epsilon=0.0)
    longer = create_model("zhao19", dataset.labels, seconds=0.45).eval()
    figures, rows = evaluated(dataset, longer, adversarial, protocol="paper", size=model.trained_length)
    assert figures["asr"] == 0
    assert all(row["margin_adv"] == pytest.approx(row["margin_clean"], abs=1e-5) for row in rows)


def test_another_batch_size_goes_on_with_the_same_clips(dataset, model, tmp_path):
    whole = attack_all(dataset, model, tmp_path / "whole")
    first = attack_all(dataset, model, tmp_path / "set", batch_size=3)
    (tmp_path / "set" / "done.json").unlink()
    again = attack_all(dataset, model, tmp_path / "set", batch_size=4)
    for clip in dataset.utterances:
        assert torch.equal(whole.waveform(clip), again.waveform(clip))
        assert torch.equal(whole.waveform(clip), first.waveform(clip))


def test_an_unfinished_set_is_reported(tmp_path):
    with pytest.raises(ValueError, match="finished adversarial set"):
        AdversarialSet(tmp_path)


def test_a_batch_that_was_damaged_is_told_and_attacked_again(dataset, model, tmp_path, caplog):
    whole = attack_all(dataset, model, tmp_path / "whole")
    attack_all(dataset, model, tmp_path / "set")
    (tmp_path / "set" / "done.json").unlink()
    batches = sorted((tmp_path / "set").glob("batch-*"))
    content = bytearray(batches[1].read_bytes())
    content[-100:] = bytes(100)
    batches[1].write_bytes(content)
    kept = batches[0].stat().st_mtime_ns
    again = attack_all(dataset, model, tmp_path / "set")
    assert f"{batches[1]}: expected the contents that were written, got others" in caplog.text
    assert batches[0].stat().st_mtime_ns == kept
    assert all(torch.equal(again.waveform(clip), whole.waveform(clip)) for clip in dataset.utterances)
