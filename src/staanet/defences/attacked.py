"""The base class of training defences that attack the model in training."""

from dataclasses import dataclass
from typing import Any

from staanet.attacks import Attack, create_attack
from staanet.core.errors import StaanetError
from staanet.defences.base import TrainingDefence
from staanet.models import Model


@dataclass(frozen=True)
class AttackedTraining(TrainingDefence):
    """A training defence that learns from clips which an attack of the registry makes on the current model.

    Training starts from the base model, if there is one.

    Args:
        attack: Table with the attack's registry name under the key `attack`, and its settings.
    """

    attack: dict[str, Any]

    def __post_init__(self) -> None:
        """Validate the settings."""
        self.build()

    def build(self) -> Attack:
        """Build the attack.

        Raises:
            StaanetError: If the table names no attack, or a setting is invalid.
        """
        settings = dict(self.attack)
        if "attack" not in settings:
            raise StaanetError(f"expected the name of an attack as attack, got {self.attack}")
        return create_attack(settings.pop("attack"), **settings)

    def begin(self, model: Model, base_model: Model | None) -> None:
        """Copy the weights of the base model, if there is one."""
        if base_model is not None:
            model.load_state_dict(base_model.state_dict())
