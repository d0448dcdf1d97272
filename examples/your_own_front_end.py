"""Port a network that was trained on librosa's features: its layers stay, and front ends in torch replace librosa.

The port is the class `Ported`; the command line and experiments use such a class as `FILE.py:Ported`. The weights are
random here and the clips synthetic, so the numbers do not mean anything.
"""

import tempfile
from pathlib import Path

import librosa
import numpy as np
import torch
from torch import nn

import staanet
from staanet.audio.files import resample
from staanet.audio.front_ends import Chain, Excerpt, MelSpectrogram, PowerToDb, Scaler
from staanet.corpora import Synthetic
from staanet.data.dataset import collate

SCALER = Path(tempfile.mkdtemp()) / "scaler.npz"
MEL = {"sr": 48_000, "n_fft": 1024, "win_length": 512, "window": "hamming", "hop_length": 256, "n_mels": 128}


def in_training(clip: np.ndarray) -> np.ndarray:
    """Return the features on which the network was trained: those of 3 s from 0.5 s on, followed by zeros."""
    signal = np.zeros(3 * 48_000, dtype=np.float32)
    signal[: len(clip) - 24_000] = clip[24_000:][: len(signal)]
    return librosa.power_to_db(librosa.feature.melspectrogram(y=signal, **MEL), ref=np.max)


class Ported(nn.Module):
    labels, sample_rate = ("anger", "happiness", "neutral", "sadness"), 48_000

    def __init__(self) -> None:
        super().__init__()
        excerpt = Excerpt(sr=48_000, offset=0.5, duration=3, fill="zeros")
        self.front_end = Chain(excerpt, MelSpectrogram(**MEL), PowerToDb(ref="max"), Scaler.from_file(SCALER))
        convolutions = nn.Sequential(nn.Conv2d(1, 8, 5, 4), nn.ReLU(), nn.Conv2d(8, 8, 5, 4), nn.ReLU())
        self.layers = nn.Sequential(convolutions, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))

    def forward(self, waveforms: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return self.layers(self.front_end(waveforms, lengths)[:, None])  # [B, 1, 128, 563] -> [B, 4]


torch.manual_seed(0)
corpus, chosen = Synthetic(), Synthetic().validate(Path()).utterances[:2]
sounds = [resample(corpus.read(Path(), u)[0][:, 0], 16_000, 48_000) for u in chosen]
features = np.stack([in_training(sound) for sound in sounds])
np.savez(SCALER, mean=features.mean(), scale=features.std())
clips = collate([torch.from_numpy(sound).clamp(-1, 1) for sound in sounds], [0, 1], ["a", "b"])

model = Ported().eval()  # followed by model.load_state_dict(torch.load("weights.pt")): a front end has no weights
difference = model.front_end(clips.waveforms, clips.lengths).numpy() - (features - features.mean()) / features.std()
print(f"largest difference from librosa: {np.abs(difference).max():.0e}")
predicted = model(clips.waveforms, clips.lengths).argmax(1)
attack = staanet.create_attack("pgd", snr_db=17, steps=5)
adversarial = attack(model, clips.waveforms, predicted, clips.lengths, seed=0)
print(f"changed decisions: {(model(adversarial, clips.lengths).argmax(1) != predicted).sum()} of {len(predicted)}")
