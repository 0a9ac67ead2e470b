import numpy as np
import pytest

from advwindow.window.grams import Stack, gram_of, stack_of
from tests.window.helpers import patterns_of, rng

X, Y = rng().normal(size=(2, 6, 30)) + 5


def test_gram_holds_raw_and_row_centred_products():
    gram = gram_of(X)
    centred = X - X.mean(1, keepdims=True)
    assert np.allclose(gram.centred, centred @ centred.T, rtol=1e-13)
    assert np.allclose(gram.raw, X @ X.T, rtol=1e-13)


@pytest.mark.parametrize("offset", [0, 1, 10, 50, 1000])
def test_row_centring_comes_before_the_product(offset):
    x = rng().normal(size=(7, 500))
    assert np.allclose(gram_of(x + offset).centred, gram_of(x).centred, rtol=1e-9, atol=1e-9)


def test_averaging_patterns_is_averaging_activations():
    weights = rng(1).uniform(size=(4, 6))
    assert np.allclose(gram_of(X).averaged(weights).raw, gram_of(weights @ X).raw)
    stack = stack_of([patterns_of(X), patterns_of(Y)]).averaged(weights)
    direct = stack_of([patterns_of(weights @ X), patterns_of(weights @ Y)])
    for field in ("own", "cross", "mean"):
        assert np.allclose(getattr(stack, field), getattr(direct, field)), field


def test_a_stack_knows_all_products_with_clean_patterns():
    stack = stack_of([patterns_of(X), patterns_of(Y)])
    assert np.allclose(stack.gram(1).raw, Y @ Y.T)
    assert np.allclose(stack.raw_cross(1), X @ Y.T)
    both = np.vstack([X, Y])
    assert np.allclose(stack.beside_clean(1).raw, both @ both.T)


def test_a_stack_survives_being_stored_to_the_last_bit():
    stack = stack_of([patterns_of(X), patterns_of(Y), patterns_of(X * Y)])
    arrays = stack.arrays()
    assert arrays["own"].shape == (3, 21)
    again = Stack.from_arrays(arrays)
    for field in ("own", "cross", "mean", "features"):
        assert np.array_equal(getattr(again, field), getattr(stack, field)), field
