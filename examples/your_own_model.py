"""Attack a model of your own: any callable from waveforms `[B, T]` (and lengths `[B]`) to logits `[B, K]`.

This model compares the mean log-mel spectrum of a clip with the mean spectrum of each emotion in the training set.
"""

from pathlib import Path

import torch
from torch import Tensor

import staanet
from staanet.audio.spectrogram import LogMel, log_mel
from staanet.corpora import Synthetic
from staanet.data.dataset import collate


def features(waveforms: Tensor, lengths: Tensor) -> Tensor:
    """Return the mean log-mel spectrum of each clip, `[B, 40]`."""
    frames = log_mel(waveforms, 16_000, LogMel(bands=40, n_fft=512, hop=160))  # [B, 40, F]
    valid = torch.arange(frames.shape[2]) < (lengths // 160)[:, None]  # excludes padding
    return (frames * valid[:, None]).sum(2) / valid.sum(1, keepdim=True)


class NearestSpectrum:
    """A classifier without a network: logits are negative distances to the mean spectra of the emotions."""

    def __init__(self, means: Tensor) -> None:
        self.means = means

    def __call__(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        return -torch.cdist(features(waveforms, lengths), self.means)


def main() -> None:
    corpus = Synthetic(speakers=5, sentences=3)
    labels = corpus.labels(Path())

    def clips(speakers: set[str]):
        chosen = [u for u in corpus.validate(Path()).utterances if u.speaker in speakers]
        sounds = [torch.from_numpy(corpus.read(Path(), u)[0][:, 0]) for u in chosen]
        return collate(sounds, [labels.index(u.label) for u in chosen], [u.id for u in chosen])

    train, test = clips({"s00", "s01", "s02"}), clips({"s03", "s04"})
    spectra = features(train.waveforms, train.lengths)
    model = NearestSpectrum(torch.stack([spectra[train.labels == k].mean(0) for k in range(len(labels))]))

    for snr_db in (40, 30, 20):
        attack = staanet.create_attack("noise", snr_db=snr_db, sparsity=0.12)
        predicted = model(test.waveforms, test.lengths).argmax(1)
        adversarial = attack(model, test.waveforms, predicted, test.lengths, seed=0)
        metrics = staanet.summary(staanet.observe(model, test.waveforms, adversarial, test.labels, test.lengths))
        values = ", ".join(f"{name} {metrics[name]:.2f}" for name in ("accuracy_clean", "accuracy_adv", "asr"))
        print(f"noise {snr_db} dB below the peak: {values}")


if __name__ == "__main__":
    main()
