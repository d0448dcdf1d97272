"""Settings with which networks and attacks take milliseconds."""

import torch

from staanet.core.seeds import seeded

with seeded("speech"):
    SPEECH = tuple(torch.rand(5, 500) - 0.5)
"""Clips of others, of which the attack `babble` is mixed."""

TINY = {
    "compact": {"frame": 4, "widths": (8, 16), "detail": 2},
    "wave_unet": {"channels": (8, 16, 32)},
    "wave_unet_magnitudes": {"channels": (8, 16, 32)},
}

TINY_MODELS = {
    "cnn_lstm": {"spectrogram": {"bands": 32, "n_fft": 64, "hop": 20, "decibels": "published"}, "width": 8},
}

TINY_ATTACKS = {
    "apgd": {"steps": 10, "restarts": 1},
    "art": {"attack_class": "FastGradientMethod"},
    "babble": {"speech": SPEECH},
    "best_of_noise": {"queries": 10},
    "bim": {"steps": 10},
    "boundary": {"queries": 30, "starts": 10},
    "cw_l2": {"rounds": 2, "steps": 10, "learning_rate": 0.5},
    "cw_linf": {"rounds": 3, "steps": 10},
    "deepfool": {"steps": 10},
    "fakebob": {"queries": 30, "draws": 6},
    "fmn": {"steps": 10},
    "pgd": {"steps": 10, "restarts": 2},
    "comb": {"steps": 5},
    "contrastive": {"steps": 10},
    "jsma": {"steps": 10},
    "one_pixel": {"queries": 24, "population": 8},
    "pgd0": {"steps": 10},
    "pixel": {"queries": 24, "population": 8},
    "sigma_zero": {"steps": 10},
    "sparse_pgd": {"steps": 10},
    "sparse_rs": {"queries": 20},
    "sparsefool": {"steps": 20},
    "spgd": {"steps": 10},
}

TRANSFORMER = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "conv_dim": (16, 16),
    "conv_kernel": (10, 3),
    "conv_stride": (5, 2),
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "classifier_proj_size": 16,
}


def hugging_face(folder, family="wav2vec2", labels=("a", "b", "c"), head=True, rate=16_000, normalise=True, **sizes):
    """Write a checkpoint with random weights in the format of `transformers` and return its folder."""
    from transformers import CONFIG_MAPPING, AutoModel, AutoModelForAudioClassification, Wav2Vec2FeatureExtractor

    known = {"id2label": dict(enumerate(labels)), "label2id": {label: number for number, label in enumerate(labels)}}
    config = CONFIG_MAPPING[family](**{**TRANSFORMER, **known, **sizes})
    with seeded("checkpoint"):
        network = (AutoModelForAudioClassification if head else AutoModel).from_config(config)
    for parameter in network.parameters():
        parameter.data *= 5  # with small initial weights the logits of all clips are almost equal
    network.save_pretrained(folder)
    Wav2Vec2FeatureExtractor(sampling_rate=rate, do_normalize=normalise).save_pretrained(folder)
    return folder
