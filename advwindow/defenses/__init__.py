"""Defences at test time: transforms of images, ensembles, smoothing and its certificates, each attackable as it is."""

from advwindow.defenses.around import Around, Enclosed
from advwindow.defenses.base import Chain, Declared, Defense, straight_through
from advwindow.defenses.catalog import DEFENSES, DefenseTraits, defend, defense_refs, single_pass, traits
from advwindow.defenses.certify import Certificate, base_of, certify

__all__ = [
    "DEFENSES",
    "Around",
    "Certificate",
    "Chain",
    "Declared",
    "Defense",
    "DefenseTraits",
    "Enclosed",
    "base_of",
    "certify",
    "defend",
    "defense_refs",
    "single_pass",
    "straight_through",
    "traits",
]
