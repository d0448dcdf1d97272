"""Attack one clip and write the result to a file: python examples/attack_one_clip.py [CLIP CHECKPOINT].

Without arguments the clip is synthetic and the model untrained, so the numbers do not mean anything.
"""

import sys
import tempfile
from pathlib import Path

import torch

import staanet
from staanet.audio import files
from staanet.corpora import Synthetic
from staanet.models import Model


def load(arguments: list[str]) -> tuple[torch.Tensor, Model]:
    """Return a clip `[1, T]` at the sampling rate of the model, and the model."""
    if arguments:
        samples, rate = files.read(Path(arguments[0]))
        model = staanet.load_model(arguments[1])
    else:
        corpus = Synthetic(speakers=3, sentences=1)
        samples, rate = corpus.read(Path(), corpus.validate(Path()).utterances[0])
        torch.manual_seed(0)
        model = staanet.create_model("emo18", labels=corpus.labels(Path()), seconds=1.0).eval()
    waveform = files.resample(files.mono(samples), rate, model.sample_rate).clip(-1, 1)
    return torch.from_numpy(waveform)[None], model


def main() -> None:
    clip, model = load(sys.argv[1:])
    with torch.no_grad():
        predicted = model(clip).argmax(1)

    # 17 dB below the peak of the clip on 12 % of the samples: the operating point of the STAA-Net paper on DEMoS
    attack = staanet.create_attack("noise", snr_db=17, sparsity=0.12)
    adversarial = attack(model, clip, predicted, seed=0)

    # the true class of the clip is unknown here, so the model's prediction takes its place
    outcome = staanet.observe(model, clip, adversarial, predicted)
    print(f"before: {model.labels[int(outcome.predicted_clean[0])]}")
    print(f"after:  {model.labels[int(outcome.predicted_adv[0])]}")
    for name in ("sparsity", "snr_peak_db", "snr_energy_db", "linf"):
        print(f"{name}: {staanet.summary(outcome)[name]:.3f}")

    path = Path(tempfile.mkdtemp()) / "adversarial.flac"
    files.write(path, adversarial[0].numpy(), model.sample_rate)
    print(f"written: {path}")


if __name__ == "__main__":
    main()
