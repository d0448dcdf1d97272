"""Zhao19: four convolutions and an LSTM on the raw waveform (Zhao, Mao, Chen, 2019)."""

from torch import nn

from staanet.models.base import ModelSettings
from staanet.models.layers.convolution import ConvBlock
from staanet.models.layers.recurrent import Recurrent


class Zhao19(Recurrent):
    """Four convolutions and two LSTM layers on the raw waveform; 1 010 759 parameters at 7 classes.

    The deeper of the two models that the STAA-Net paper trains from scratch.
    Structure: arXiv 2402.01227, section 4.2; J. Zhao, X. Mao, L. Chen, "Speech emotion recognition using deep 1D & 2D
    CNN LSTM networks", Biomedical Signal Processing and Control 47, 2019.

    >>> model = Zhao19(ModelSettings(labels=tuple("ABCDEFG")))
    >>> sum(parameter.numel() for parameter in model.parameters())
    1010759
    """

    name = "zhao19"
    pooling_stride = 4**4

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__(
            settings,
            ConvBlock(1, 64, kernel=3, pool=4, activation=nn.ELU),
            ConvBlock(64, 64, kernel=3, pool=4, activation=nn.ELU),
            ConvBlock(64, 128, kernel=3, pool=4, activation=nn.ELU),
            ConvBlock(128, 128, kernel=3, pool=4, activation=nn.ELU),
        )
