"""The window: activations to Grams to alignment with words, drift under attack, and verdicts.

An image passes once, in this order:

* seen: `capture` -> `sketch` -> `observation` (tallies of `sums`, dealt out by `folds`) -> `gathering`; words:
  `vocabulary`
* kept: `grams` -> `evidence`
* measured, layer by layer: `geometry` (what verdicts rest on: `similarity`, `alignment`, `matching`, `profiles`),
  `further` (`decoding`, `procrustes`, `neighbours`, `crossvalidated`), `sets`, `ceilings` (`reliability`);
  `identification`
* inferred, over layers: `permutation`, `swap`, `dyadic`, `multiplicity`, `families`, `effects`, `images` ->
  `analysis`
* told: `verdict`, `references`, `trace` -> `report`; over budgets: `halflife` -> `budgets`

`window.Window` conducts; `options` names every choice.
"""

from advwindow.window.alignment import BiasedCka, biased_cka, debiased_cka, rsa
from advwindow.window.budgets import HALF_LIVES, half_lives
from advwindow.window.capture import POOLINGS, capture, recording
from advwindow.window.during import WindowCallback
from advwindow.window.evidence import Evidence, Examples, LayerEvidence, Trials, WordEvidence
from advwindow.window.gathering import Gathered, Observation
from advwindow.window.grams import Gram, Stack, gram_of
from advwindow.window.halflife import HalfLife, pixel_levels
from advwindow.window.matching import TIES, OneVsTwo, TwoVsTwo, one_vs_two, one_vs_two_grid, two_vs_two
from advwindow.window.multiplicity import CORRECTIONS
from advwindow.window.observation import Batched
from advwindow.window.options import Options
from advwindow.window.report import LAYER_COLUMNS, Analysis, WindowReport, analyse
from advwindow.window.similarity import SIMILARITIES, similarity
from advwindow.window.trace import word_trace
from advwindow.window.verdict import Verdict
from advwindow.window.vocabulary import Vocabulary, check_spaces, vocabulary
from advwindow.window.window import Window

__all__ = [
    "CORRECTIONS",
    "HALF_LIVES",
    "LAYER_COLUMNS",
    "POOLINGS",
    "SIMILARITIES",
    "TIES",
    "Analysis",
    "Batched",
    "BiasedCka",
    "Evidence",
    "Examples",
    "Gathered",
    "Gram",
    "HalfLife",
    "LayerEvidence",
    "Observation",
    "OneVsTwo",
    "Options",
    "Stack",
    "Trials",
    "TwoVsTwo",
    "Verdict",
    "Vocabulary",
    "Window",
    "WindowCallback",
    "WindowReport",
    "WordEvidence",
    "analyse",
    "biased_cka",
    "capture",
    "check_spaces",
    "debiased_cka",
    "gram_of",
    "half_lives",
    "one_vs_two",
    "one_vs_two_grid",
    "pixel_levels",
    "recording",
    "rsa",
    "similarity",
    "two_vs_two",
    "vocabulary",
    "word_trace",
]
