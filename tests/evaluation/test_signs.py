import torch

from staanet.evaluation.signs import BATCH, CLIPS, signs_on_clips
from staanet.models import create_model

CPU = torch.device("cpu")


class Flat(torch.nn.Module):
    """A model whose logits are constant on clips of one class and random on no clip."""

    labels = ("anger", "joy")

    def forward(self, waveforms, lengths):  # noqa: ARG002
        loud = (waveforms.abs().amax(1) > 0.5).float()[:, None]
        return waveforms[:, :2] * loud + torch.tensor([1.0, 0.0])


def test_a_sound_model_shows_no_sign_on_a_dataset(dataset):
    model = create_model("emo18", dataset.labels, seconds=0.2)
    signs = signs_on_clips(model, dataset, sorted(dataset.utterances), protocol="file", size=0, device=CPU)
    assert signs == {
        "randomised": False,
        "batch_dependent": False,
        "padding_dependent": False,
        "probabilities": False,
        "training_mode": False,
        "zero_gradients": 0.0,
        "nonfinite_gradients": 0.0,
    }


def test_shares_are_averaged_over_the_chosen_clips(dataset):
    clips = sorted(dataset.utterances)
    signs = signs_on_clips(Flat(), dataset, clips, protocol="file", size=0, device=CPU)
    flat = [bool(dataset.waveform(clip).abs().amax() <= 0.5) for clip in clips]
    assert len(clips) <= CLIPS
    assert len(clips) > BATCH
    assert signs["zero_gradients"] == sum(flat) / len(flat)
