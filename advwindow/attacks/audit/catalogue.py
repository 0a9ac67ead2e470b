"""What every check asks, computes and means: sanity checks S1 to S15, indicators of attack failure I1 to I6.

The checks condense Carlini et al. 2019 (arXiv 1902.06705); the indicators are those of Pintor et al. 2022
(arXiv 2106.09947). Thresholds are ours where no source is named beside them. Checks that count images warn at the 0.5 %
level, so that all of them together raise a false alarm in no more than about 5 % of the audits.
"""

from __future__ import annotations

from dataclasses import dataclass

from advwindow.errors import UserError, did_you_mean

CARLINI = "Carlini et al. 2019, arXiv 1902.06705"
PINTOR = "Pintor et al. 2022, arXiv 2106.09947"
CROCE = "Croce, Hein 2020, arXiv 2003.01690"


@dataclass(frozen=True)
class CheckInfo:
    """One check in plain sentences.

    Attributes:
        code: S1 to S15, I1 to I6.
        title: a few words.
        question: what is asked.
        computation: how it is answered.
        threshold: when it fires.
        meaning: what it means if it does.
        remedy: what to do then.
        source: where the check comes from.
    """

    code: str
    title: str
    question: str
    computation: str
    threshold: str
    meaning: str
    remedy: str
    source: str


def explain(code: str) -> CheckInfo:
    """The check of that code, in upper or lower case; raises `UserError` for another one.

    Example:
        >>> explain("s8").title
        'Noise does not win'
    """
    try:
        return _CATALOGUE[code.strip().upper()]
    except KeyError:
        raise UserError("unknown check", got=code, fix=did_you_mean(code.strip().upper(), _CATALOGUE)) from None


def codes() -> tuple[str, ...]:
    """S1 to S15 and I1 to I6, in this order."""
    return tuple(_CATALOGUE)


_CHECKS = (
    CheckInfo(
        code="S1",
        title="Many steps beat one",
        question="Does the attack fool every image that a single gradient step fools?",
        computation=(
            "Counted are the images that FGSM fools at the same epsilon and the attack does not, from the outcomes at "
            "hand or a run of FGSM. For an attack that seeks the smallest perturbation, epsilon is the median of what "
            "it found, and a tenth is forgiven. Where FGSM itself is audited because it left the fewest images "
            "standing: the images it fools and no attack of many steps at its epsilon does."
        ),
        threshold=(
            "More than one image, and significantly more than 1 % of those attacked (exact binomial test): warn "
            "at the 0.5 % level, fail at the 0.1 % level."
        ),
        meaning=(
            "The attack takes bad steps: it overshoots, stops too soon, follows useless gradients or returns the "
            "wrong iterate. Its robust accuracy is too high. Seen after fast adversarial training, it is called "
            "catastrophic overfitting."
        ),
        remedy="Tune the step size, return the best iterate, and look at I1 to I4.",
        source=CARLINI,
    ),
    CheckInfo(
        code="S2",
        title="More budget, more success",
        question="Does an image that falls at a small epsilon also fall at every larger one?",
        computation=(
            "The attack is run at each epsilon by itself, so that no success is carried upward. Counted are the "
            "images that fall at one epsilon and stand at the next larger one. Quick reads the outcomes at hand, "
            "unless successes were carried upward; full runs a quarter, a half and twice the epsilon on a "
            "subsample where there are no such outcomes."
        ),
        threshold=(
            "More than one image, and significantly more than 1 % of those attacked: warn at the 0.5 % level, "
            "fail at the 0.1 % level."
        ),
        meaning=(
            "Balls are nested, so the attack missed an example that lay within its reach: it is not run to its "
            "end, or steps that grow with epsilon overshoot."
        ),
        remedy="Use more steps or a smaller step size, and carry successes upward when reporting a curve.",
        source=CARLINI,
    ),
    CheckInfo(
        code="S3",
        title="Half the pixel range suffices",
        question="Does accuracy fall to chance when any image may be turned into plain grey?",
        computation="PGD (20 steps) with an Linf epsilon of 0.5. Counted are the images that stay correct.",
        threshold=(
            "Accuracy significantly above 1 / number of classes: warn at the 0.5 % level, fail at the 0.1 % level."
        ),
        meaning=(
            "At this epsilon every image can become the same grey one, so no network can be right more often than "
            "by guessing. Accuracy above that means that the gradients do not lead to the examples that surely "
            "exist."
        ),
        remedy=(
            "Look for masked gradients with I1, I2 and S9; attack through a smooth stand-in (BPDA), averaged "
            "gradients or without gradients."
        ),
        source=CARLINI,
    ),
    CheckInfo(
        code="S4",
        title="The curve reaches zero",
        question="Is there an epsilon at which the attack fools everything?",
        computation=(
            "Epsilon is doubled, for the images that still stand, until at most 1 % of the images stand or the "
            "ball holds every possible image."
        ),
        threshold="Images still stand when the ball holds every image: more than one, and significantly more than 1 %.",
        meaning="Robust accuracy that levels off above zero is a property of the attack, not of the network.",
        remedy="As for S3; a robust accuracy without such a curve should not be reported.",
        source=CARLINI,
    ),
    CheckInfo(
        code="S5",
        title="Converged in steps",
        question="Would twice as many steps fool more images?",
        computation=(
            "The attack is run again with twice the steps, all else equal. Counted are images gained minus images "
            "lost; the mean margin of the images that stand both times is reported beside it."
        ),
        threshold=(
            "More than one image gained, and significantly more than 1 % of those attacked: warn at the 0.5 % "
            "level, fail at the 0.1 % level."
        ),
        meaning="The attack had not converged, so robust accuracy is an upper bound that more computing would lower.",
        remedy="Raise the number of steps until doubling it changes nothing.",
        source=CARLINI,
    ),
    CheckInfo(
        code="S6",
        title="Converged in restarts",
        question="Would twice as many random starts fool more images?",
        computation=(
            "The attack is run again with twice the restarts, the first ones unchanged. Counted are the images gained."
        ),
        threshold="As for S5.",
        meaning="The loss has many local minima, and a single start finds a bad one too often.",
        remedy="Raise the number of restarts until doubling it changes nothing.",
        source=CARLINI,
    ),
    CheckInfo(
        code="S7",
        title="Gradients beat queries",
        question="Is there an image that an attack without gradients fools and no attack with gradients does?",
        computation=(
            "Compared are the outcomes of the same norm within epsilon. Where none is blind, full runs Square Attack "
            "(500 queries) on the images that stand. For an attack that seeks the smallest perturbation, epsilon is "
            "the median of what it found, and a tenth is forgiven."
        ),
        threshold=(
            "More than one image, and significantly more than 1 % of those attacked: warn at the 0.5 % level, "
            "fail at the 0.1 % level. AutoAttack warns at 0.2 %, after attacks that are stronger than most audited "
            "ones."
        ),
        meaning=(
            "An attack that sees more did worse: its gradients mislead it. This is the classic sign of masked "
            "gradients."
        ),
        remedy=(
            "Report the worst case over both kinds of attack, and attack through a smooth stand-in (BPDA) or "
            "averaged gradients."
        ),
        source=f"{CARLINI}; share ours",
    ),
    CheckInfo(
        code="S8",
        title="Noise does not win",
        question="Does random noise at epsilon fool an image that the attack does not?",
        computation=(
            "Random signs, uniform and Gaussian noise of size epsilon on images that stand: 4 draws of each kind "
            "(quick) or 34 (full)."
        ),
        threshold="More than one image, and significantly more than 1 % of those tried.",
        meaning=(
            "Chance found what the attack did not look for: the attack hardly searches, or the network itself is "
            "random."
        ),
        remedy="As for S1; for a random network see S10.",
        source=CARLINI,
    ),
    CheckInfo(
        code="S9",
        title="Healthy gradients",
        question="Do gradients exist, are they numbers, and do they tell how the output changes?",
        computation=(
            "Share of the attack's steps whose gradient vanished or was not finite. On at most 8 images, besides: "
            "does the margin change along the gradient as the gradient says, for a step so short that it changes "
            "logits by a thousandth (slope error); and does it change by what the gradient says for random signs "
            "of size 1/255 (roughness: the median deviation, as a share of the change along the gradient's own "
            "signs)."
        ),
        threshold=(
            "Fail where more than half of the gradients are useless, warn above 1 %. Warn where the median slope "
            "error exceeds 0.2, or roughness 0.1; trained networks without a fault lie near 0.01."
        ),
        meaning=(
            "Vanished gradients give an attack no direction. A slope error means that backward passes compute "
            "something else than the derivative, as a stand-in (BPDA) does on purpose. Roughness means that the "
            "output jumps on the scale of a pixel level, so gradients do not lead anywhere, as with activations "
            "that keep the largest few."
        ),
        remedy=(
            "Average gradients over noisy copies, put a smooth stand-in where a step function is, or attack "
            "without gradients."
        ),
        source=f"{CARLINI}; thresholds ours",
    ),
    CheckInfo(
        code="S10",
        title="Same image, same answer",
        question="Does the network answer the same again, and does an image's answer depend on that image alone?",
        computation=(
            "Five passes under different random seeds; then one image alone, twice, and beside another. "
            "Differences are shares of the logits' length."
        ),
        threshold=(
            "Above 1e-4 between passes: warn, and fail where a predicted class changed, unless the network is "
            "declared random. Above 1e-4 between "
            "batches of one size, or above 1e-2 between batches of different sizes: fail."
        ),
        meaning=(
            "A random network must be attacked on average, over many draws, and a success must hold for most of "
            "them. Where batch mates matter, no result for a single image means anything."
        ),
        remedy=(
            "Random: average gradients over draws (EOT), more than here if classes change. Batch-dependent: use "
            "stored batch statistics, that is, evaluation mode."
        ),
        source=f"{CARLINI}; threshold: {CROCE}",
    ),
    CheckInfo(
        code="S11",
        title="Outputs are logits",
        question=(
            "Are the outputs plain logits, neither probabilities, nor clipped, nor so large that cross-entropy "
            "saturates?"
        ),
        computation=(
            "Looked at are all outputs of at most 32 (full: 256) clean images: whether they are non-negative and "
            "sum to 1; whether the very same largest or smallest number recurs among images and classes; the "
            "share of images whose softmax in float32 is exactly one-hot."
        ),
        threshold=(
            "Fail if they are probabilities. Warn if a quarter of the images share an extreme number in at least "
            "two classes, or if more than 5 % are exactly one-hot."
        ),
        meaning=(
            "Losses computed from such outputs have vanishing gradients, so attacks that use them look weak "
            "although the network is not strong."
        ),
        remedy=(
            "Hand the audit the network without its last layer, or attack with a loss that does not saturate "
            "(margin, DLR)."
        ),
        source=f"{CROCE}; thresholds ours",
    ),
    CheckInfo(
        code="S12",
        title="Right input scale",
        question="Do images and network agree on the range and normalisation of pixels?",
        computation=(
            "Images must lie in [0, 1] and not all be nearly black. Clean accuracy on at most 32 (full: 256) "
            "images is compared with that under other usual normalisations: none; mean and std 0.5; ImageNet's; "
            "none on pixels of 0 to 255. A reference accuracy, where given, is compared too."
        ),
        threshold=(
            "Fail if images leave [0, 1], or if another normalisation is right significantly more often (exact "
            "McNemar test, 1 % level over all four, and 5 points better). Warn if clean accuracy is significantly "
            "below the reference (1 % level), or images are nearly black."
        ),
        meaning=(
            "A network that sees wrongly scaled pixels is weak before any attack, and epsilon is not what it "
            "seems. If no normalisation is the better one, the network probably normalises inside, and it happens "
            "twice."
        ),
        remedy=(
            "Give the Classifier the mean and std that the network was trained with, once. Normalisations that "
            "hardly differ for the network cannot be told apart here: look into its documentation."
        ),
        source=f"{CARLINI}; tests ours",
    ),
    CheckInfo(
        code="S13",
        title="Worst case per image",
        question="Is robust accuracy counted over all attacks together, image by image?",
        computation=(
            "The share of images that withstand every attack of this norm within epsilon, beside that of the audited "
            "attack; for one that seeks the smallest perturbation, at the median of what it found, and a tenth is "
            "forgiven. Skipped where there is one attack only."
        ),
        threshold=(
            "Other attacks fool images that the audited one does not: more than one of them, and significantly more "
            "than 1 %: warn."
        ),
        meaning="The audited attack alone flatters the network.",
        remedy="Report the worst case per image; it is never above the lowest accuracy of a single attack.",
        source=CARLINI,
    ),
    CheckInfo(
        code="S14",
        title="Within the rules",
        question="Do the returned images keep to epsilon and the pixel box, and fool the network when asked again?",
        computation=(
            "Sizes are measured in float64. Counted are attacked images outside epsilon or the box, successes "
            "that the attack claims and the network denies, and, of at most 8 successes, those that another "
            "forward pass does not reproduce; for a random network only the first. Successes lost by rounding to "
            "8 bits are reported."
        ),
        threshold=(
            "Fail if more than 1 % of the returned images break a rule, warn if any does; rounding errors up to a "
            "millionth of epsilon do not count."
        ),
        meaning=(
            "An attack that cheats proves nothing. Here its cheating counted as failure, so robust accuracy is "
            "too high; elsewhere it may count as success."
        ),
        remedy="Project onto the ball and the box after the last step, and store what was judged.",
        source=CARLINI,
    ),
    CheckInfo(
        code="S15",
        title="Plausible attack",
        question="Does the attack behave as attacks do?",
        computation=(
            "Share of attacked images that come back unchanged. Where there are outcomes for the smallest "
            "perturbation, their median size is compared with the epsilon at which half of the images fall to the "
            "audited attack. Full runs FMN (50 steps; not on a random network), and the audited one toward the "
            "runner-up class."
        ),
        threshold=(
            "Fail if half of the images come back unchanged, warn above 5 %. Warn if the median of the smallest "
            "perturbations exceeds the epsilon at which half fall by more than a tenth, or if the targeted attack "
            "fools significantly more than 5 % of the images that the untargeted one does not."
        ),
        meaning=(
            "The attack does nothing for many images, or two attacks contradict each other, so at least one is "
            "badly set."
        ),
        remedy="Tune the attack that is worse; report both and the worst case.",
        source=CARLINI,
    ),
    CheckInfo(
        code="I1",
        title="Gradients are available",
        question="Can the network be differentiated at all?",
        computation=(
            "The network is differentiated at one random image and at most 8 clean ones, at the class it predicts."
        ),
        threshold=(
            "Fail if that raises an error, finds no path from output to input, or finds a gradient that is zero "
            "everywhere."
        ),
        meaning=(
            "Shattered gradients: a step in the network is not differentiable (rounding, argmax, another "
            "library), so attacks with gradients are blind."
        ),
        remedy="Put a smooth stand-in in its place for the backward pass (BPDA), or change a loss that saturates.",
        source=PINTOR,
    ),
    CheckInfo(
        code="I2",
        title="Stable predictions",
        question="Does the loss stay put under tiny noise?",
        computation=(
            "Mean relative change of the margin under uniform noise of at most 4/255 per value: 4 draws on at "
            "most 8 images (quick), 100 draws (full). The verdict uses the median over images, which an image "
            "near the boundary does not rule."
        ),
        threshold=(
            "With an undefended network for reference: above three times its value plus 0.05. Without: above 0.5. "
            "The source sets no threshold."
        ),
        meaning="Stochastic or rough: single gradients are dominated by noise.",
        remedy="Average gradients over random draws (EOT) or over noisy copies of the image.",
        source=f"{PINTOR}; margin instead of cross-entropy, thresholds ours",
    ),
    CheckInfo(
        code="I3",
        title="No silent success",
        question="Did the attack pass by an adversarial image and return another one?",
        computation=(
            "Attacks that report it are believed. Others are run behind a witness that watches every image the "
            "network is asked about, assigns it to the nearest original, and notes whether it was misclassified "
            "within epsilon: 4 images (quick, if 25 passes suffice for each) or 16 (full, for all attacks). "
            "Random networks are skipped."
        ),
        threshold="Warn if any image was fooled on the way and not in the end, fail above 5 % of those attacked.",
        meaning="An error in the attack: it returns its last iterate instead of its best, or stops at the wrong time.",
        remedy="Keep the best iterate, success first.",
        source=PINTOR,
    ),
    CheckInfo(
        code="I4",
        title="Optimisation is complete",
        question="Had the loss stopped falling when the attack stopped?",
        computation=(
            "The trace of the loss, shifted and scaled to [0, 1], as a running minimum: has it fallen by more "
            "than 0.05 over the last fifth of its values, at most 10? Looked at for images that stand. The source "
            "takes the last 10 always, which for short attacks is most of the course; that count is reported "
            "beside it."
        ),
        threshold=(
            "Significantly more than half of the images that stand (5 % level); traces of fewer than 10 values "
            "are skipped."
        ),
        meaning="The attack gave up too early.",
        remedy="More steps, or another step size; S5 shows whether it matters.",
        source=f"{PINTOR}; last fifth, images that stand and share ours",
    ),
    CheckInfo(
        code="I5",
        title="The attack saw the real network",
        question="Does what fools the attacked network fool the judged one?",
        computation=(
            "Counted are images that the attack reports as adversarial and the original network classifies "
            "correctly. Skipped for attacks that report nothing, and for random networks."
        ),
        threshold="More than one image, and significantly more than 1 % of those attacked.",
        meaning=(
            "The attack was run on something else than what is judged: a surrogate, a network without its "
            "defence, another numerical precision."
        ),
        remedy="Attack the whole network with all its defences, detectors included.",
        source=PINTOR,
    ),
    CheckInfo(
        code="I6",
        title="Unbounded attack wins",
        question="Does the audited attack itself succeed if epsilon is no limit?",
        computation=(
            "The attack is run again with an epsilon that holds every image, its steps scaled along. Counted are "
            "the images that stay correct; misclassified ones count as fooled."
        ),
        threshold=(
            "More than one image, and significantly more than 1 % of those attacked: warn at the 0.5 % level, "
            "fail at the 0.1 % level. The source sets no threshold."
        ),
        meaning="The attack's objective cannot reach a misclassification, whatever the budget.",
        remedy="Change the loss or the attack; look at S3 and I1.",
        source=f"{PINTOR}; threshold ours",
    ),
)

_CATALOGUE = {check.code: check for check in _CHECKS}
