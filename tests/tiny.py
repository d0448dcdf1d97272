"""Settings with which networks and attacks take milliseconds."""

import torch

from staanet.core.seeds import seeded

with seeded("speech"):
    SPEECH = tuple(torch.rand(5, 500) - 0.5)
"""Clips of others, of which the attack `babble` is mixed."""

TINY = {
    "compact": {"frame": 4, "widths": (8, 16), "detail": 2},
    "compact_magnitudes": {"frame": 4, "widths": (8, 16), "detail": 2},
    "conditional": {"frame": 4, "widths": (8, 16), "detail": 2},
    "conditional_small": {"frame": 4, "widths": (8, 16), "detail": 2},
    "gradient_deconvolutional": {"frame": 4, "widths": (8, 16), "detail": 2},
    "gradient_conditional": {"frame": 4, "widths": (8, 16), "detail": 2},
    "deconvolutional": {"frame": 4, "widths": (8, 16), "detail": 2},
    "universal": {"period": 350},
    "wave_unet": {"channels": (8, 16, 32)},
    "wave_unet_magnitudes": {"channels": (8, 16, 32)},
}

WHISPER = {
    "d_model": 32,
    "encoder_layers": 2,
    "encoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "num_mel_bins": 80,
    "max_source_positions": 50,
}
"""Sizes of a tiny encoder of Whisper for clips of 1 s."""

TINY_MODELS = {
    "cnn_lstm": {"spectrogram": {"bands": 32, "n_fft": 64, "hop": 20, "decibels": "published"}, "width": 8},
    "whisper": {"architecture": WHISPER},
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


SPECTROGRAM = {
    "audio-spectrogram-transformer": {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "patch_size": 4,
        "frequency_stride": 4,
        "time_stride": 4,
        "max_length": 32,
        "num_mel_bins": 16,
    },
    "whisper": {
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 1,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64,
        "num_mel_bins": 80,
        "max_source_positions": 50,
        "vocab_size": 8,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "decoder_start_token_id": 1,
        "classifier_proj_size": 16,
    },
    "wav2vec2-bert": {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "feature_projection_input_dim": 32,
        "conv_depthwise_kernel_size": 3,
        "classifier_proj_size": 16,
    },
}
"""Sizes of tiny networks on spectrograms, by family."""

EXTRACTORS = {
    "audio-spectrogram-transformer": ("ASTFeatureExtractor", {"num_mel_bins": 16, "max_length": 32}),
    "whisper": ("WhisperFeatureExtractor", {"feature_size": 80, "chunk_length": 1}),
    "wav2vec2-bert": ("SeamlessM4TFeatureExtractor", {"feature_size": 16, "num_mel_bins": 16, "padding_value": 1}),
}
"""Feature extractors of the networks on spectrograms and their settings, by family."""


def hugging_face(
    folder,
    family="wav2vec2",
    labels=("a", "b", "c"),
    head=True,
    rate=16_000,
    normalise=True,
    extractor=(),
    **sizes,
):
    """Write a checkpoint with random weights in the format of `transformers` and return its folder."""
    import transformers

    known = {"id2label": dict(enumerate(labels)), "label2id": {label: number for number, label in enumerate(labels)}}
    config = transformers.CONFIG_MAPPING[family](**{**SPECTROGRAM.get(family, TRANSFORMER), **known, **sizes})
    with seeded("checkpoint"):
        network = (transformers.AutoModelForAudioClassification if head else transformers.AutoModel).from_config(config)
    for parameter in network.parameters():
        parameter.data *= 5  # with small initial weights the logits of all clips are almost equal
    network.save_pretrained(folder)
    kind, settings = EXTRACTORS.get(family, ("Wav2Vec2FeatureExtractor", {}))
    settings = {"sampling_rate": rate, "do_normalize": normalise, **settings, **dict(extractor)}
    getattr(transformers, kind)(**settings).save_pretrained(folder)
    return folder
