"""Bridges to and from the attacks of other libraries, which are imported only when a bridge is used."""

from staanet.attacks.bridges.art import ArtAttack as ArtAttack
from staanet.attacks.bridges.foolbox import as_foolbox_model as as_foolbox_model
from staanet.attacks.bridges.to_art import as_art_attack as as_art_attack
from staanet.attacks.bridges.to_art import as_art_classifier as as_art_classifier
