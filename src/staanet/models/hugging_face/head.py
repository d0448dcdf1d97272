"""The classification head of a Hugging Face checkpoint: its labels, and whether it decides between them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from staanet.core.errors import StaanetError

SOFTMAX = (None, "single_label_classification")
"""Values of `problem_type` for a head whose largest output is its decision."""

DIMENSIONS = {"arousal", "activation", "dominance", "valence"}
"""Labels of heads that predict emotional dimensions as numbers."""

NAMED = 8
"""Number of weights that an error message names."""

FINE_TUNE = (
    "fine-tune it with a new head first (staanet train hugging_face --checkpoint; in an experiment, give it a training "
    "or use it as a source of contrastive only)"
)


def read_labels(config: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """Return the labels of a checkpoint in the order of its logits, if its head decides between them.

    Args:
        config: Content of `config.json`. Without `id2label`, labels are LABEL_0, LABEL_1 and so on, as in
            `transformers`; `label2id` may be missing or have these default names.
        where: File from which the configuration comes, with which error messages begin.

    Raises:
        StaanetError: If `id2label` does not number the labels from 0 without gaps, two labels are equal or differ only
            in capital letters, `label2id` or `num_labels` disagrees with `id2label`, or the head is one for regression
            or for several labels at once, whose largest output is no decision.

    >>> read_labels({"id2label": {"0": "anger", "1": "joy"}}, "config.json")
    ('anger', 'joy')
    """
    labels = _names(config, where)
    _check_decides(config.get("problem_type"), labels, where)
    folded = [label.strip().casefold() for label in labels]
    if "" in folded or len(set(folded)) < len(labels):
        raise StaanetError(
            f"{where}: expected id2label with labels that differ in more than capital letters, got "
            f"{', '.join(labels)}; rename them"
        )
    _check_inverse(config.get("label2id"), labels, where)
    count = config.get("num_labels", len(labels))
    if count != len(labels):
        raise StaanetError(
            f"{where}: expected num_labels = {len(labels)}, the number of labels in id2label, got {count!r}; correct it"
        )
    return labels


def are_default(labels: Sequence[str]) -> bool:
    """Return whether labels are those that `transformers` writes for a model without names of its classes."""
    return tuple(labels) == _default(len(labels))


def _default(count: int) -> tuple[str, ...]:
    return tuple(f"LABEL_{number}" for number in range(count))


def _names(config: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """Return the labels in the order of their numbers."""
    table = config.get("id2label")
    if table is None:
        count = config.get("num_labels") or 2  # the default of transformers
        if not isinstance(count, int):
            raise StaanetError(f"{where}: expected num_labels as an integer, got {count!r}; correct it")
        return _default(count)
    if not isinstance(table, dict) or not table or not all(isinstance(name, str) for name in table.values()):
        raise StaanetError(
            f'{where}: expected id2label as a table of names, such as {{"0": "anger", "1": "joy"}}, got {table!r}; '
            "correct it"
        )
    numbers = [str(number) for number in range(len(table))]
    if set(table) != set(numbers):
        raise StaanetError(
            f"{where}: expected id2label with the numbers {', '.join(numbers)} of the {len(numbers)} outputs, got "
            f"{', '.join(table)}; number the labels from 0 without gaps, in the order of the outputs"
        )
    return tuple(table[number] for number in numbers)


def _check_inverse(numbers: Any, labels: Sequence[str], where: str) -> None:
    """Check that `label2id`, if there is one with names of its own, is the inverse of `id2label`."""
    if numbers is None:
        return
    if not isinstance(numbers, dict):
        raise StaanetError(f"{where}: expected label2id as a table of numbers, got {numbers!r}; remove it")
    given = {name: str(number) for name, number in numbers.items()}
    expected = {label: str(number) for number, label in enumerate(labels)}
    if set(given) == set(_default(len(given))) and not are_default(labels):
        return
    for name in (*labels, *given):
        if given.get(name) != expected.get(name):
            raise StaanetError(
                f"{where}: expected label2id to be the inverse of id2label, got {name} = {given.get(name)} in label2id "
                f"and {expected.get(name)} in id2label; correct the wrong one"
            )


def _check_decides(problem: Any, labels: Sequence[str], where: str) -> None:
    """Check that the largest output of a head is its decision."""
    names = ", ".join(labels)
    if problem == "regression" or len(labels) == 1 or {label.strip().casefold() for label in labels} <= DIMENSIONS:
        raise StaanetError(
            f"{where}: expected a head that decides between labels, got a regression head ({names}), whose largest "
            f"output is no decision; load it by load_model with its dimensions = [{names}], or {FINE_TUNE}"
        )
    if problem not in SOFTMAX:
        what = "a multi-label head" if problem == "multi_label_classification" else f"a head for {problem!r}"
        raise StaanetError(
            f"{where}: expected a head that decides between labels, got {what} ({names}), whose largest output is no "
            f"decision; {FINE_TUNE}, or set problem_type = single_label_classification if it was trained with a softmax"
        )


def fault_of_weights(network: Any, report: Mapping[str, Any], config: Mapping[str, Any]) -> str | None:
    """Return why the head of a loaded network is not that of its checkpoint, as "expected ..., found ...".

    Args:
        network: The network, as `from_pretrained` returns it.
        report: Missing, mismatched and unexpected weights, as `from_pretrained` returns them.
        config: Content of `config.json`.
    """
    kind = type(network).__name__
    missing = of_head(network, report["missing_keys"])
    if missing:
        unused = of_head(network, report["unexpected_keys"])
        named = ", ".join(unused[:NAMED]) + (f" and {len(unused) - NAMED} others" if len(unused) > NAMED else "")
        others = f" but {named}, which {kind} does not have" if unused else ""
        return f"expected trained weights of a head, found none for {', '.join(missing)}{others}"
    shapes = {name: (list(found), list(wanted)) for name, found, wanted in report["mismatched_keys"]}
    for name in of_head(network, shapes):
        found, wanted = shapes[name]
        return f"expected {name} of shape {wanted} for {network.config.num_labels} labels, found {found}"
    architectures = config.get("architectures")
    if architectures and kind not in architectures:
        named = ", ".join(architectures) if isinstance(architectures, list) else architectures
        return f"expected a head of {kind}, found one of {named} (architectures in config.json), which may differ"
    return None


def of_head(network: Any, names: Iterable[str]) -> list[str]:
    """Return those names of weights that do not belong to the encoder of a network, sorted."""
    return sorted(name for name in names if not name.startswith(f"{encoder_name(network)}."))


def encoder_name(network: Any) -> str:
    """Return the attribute of a network that is its encoder: its base model, or that of Whisper, which has none."""
    prefix: str = network.base_model_prefix
    return prefix if hasattr(network, prefix) else "encoder"
