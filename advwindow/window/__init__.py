"""The window: activations to Grams to alignment with words, drift under attack, and verdicts."""

from advwindow.window.alignment import BiasedCka, biased_cka, debiased_cka, rsa
from advwindow.window.capture import POOLINGS, capture, recording
from advwindow.window.evidence import Evidence, LayerEvidence, Trials
from advwindow.window.grams import ConceptSums, Gram, gram_of
from advwindow.window.matching import OneVsTwo, TwoVsTwo, one_vs_two, one_vs_two_grid, two_vs_two
from advwindow.window.observation import Batched
from advwindow.window.options import Options
from advwindow.window.report import LAYER_COLUMNS, Analysis, WindowReport, analyse
from advwindow.window.similarity import SIMILARITIES, similarity
from advwindow.window.verdict import Verdict
from advwindow.window.window import Observation, Window

__all__ = [
    "LAYER_COLUMNS",
    "POOLINGS",
    "SIMILARITIES",
    "Analysis",
    "Batched",
    "BiasedCka",
    "ConceptSums",
    "Evidence",
    "Gram",
    "LayerEvidence",
    "Observation",
    "OneVsTwo",
    "Options",
    "Trials",
    "TwoVsTwo",
    "Verdict",
    "Window",
    "WindowReport",
    "analyse",
    "biased_cka",
    "capture",
    "debiased_cka",
    "gram_of",
    "one_vs_two",
    "one_vs_two_grid",
    "recording",
    "rsa",
    "similarity",
    "two_vs_two",
]
