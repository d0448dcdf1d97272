"""A section for a model card of the Hugging Face hub: figures as metadata, and the result in words."""

import json

from staanet.assessment import wording
from staanet.assessment.protected import wording as protected_wording
from staanet.assessment.result import Evaluation, Point
from staanet.report.wording import interval, percent


def text(found: Evaluation) -> str:
    """Return `model-index` as YAML front matter, and a section on robustness in Markdown.

    Source: the specification of `model-index`, https://github.com/huggingface/hub-docs/blob/main/modelcard.md.
    """
    corpus = found.about["corpus"]
    metrics = [
        _metric("accuracy", "Accuracy, clean", found.accuracy_clean),
        _metric("recall", "Unweighted average recall (UAR), clean", found.uar_clean),
        *(_metric("accuracy", f"Robust accuracy, {_budget(point)}", point.accuracy_robust) for point in found.curve),
        *(
            _metric("accuracy", f"Accuracy under noise, {_budget(point)}", point.accuracy_noise)
            for point in found.curve
            if point.sparsity == 1
        ),
    ]
    front = [
        "---",
        "model-index:",
        f"- name: {_quoted(found.model)}",
        "  results:",
        "  - task:",
        "      type: audio-classification",
        "      name: Speech emotion recognition",
        "    dataset:",
        f"      type: {_quoted(corpus)}",
        f"      name: {_quoted(f'{corpus}, {found.n} clips')}",
        "    metrics:",
        *(line for lines in metrics for line in lines),
        "---",
    ]
    return "\n".join([*front, "", *_section(found), ""])


def _metric(kind: str, name: str, value: float) -> list[str]:
    return [f"    - type: {kind}", f"      name: {_quoted(name)}", f"      value: {value:.4f}"]


def _quoted(value: str) -> str:
    """Return a text as a double-quoted scalar of YAML."""
    return json.dumps(value, ensure_ascii=False)


def _budget(point: Point) -> str:
    if point.sparsity == 1:
        return f"Linf, {point.snr_db:g} dB below the peak"
    share = "one sample" if point.sparsity == 0 else f"{100 * point.sparsity:g} % of the samples"
    return f"L0, {share}, {point.snr_db:g} dB below the peak"


def _section(found: Evaluation) -> list[str]:
    about = found.about
    rows = [
        f"| {_budget(point)} | {percent(point.accuracy_robust)} {interval(point.accuracy_robust_ci)} | "
        f"{percent(point.accuracy_noise)} |"
        for point in found.curve
    ]
    return [
        "## Robustness",
        "",
        wording.headline(found),
        *protected_wording.lines(found),
        wording.breaks(found),
        "",
        "| budget | robust accuracy, % [95 % interval] | under noise, % |",
        "| --- | --- | --- |",
        *rows,
        "",
        "A clip counts as robust if the model is right on it clean and under every attack "
        f"({', '.join(about['attacks'])}) at this budget and all smaller ones; a stronger attack can only lower these "
        "figures. Changes are digital: nothing was played back and recorded.",
        *(f"\n**{name}**: {meaning}." for name, meaning in found.flags.items()),
        "",
        f"Measured by staanet {about['versions']['staanet']}, ensemble {about['settings']['ensemble']}, preset "
        f"{about['settings']['preset']}, on {found.n} clips of {about['speakers']} speakers.",
    ]
