"""Training of small robust networks: standard, FGSM with random start, PGD, TRADES; resumable, on the attack engine."""

from advwindow.training.adversary import perturbed
from advwindow.training.course import train
from advwindow.training.fit import Epoch, Progress, Samples, train_epoch
from advwindow.training.recipe import INNER, METHODS, Inner, Method, Recipe

__all__ = [
    "INNER",
    "METHODS",
    "Epoch",
    "Inner",
    "Method",
    "Progress",
    "Recipe",
    "Samples",
    "perturbed",
    "train",
    "train_epoch",
]
