"""What an outcome says of itself."""

import advwindow as aw

from .nets import conv, images, labelled


def test_an_outcome_prints_as_one_line_with_its_counts():
    model, x = conv(), images(3)
    labels = labelled(model, x)
    labels[0] = (labels[0] + 1) % 5
    outcome = aw.attacks.pgd(model, x, labels, eps="0.9", steps=5)
    assert outcome.withstood() == 0
    assert repr(outcome) == "<Outcome of pgd at linf 0.9: 3 images, 2 success, 1 skipped>"


def test_an_outcome_of_nothing_prints_too():
    model = conv()
    outcome = aw.attacks.fgsm(model, images(3)[:0], labelled(model, images(3))[:0], eps="0.1")
    assert repr(outcome) == "<Outcome of fgsm at linf 0.1: 0 images, none attacked>"
