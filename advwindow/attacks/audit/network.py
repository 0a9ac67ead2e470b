"""Checks that ask the network alone: S10 repeatability, S11 logits, S12 input scale, I2 stability."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from advwindow.attacks.audit.evidence import below, mcnemar, percent
from advwindow.attacks.audit.findings import Finding, found, gravest, skipped
from advwindow.attacks.goal import margin
from advwindow.attacks.isolation import private_randomness
from advwindow.attacks.judge import judged_logits
from advwindow.attacks.oracle import Oracle
from advwindow.attacks.traits import PASSES
from advwindow.models import Classifier, evaluating, prepare
from advwindow.streams import stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from advwindow.attacks.audit.case import Case
    from advwindow.attacks.audit.findings import Verdict
    from advwindow.attacks.traits import Traits

#: Mean and std that networks are usually trained with, in units of [0, 1].
USUAL: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "none": ((0.0,), (1.0,)),
    "mean 0.5, std 0.5": ((0.5,), (0.5,)),
    "ImageNet's": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "none on pixels of 0 to 255": ((0.0,), (1 / 255,)),
}
NORMALISATION_LEVEL = 0.01
#: Accuracy that another normalisation must gain to count.
NORMALISATION_GAIN = 0.05
#: Largest pixel of images that were scaled from 0..255 to [0, 1] twice.
NEARLY_BLACK = 2 / 255
ONE_HOT_SHARE = 0.05
CLIPPED_SHARE = 0.25
I2_RADIUS = 8 / 255
I2_DRAWS = {"quick": 4, "full": 100}
I2_ALONE = 0.5
I2_FACTOR, I2_SLACK = 3.0, 0.05


def repeatability(traits: Traits, *, changed: int = 0, images: int = 0, declared: bool = False) -> Finding:
    """S10, from the traits and from how many of some images changed their class over five passes.

    A network that says of itself that it is random is attacked as one: it is warned of, never failed.
    """
    if traits.batch_dependent:
        return found("S10", "fail", "Logits of an image change with the other images of its batch.", noise=traits.noise)
    if traits.random:
        summary = (
            f"Repeated passes differ by {traits.noise:.2g} of the logits' length, "
            f"and the class of {changed} of {images} images changes"
            f"{', as is to be expected of a network that is declared random' if declared else ''}."
        )
        verdict: Verdict = "fail" if changed and not declared else "warn"
        return found("S10", verdict, summary, noise=traits.noise, changed=changed, images=images)
    summary = f"Repeated passes differ by {traits.noise:.2g} of the logits' length, batch mates do not matter."
    return found("S10", "pass", summary, noise=traits.noise, changed=0, images=images)


def s10(case: Case) -> Finding:
    """Five passes over a few images where the network is random; its traits say the rest."""
    if not case.traits.random or not len(case.few):
        return repeatability(case.traits, images=len(case.few))
    model, classes = case.setup.model, []
    with evaluating(model), torch.no_grad():
        for attempt in range(PASSES):
            with private_randomness(attempt, "audit", "S10"):
                classes.append(model(case.few_images).argmax(1))
    changed = int((torch.stack(classes) != classes[0]).any(0).sum())
    return repeatability(case.traits, changed=changed, images=len(case.few), declared=case.setup.declared_random)


def s11(case: Case) -> Finding:
    """Probabilities, clipped numbers, saturation."""
    logits = case.pool_logits
    one_hot = float(((logits.softmax(1) == 1).any(1) & ((logits.softmax(1) > 0).sum(1) == 1)).double().mean())
    clipped = max(_shares_extreme(logits), _shares_extreme(-logits))
    numbers = {"one_hot": one_hot, "clipped": clipped, "largest": float(logits.abs().max())}
    if bool((logits >= 0).all() & ((logits.sum(1) - 1).abs() < 1e-5).all()):
        return found("S11", "fail", "All outputs are non-negative and sum to 1: they are probabilities.", **numbers)
    summary = (
        f"Outputs reach {numbers['largest']:.3g}; {percent(one_hot, 1)} of the images have an exactly one-hot softmax, "
        f"{percent(clipped, 1)} share an extreme number."
    )
    saturated = one_hot > ONE_HOT_SHARE or clipped >= CLIPPED_SHARE
    return found("S11", "warn" if saturated else "pass", summary, **numbers)


def _shares_extreme(logits: Tensor) -> float:
    """Share of different rows that hold the very largest number, where at least two rows and two classes do."""
    rows = torch.unique(logits, dim=0)
    hits = rows == rows.max()
    if int(hits.any(1).sum()) < 2 or int(hits.any(0).sum()) < 2:
        return 0.0
    return float(hits.any(1).double().mean())


def s12(case: Case) -> Finding:
    """Black images, other normalisations, a reference accuracy."""
    images, labels = case.pool
    right = case.pool_logits.argmax(1) == labels
    count, total = int(right.sum()), len(labels)
    numbers: dict[str, float | str] = {"accuracy": count / total, "images": total}
    summary, verdict = f"Clean accuracy is {percent(count, total)} on {total} images", _scale_verdict(images)
    summary += ", and no image is brighter than 2/255" if verdict == "warn" else ""
    better = _better_normalisation(case)
    if better is not None:
        name, other, chance = better
        numbers |= {"other": name, "other_accuracy": other, "p": chance}
        summary += f", but {percent(other, 1)} under another normalisation ({name}; p = {chance:.1g})"
        verdict = "fail"
    expected = case.setup.reference
    if isinstance(expected, int | float):
        chance = below(count, total, expected)
        numbers |= {"expected": float(expected), "p_expected": chance}
        verdict = gravest(verdict, "warn" if chance < NORMALISATION_LEVEL else "pass")
        summary += f"; {percent(expected, 1)} was expected"
    return found("S12", verdict, f"{summary}.", **numbers)


def _scale_verdict(images: Tensor) -> Verdict:
    return "warn" if float(images.max()) <= NEARLY_BLACK else "pass"


def _better_normalisation(case: Case) -> tuple[str, float, float] | None:
    """The best normalisation that is significantly better: its name, accuracy and p.

    Where there is an undefended network it is asked: in front of noise, for one, more contrast helps whatever is right.
    """
    images, labels = case.pool
    model, logits = case.setup.model, case.pool_logits
    if isinstance(case.setup.reference, Classifier):
        model = case.setup.reference
        logits = judged_logits(model, images)
    right = logits.argmax(1) == labels
    found_better = []
    for name, (mean, std) in USUAL.items():
        if len(mean) not in {1, images.shape[1]} or _is_current(model, mean, std):
            continue
        other = normalised(model, mean, std)
        with private_randomness(case.setup.seed, "audit", "S12"):
            hit = judged_logits(other, images).argmax(1) == labels
        chance = mcnemar(int((hit & ~right).sum()), int((right & ~hit).sum()))
        gain = float(hit.double().mean() - right.double().mean())
        if chance < NORMALISATION_LEVEL / len(USUAL) and gain > NORMALISATION_GAIN:
            found_better.append((name, float(hit.double().mean()), chance))
    return max(found_better, key=lambda each: each[1], default=None)


def _is_current(model: Classifier, mean: Sequence[float], std: Sequence[float]) -> bool:
    """Whether the network is normalised so already, within a hundredth (127/255 and 1/2 are one convention)."""
    pairs = ((model.mean, mean), (model.std, std))
    return all(bool(((mine.flatten().cpu() - torch.tensor(its)).abs() < 0.01).all()) for mine, its in pairs)


def normalised(model: Classifier, mean: Sequence[float], std: Sequence[float]) -> Classifier:
    """The same module behind another normalisation; weights and modes are shared."""
    return Classifier(model.module, mean=mean, std=std, name=model.name).to(model.device)


def i2(case: Case) -> Finding:
    """Relative change of the margin under small uniform noise; beside the undefended network's where given."""
    if not len(case.few):
        return skipped("I2", "No image is classified correctly.")
    mine = _instability(case, case.oracle)
    value, middle = min(1.0, float(mine.mean())), float(mine.median())
    numbers = {"instability": value, "median": middle, "draws": I2_DRAWS[case.setup.level]}
    summary = f"Noise of 4/255 changes the margin by {percent(middle, 1)} in the median (mean {percent(value, 1)})"
    bound = I2_ALONE
    if isinstance(case.setup.reference, Classifier):
        theirs = float(_instability(case, Oracle(prepare(case.setup.reference, case.few_images[:2]))).median())
        numbers["reference_median"] = theirs
        bound = I2_FACTOR * theirs + I2_SLACK
        summary += f"; undefended {percent(theirs, 1)}"
    return found("I2", "warn" if middle > bound else "pass", f"{summary}.", **numbers)


def _instability(case: Case, oracle: Oracle) -> Tensor:
    """``(n,)`` mean relative change of the margin of the predicted class; 1 where that margin is 0."""
    images = case.few_images
    with private_randomness(case.setup.seed, "audit", "I2"):
        logits = oracle.logits(images)
        classes = logits.argmax(1)
        clean = margin(logits, classes)
        changes = []
        for draw in range(I2_DRAWS[case.setup.level]):
            noise = torch.from_numpy(_noise(case, draw)).to(images)
            change = (margin(oracle.logits(images + noise), classes) - clean).abs() / clean.abs()
            changes.append(torch.where(clean == 0, 1.0, change))
    return torch.stack(changes).mean(0)


def _noise(case: Case, draw: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    shape = case.few_images.shape[1:]
    names = [case.setup.ids[place] for place in case.few.tolist()]
    draws = [stream(case.setup.seed, "I2", name, draw).uniform(-I2_RADIUS / 2, I2_RADIUS / 2, shape) for name in names]
    return np.stack(draws).astype(np.float32)
