"""Emo18: three convolutions and an LSTM on the raw waveform (Tzirakis et al., ICASSP 2018)."""

from torch import nn

from staanet.models.base import ModelSettings
from staanet.models.layers.convolution import ConvBlock
from staanet.models.layers.recurrent import Recurrent


class Emo18(Recurrent):
    """Three convolutions and two LSTM layers on the raw waveform; 1 302 087 parameters at 7 classes.

    The smaller of the two models that the STAA-Net paper trains from scratch.
    Structure: arXiv 2402.01227, section 4.2; P. Tzirakis, J. Zhang, B. W. Schuller, "End-to-end speech emotion
    recognition using deep neural networks", ICASSP 2018.

    >>> model = Emo18(ModelSettings(labels=tuple("ABCDEFG")))
    >>> sum(parameter.numel() for parameter in model.parameters())
    1302087
    """

    name = "emo18"
    pooling_stride = 10 * 8 * 8

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__(
            settings,
            ConvBlock(1, 64, kernel=8, pool=10, activation=nn.LeakyReLU),
            ConvBlock(64, 128, kernel=6, pool=8, activation=nn.LeakyReLU),
            ConvBlock(128, 256, kernel=6, pool=8, activation=nn.LeakyReLU),
        )
