import pytest
import torch

from advwindow.attacks.budget import Norm, size
from advwindow.attacks.noise import matched_noise

from .nets import images


@pytest.mark.parametrize("norm", list(Norm))
@pytest.mark.parametrize("reach", [0.01, 0.1, 0.3])
def test_noise_has_the_size_of_the_attack_image_by_image(norm, reach):
    x = 0.05 + 0.9 * images(5)
    step = torch.tensor([0.2, 0.4, 0.6, 0.8, 1.0]).reshape(5, 1, 1, 1)
    attacked = (x + reach * step * torch.sign(0.5 - x)).clamp(0, 1)
    noisy = matched_noise(x, attacked, norm, ids=list("abcde"), seed=0)
    wanted = size((attacked - x).double(), norm)
    got = size((noisy - x).double(), norm)
    assert bool((got <= wanted + 1e-6).all())
    assert torch.allclose(got, wanted, rtol=2e-3)
    assert noisy.min() >= 0
    assert noisy.max() <= 1


def test_untouched_images_get_no_noise():
    x = images(2)
    for norm in Norm:
        assert torch.equal(matched_noise(x, x, norm, ids=["a", "b"], seed=0), x)


def test_noise_is_keyed_by_the_id():
    x = images(3)
    attacked = (x + 0.02).clamp(0, 1)
    whole = matched_noise(x, attacked, Norm.LINF, ids=["a", "b", "c"], seed=0)
    alone = matched_noise(x[1:2], attacked[1:2], Norm.LINF, ids=["b"], seed=0)
    assert torch.equal(whole[1:2], alone)
    assert not torch.equal(whole, matched_noise(x, attacked, Norm.LINF, ids=["a", "b", "c"], seed=1))


def test_in_l0_as_many_values_are_drawn_anew():
    x = images(2)
    attacked = x.clone()
    attacked[0, 0, 0, :7] = 0.123
    attacked[1, :, 2, 2] = 0.456
    noisy = matched_noise(x, attacked, Norm.L0, ids=["a", "b"], seed=0)
    assert size(noisy - x, Norm.L0).tolist() == [7, 3]
