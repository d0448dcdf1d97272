"""A victim asked for some of its emotions only."""

from collections.abc import Sequence

from torch import Tensor, nn

from staanet.models.base import Network, Victim


class LabelView(Victim):
    """A victim that decides between `labels`, some of its own: the logits of the others are left out.

    So a victim trained on one corpus can be held against clips of another, over the emotions that both have.

    >>> import torch
    >>> from staanet.models import create_victim
    >>> view = LabelView(create_victim("emo18", ("anger", "boredom", "fear"), seconds=0.1), ("fear", "anger"))
    >>> view(torch.zeros(1, 1600)).shape
    torch.Size([1, 2])
    """

    def __init__(self, victim: Victim, labels: Sequence[str]) -> None:
        nn.Module.__init__(self)
        self.victim = victim
        self.labels = tuple(labels)
        self.settings, self.sample_rate, self.trained_length = (
            victim.settings,
            victim.sample_rate,
            victim.trained_length,
        )
        self._columns = [victim.labels.index(label) for label in labels]
        self.eval()

    @property
    def name(self) -> str:  # type: ignore[override]
        """The victim's name."""
        return self.victim.name

    @property
    def pooling_stride(self) -> int:  # type: ignore[override]
        """The victim's stride."""
        return self.victim.pooling_stride

    def represent(self, waveforms: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the victim's representations `[B, D]` of waveforms `[B, T]`."""
        return self.victim.represent(waveforms, lengths)

    def hear(self, waveforms: Tensor, lengths: Tensor, network: Network | None = None) -> Tensor:  # noqa: ARG002
        """Return the logits `[B, K]` of waveforms `[B, T]` that are neither repeated nor cut any more."""
        return self.victim.hear(waveforms, lengths)[:, self._columns]

    def classify(self, waveforms: Tensor) -> Tensor:
        """Return the logits `[B, K]` of standardised waveforms `[B, trained_length]`."""
        return self.victim.classify(waveforms)[:, self._columns]
