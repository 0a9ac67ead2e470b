import pytest
import torch
from scipy.special import log_softmax, logsumexp

from advwindow.defenses import defend
from advwindow.defenses.smoothing import Smoothing
from advwindow.errors import UserError
from tests.defenses.parts import images, small_net


def test_it_answers_with_the_log_of_the_mean_softmax():
    model, shown = small_net(), images()
    torch.manual_seed(0)
    found = defend(model, "smoothing?sigma=0.3&copies=5")(shown)
    torch.manual_seed(0)
    noise = torch.randn(3, 5, *shown.shape[1:])
    each = log_softmax(model((shown[:, None] + 0.3 * noise).flatten(0, 1)).detach().numpy().astype(float), axis=1)
    expected = logsumexp(each.reshape(3, 5, -1), axis=1) - torch.log(torch.tensor(5.0)).item()
    torch.testing.assert_close(found.detach(), torch.tensor(expected).float(), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.exp().sum(1), torch.ones(3))


def test_more_copies_vary_less():
    model, shown = small_net(), images(count=1)

    def spread(copies):
        torch.manual_seed(0)
        smoothed = defend(model, f"smoothing?sigma=0.5&copies={copies}")
        return float(torch.stack([smoothed(shown) for _ in range(200)]).detach().std(0).mean())

    assert spread(64) == pytest.approx(spread(4) / 4, rel=0.25)


def test_the_gradient_is_that_of_all_copies():
    model = small_net(channels=1).double()
    shown = images(count=2, channels=1, height=5, width=4, dtype=torch.float64).requires_grad_()

    def answer(values):
        torch.manual_seed(0)
        return Smoothing(copies=3)(model, values)

    assert torch.autograd.gradcheck(answer, (shown,))


@pytest.mark.parametrize("options", ["sigma=-1", "copies=0", "copies=1.5", "sigma=big"])
def test_parameters_that_cannot_be_are_told(options):
    with pytest.raises(UserError, match=r"smoothing\?(sigma|copies) cannot be used"):
        defend(small_net(), f"smoothing?{options}")
