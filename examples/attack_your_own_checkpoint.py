"""Attack a Hugging Face checkpoint: python examples/attack_your_own_checkpoint.py [FOLDER CLIP].

Without arguments the checkpoint is tiny and has random weights, and the clip is synthetic, so the numbers do not mean
anything. This example needs the extra `hf`: pip install ".[hf]".
"""

import sys
import tempfile
from pathlib import Path

import torch
from transformers import AutoModelForAudioClassification, Wav2Vec2Config, Wav2Vec2FeatureExtractor

import staanet
from staanet.audio import files
from staanet.corpora import Synthetic


def random_checkpoint() -> Path:
    """Write a checkpoint with random weights."""
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    convolutions = {"conv_dim": (16, 16), "conv_kernel": (40, 16), "conv_stride": (20, 8), "num_feat_extract_layers": 2}
    labels = dict(enumerate(["anger", "happiness", "neutral", "sadness"]))
    torch.manual_seed(0)
    config = Wav2Vec2Config(**sizes, **convolutions, id2label=labels)
    folder = Path(tempfile.mkdtemp())
    AutoModelForAudioClassification.from_config(config).save_pretrained(folder)
    Wav2Vec2FeatureExtractor().save_pretrained(folder)
    return folder


def main() -> None:
    if len(sys.argv) > 1:
        folder, (samples, rate) = Path(sys.argv[1]), files.read(Path(sys.argv[2]))
    else:
        corpus = Synthetic(speakers=3, sentences=1)
        folder, (samples, rate) = random_checkpoint(), corpus.read(Path(), corpus.validate(Path()).utterances[0])
    waveform = torch.from_numpy(files.resample(files.mono(samples), rate, 16_000).clip(-1, 1))[None]

    model = staanet.load_model(folder)  # labels, sampling rate and normalisation are read from its files
    attack = staanet.create_attack("pgd", snr_db=17, sparsity=0.12)
    adversarial = attack(model, waveform, model(waveform).argmax(1), seed=0)

    outcome = staanet.observe(model, waveform, adversarial, model(waveform).argmax(1))
    for when, predicted in (("before", outcome.predicted_clean), ("after", outcome.predicted_adv)):
        print(f"{when}: {model.labels[int(predicted[0])]}")
    for name in ("sparsity", "snr_peak_db", "linf"):
        print(f"{name}: {staanet.summary(outcome)[name]:.3f}")


if __name__ == "__main__":
    main()
