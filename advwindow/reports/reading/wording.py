"""Sentences about tables and sections that stand in every report, for all media; backticks mark code."""

from __future__ import annotations

#: By the name of what they stand under or above.
TOLD = {
    "attacks": (
        "With 95 % intervals; robust: classified correctly, clean and attacked. Right: layers by verdict, and layers "
        "that fell under noise."
    ),
    "beginnings": (
        "Where in depth meaning begins to break: the first layer that is eroded or collapsed, that is collapsed, and "
        "that is hijacked; and the drift averaged over all layers, beside that of noise of the same size."
    ),
    "audit": (
        "A pass means that this sign of a broken attack or of masked gradients was looked for and not seen. "
        "`advwindow explain CODE` tells what each check does."
    ),
    "checks": "Checks S1 to S15 after Carlini et al. 2019, indicators I1 to I6 after Pintor et al. 2022.",
    "numbers": (
        "Alignment on clean images, under noise of the same size and under the attack; drift and drift beyond noise "
        "with 95 % intervals of single layers; p of the drift, adjusted over layers; the upper 95 % bound of what is "
        "left, and the bound below which a layer has collapsed; share of fooled images closer to the true word."
    ),
}
LIVES = (
    "The budget at which half of a layer’s clean alignment is gone, with its 95 % interval, in layers that are aligned "
    "with words{thinned}. Between the budgets that were tried the curve is taken to be straight; below the smallest "
    "and beyond the largest nothing is claimed but the side."
)
THINNED = " (of many layers, evenly spaced ones)"
TRACE = (
    "How it is made: a ridge regression learns, on clean images, to predict word vectors from the layer’s activations. "
    "It is cross-fitted: the layer has never seen this image’s concept, neither its pictures nor its word, and can "
    "only guess from what the image has in common with other concepts."
)
CONCEPTS = (
    "2 vs 2 accuracy of single concepts at {layer}, where {attack} drifts most; asked are the layers aligned with "
    "words, or all if none is. Concepts are sorted by the loss under that attack. The deeper the tint, the greater the "
    "loss; guessing gives 50 %.{lost}"
)
LOST = " Bold: among the words that lost their meaning, by the rule below."
