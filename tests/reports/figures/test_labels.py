from __future__ import annotations

import numpy as np

from advwindow.reports.figures.labels import placed

WINDOW = np.array([0.0, 0.0, 100.0, 100.0])
NOTHING = np.empty((0, 2))


def place(points, *, sizes=(20, 6), obstacles=NOTHING, gaps=(2.0,)):
    points = np.array(points, float)
    return placed(points, np.tile(np.array(sizes, float), (len(points), 1)), obstacles, window=WINDOW, gaps=gaps)


def test_a_name_stands_on_the_right_where_it_can():
    (middle,) = place([(50, 50)])
    assert middle.tolist() == [12, 0]


def test_a_name_stays_in_the_window():
    right, corner = place([(95, 50), (99, 99)])
    assert right.tolist() == [-12, 0]
    assert corner.tolist() == [-12, -4]


def test_a_name_keeps_off_obstacles_but_not_at_any_price():
    (left,) = place([(50, 50)], obstacles=np.array([[60.0, 50.0]]))
    assert left.tolist() == [-12, 0]
    everywhere = np.argwhere(np.ones((100, 100))).astype(float)
    assert place([(50, 50)], obstacles=everywhere)[0] is not None


def test_names_of_one_point_do_not_overlap_and_those_without_room_are_left_out():
    found = place([(50, 50)] * 12, gaps=(4.0,))
    boxes = [(x - 10, y - 3, x + 10, y + 3) for x, y in (middle for middle in found if middle is not None)]
    assert 4 <= len(boxes) < 12
    for index, (left, low, right, high) in enumerate(boxes):
        for other in boxes[index + 1 :]:
            assert right <= other[0] or other[2] <= left or high <= other[1] or other[3] <= low


def test_farther_places_are_taken_when_the_near_ones_are():
    near, far = place([(50, 50)] * 12), place([(50, 50)] * 12, gaps=(2.0, 10.0, 20.0))
    assert sum(middle is None for middle in far) < sum(middle is None for middle in near)


def test_a_name_wider_than_the_window_has_no_room():
    assert place([(50, 50)], sizes=(120, 6)) == [None]
    assert place(np.empty((0, 2))) == []
