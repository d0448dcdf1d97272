"""Attack a scikit-learn pipeline: a function of waveforms that returns logarithms of its probabilities.

The pipeline classifies the means of MFCCs, as many published ones do. It has no gradients, so the attack is one that
needs scores only.
"""

from pathlib import Path

import numpy as np
import torch
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

import staanet
from staanet.audio.front_ends import Chain, Mfcc, Statistics
from staanet.corpora import Synthetic
from staanet.data.dataset import collate

features = Chain(Mfcc(sr=16_000, n_mfcc=40), Statistics("mean"))  # equal to librosa.feature.mfcc(...).mean(axis=1)
pipeline = make_pipeline(StandardScaler(), MLPClassifier((64,), max_iter=1000, random_state=0))


def model(waveforms: Tensor, lengths: Tensor) -> Tensor:
    """Return the logarithms of the pipeline's probabilities, `[B, K]`."""
    probabilities = pipeline.predict_proba(features(waveforms, lengths).detach().numpy())
    return torch.from_numpy(np.log(probabilities.clip(1e-12))).float()


corpus = Synthetic(speakers=5, sentences=3)
labels = corpus.labels(Path())


def clips(speakers: set[str]):
    chosen = [u for u in corpus.validate(Path()).utterances if u.speaker in speakers]
    sounds = [torch.from_numpy(corpus.read(Path(), u)[0][:, 0]) for u in chosen]
    return collate(sounds, [labels.index(u.label) for u in chosen], [u.id for u in chosen])


train, test = clips({"s00", "s01", "s02"}), clips({"s03", "s04"})
pipeline.fit(features(train.waveforms, train.lengths).numpy(), train.labels.numpy())

for name, settings in (("noise", {}), ("sparse_rs", {"queries": 50})):
    attack = staanet.create_attack(name, snr_db=30, sparsity=0.12, **settings)
    predicted = model(test.waveforms, test.lengths).argmax(1)
    adversarial = attack(model, test.waveforms, predicted, test.lengths, seed=0)
    metrics = staanet.summary(staanet.observe(model, test.waveforms, adversarial, test.labels, test.lengths))
    values = ", ".join(f"{key} {metrics[key]:.2f}" for key in ("accuracy_clean", "accuracy_adv", "asr"))
    print(f"{name}: {values}")
