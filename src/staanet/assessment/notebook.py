"""An evaluation in a notebook: its result in a sentence, and the chart."""

from dataclasses import dataclass
from html import escape

from staanet.assessment import wording
from staanet.assessment.page.chart import curves
from staanet.assessment.result import Evaluation as Figures
from staanet.core.signature import signature
from staanet.report.figures import svg


@dataclass(frozen=True, repr=False)
class Evaluation(Figures):
    """How robust a model is on some clips, as a session shows it: a sentence, and in a notebook the chart."""

    def __repr__(self) -> str:
        return f"<Evaluation: {wording.headline(self)}>"

    def _repr_html_(self) -> str:
        chart = svg(curves, self, prefix=f"evaluation-{signature(wording.headline(self))}")
        flags = [f"{name}: {meaning}" for name, meaning in self.flags.items()]
        sentences = [wording.headline(self), wording.breaks(self), *flags]
        return "".join([*(f"<p>{escape(sentence)}</p>" for sentence in sentences), chart])
