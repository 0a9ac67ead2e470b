from dataclasses import replace

import pytest

from advwindow.window.verdict import Facts, Verdict, collapse_bound, judge, undecided

BASE = Facts(
    concepts=40,
    clean=0.5,
    clean_p=0.001,
    drift=0.3,
    drift_p=0.001,
    drift_low=0.1,
    upper=0.3,
    band_high=0.4,
    chance=0.08,
    hijack_p=0.6,
    beyond_noise=(0.1, 0.4),
)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.ERODED),
        ({"clean_p": 0.051}, Verdict.UNANCHORED),
        ({"clean_p": 0.05}, Verdict.ERODED),
        ({"clean_p": 0.3, "upper": -0.1}, Verdict.UNANCHORED),
        ({"drift_p": 0.051}, Verdict.INTACT),
        ({"drift": -0.3}, Verdict.INTACT),
        ({"upper": 0.099}, Verdict.COLLAPSED),
        ({"upper": 0.1}, Verdict.ERODED),
        ({"upper": 0.15, "chance": 0.16}, Verdict.COLLAPSED),
        ({"upper": 0.05, "concepts": 20}, Verdict.COLLAPSED),
        ({"upper": 0.05, "concepts": 19}, Verdict.ERODED),
        ({"upper": 0.05, "drift_p": 0.2}, Verdict.INTACT),
    ],
)
def test_the_table(changes, verdict):
    judgement = judge(replace(BASE, **changes))
    assert judgement.verdict is verdict
    assert judgement.display is verdict
    assert not judgement.hijacked


@pytest.mark.parametrize(("hijack_p", "hijacked"), [(0.05, True), (0.051, False), (None, False)])
@pytest.mark.parametrize("clean_p", [0.001, 0.9])
def test_hijacked_is_said_beside_the_geometry(hijack_p, hijacked, clean_p):
    judgement = judge(replace(BASE, hijack_p=hijack_p, clean_p=clean_p))
    assert judgement.hijacked is hijacked
    assert judgement.verdict is (Verdict.ERODED if clean_p < 0.05 else Verdict.UNANCHORED)
    assert judgement.display is (Verdict.HIJACKED if hijacked else judgement.verdict)


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({}, ""),
        ({"upper": 0.05, "concepts": 19}, "20 concepts are needed for that claim"),
        ({"concepts": 5, "drift_p": 0.06}, "With 5 concepts the swap test cannot reach significance"),
        ({"drift": -0.3}, "Alignment rose significantly"),
        ({"drift_p": 0.2}, "band of the drift excludes zero but the swap test does not reject"),
        ({"drift_p": 0.2, "drift_low": -0.1}, ""),
        ({"upper": -0.1, "band_high": -0.01}, "inverted"),
        ({"beyond_noise": (-0.1, 0.4)}, "not shown to exceed that of noise"),
        ({"beyond_noise": None}, ""),
        ({"beyond_noise": (-0.1, 0.4), "drift_p": 0.9, "drift_low": -0.1}, ""),
    ],
)
def test_notes_say_what_cannot_be_concluded(changes, note):
    said = judge(replace(BASE, **changes)).note
    assert note in said
    assert bool(said) == bool(note)


def test_collapse_bound():
    assert collapse_bound(0.5, 0.08) == pytest.approx(0.1)
    assert collapse_bound(0.3, 0.08) == pytest.approx(0.08)


def test_a_layer_without_geometry_is_undecided():
    assert undecided("why") == (Verdict.UNANCHORED, False, Verdict.UNANCHORED, "why")
