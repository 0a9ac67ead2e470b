import numpy as np

from advwindow.comparison import pareto_front


def by_hand(points):
    def beats(one, two):
        return all(a >= b for a, b in zip(one, two, strict=True)) and tuple(one) != tuple(two)

    return [not any(beats(other, point) for other in points) for point in points]


def test_front_by_brute_force_with_ties():
    rng = np.random.default_rng(0)
    for dimension in (1, 2, 3):
        for _ in range(50):
            points = rng.integers(0, 4, (rng.integers(1, 9), dimension))
            assert pareto_front(points).tolist() == by_hand(points.tolist())


def test_many_sets_at_once():
    points = np.random.default_rng(1).integers(0, 5, (20, 6, 2))
    assert pareto_front(points).tolist() == [by_hand(each.tolist()) for each in points]


def test_equal_points_stand_beside_each_other():
    assert pareto_front(np.array([[1, 1], [1, 1], [0, 1]])).tolist() == [True, True, False]
