import numpy as np
import pytest
import torch

from advwindow.errors import UserError
from advwindow.sweep.targets import WordOrder, check_target, choose_targets

LOGITS = torch.tensor([[3.0, 1.0, 2.0, 0.0, 0.5], [0.0, 1.0, 2.0, 3.0, 0.5], [0.0, 1.0, 5.0, 3.0, 0.5]])
LABELS = torch.tensor([0, 3, 2])
IDS = ("a", "b", "c")

# Classes 0, 1, 3 and 4 have words; class 2 has none.
ORDER = WordOrder(
    np.array([0, 1, 3, 4]),
    np.array([[1.0, 0.2, 0.9, 0.5], [0.2, 1.0, 0.3, 0.1], [0.9, 0.3, 1.0, 0.4], [0.5, 0.1, 0.4, 1.0]]),
)


def targets(rule, logits=LOGITS, labels=LABELS, ids=IDS):
    return choose_targets(rule, logits, labels, ids=ids, seed=0, words=lambda: ORDER).tolist()


def test_rules_by_the_logits():
    assert targets("least-likely") == [3, 0, 0]
    assert targets("runner-up") == [2, 2, 3]


def test_random_targets_are_never_the_true_class():
    labels = LABELS.repeat(50)
    drawn = targets("random", LOGITS.repeat(50, 1), labels, tuple(map(str, range(150))))
    assert not any(target == label for target, label in zip(drawn, labels.tolist(), strict=True))
    assert set(drawn) == {0, 1, 2, 3, 4}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("word-rank:0", [3, 0, 3]), ("word-rank:0.5", [4, 4, 3]), ("word-rank:1", [1, 1, 3])],
)
def test_targets_by_rank_of_the_word(rule, expected):
    """Nearest, middle and farthest word; the image of the class without a word takes the runner-up."""
    assert targets(rule) == expected


@pytest.mark.parametrize("rule", ["", "random", "word-rank:0", "word-rank:.25", "word-rank:1", "word-rank:1.0"])
def test_rules_that_exist(rule):
    assert check_target(rule) == rule


@pytest.mark.parametrize("rule", ["randon", "word-rank", "word-rank:2", "word-rank:-1", "word-rank:1.5"])
def test_rules_that_do_not_exist(rule):
    with pytest.raises(UserError, match="unknown rule for targets"):
        check_target(rule)
