import pytest
import torch

from advwindow.attacks.precision import full_precision, search_precision


def _knobs():
    return torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32


@pytest.mark.parametrize(("mode", "expected"), [(full_precision, (False, False)), (search_precision, (True, True))])
def test_the_settings_hold_inside_and_are_restored_after(mode, expected):
    before = _knobs()
    with mode():
        assert _knobs() == expected
    assert _knobs() == before
    with pytest.raises(ZeroDivisionError), mode():
        _ = 1 / 0
    assert _knobs() == before


def test_full_precision_switches_a_surrounding_autocast_off():
    a = torch.ones(2, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (a @ a).dtype is torch.bfloat16
        with full_precision():
            assert (a @ a).dtype is torch.float32
