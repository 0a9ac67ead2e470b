import pytest
from pydantic import ValidationError

from advwindow.errors import UserError
from advwindow.training import INNER, METHODS, Recipe


def test_the_rate_rises_to_its_peak_and_falls_to_nothing():
    recipe = Recipe(learning_rate=0.4, warmup=0.25)
    assert recipe.rate(0) == 0
    assert recipe.rate(0.125) == pytest.approx(0.2)
    assert recipe.rate(0.25) == pytest.approx(0.4)
    assert recipe.rate(0.625) == pytest.approx(0.2)
    assert recipe.rate(1) == 0


def test_without_warmup_it_begins_at_its_peak():
    assert Recipe(learning_rate=0.4, warmup=0).rate(0) == pytest.approx(0.4)


def test_every_method_but_the_standard_one_has_an_inner_attack():
    assert set(INNER) == set(METHODS) - {"standard"}
    assert Recipe().inner is None


def test_steps_can_be_chosen():
    assert Recipe(method="pgd", steps=3).inner == INNER["pgd"]._replace(steps=3)


WRONG = [
    {"epochs": 0},
    {"norm": "l1"},
    {"method": "magic"},
    {"speed": 1},
    {"batch_size": 1},
    {"method": "n-fgsm", "steps": 2},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_what_cannot_be_is_refused(wrong):
    with pytest.raises(ValidationError):
        Recipe(**wrong)


def test_an_epsilon_that_is_no_number_is_refused():
    with pytest.raises((UserError, ValidationError), match="8/x"):
        Recipe(eps="8/x")
