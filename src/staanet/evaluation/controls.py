"""What a control of a record says depends on the noise with which its target model was trained."""

from collections.abc import Mapping
from typing import Any


def trained_with_control(settings: Mapping[str, Any]) -> bool:
    """Return whether the target model of a record was trained with the distribution of the record's control.

    The control adds random signs of one size at random positions. The augmentation `noise` adds the same to training
    clips, and so does adversarial training by the attack `noise`. The model is then robust to the control, and other
    noise of the same size may change more of its decisions. The training of a base model counts, too. Where an attack
    changes features, its control adds the signs to features, so that noise in waveforms does not count.

    Args:
        settings: The settings of a record (`Record.settings`). Those of a worst case name its members only, and of
            those one must be given.

    >>> trained_with_control({"target": {"training": {"augmentation": {"noise": 0.7}}}})
    True
    >>> trained_with_control({"target": {"training": {"augmentation": {"noise": 0.0}}}})
    False
    """
    return _with_noise(settings.get("target"), settings.get("domain", "waveform"))


def _with_noise(model: Any, domain: str) -> bool:
    """Return whether a model, or the one from which its training started, was trained with random signs in a domain."""
    if not isinstance(model, Mapping):  # an imported model has a hash in the place of its settings
        return False
    augmentation = (model.get("training") or {}).get("augmentation") or {}
    defence = model.get("defence") or {}
    augmented = domain == "waveform" and bool(augmentation.get("noise"))
    attacked = (defence.get("attack") or {}).get("attack") == "noise" and defence.get("domain", "waveform") == domain
    return augmented or attacked or _with_noise(model.get("base_model"), domain)
