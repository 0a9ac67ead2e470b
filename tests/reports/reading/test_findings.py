from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from advwindow.attacks import Audit, Finding
from advwindow.reports.reading import content
from advwindow.reports.reading.findings import (
    answer,
    best_layer,
    caveats,
    details,
    fooled,
    harm,
    headline,
    places,
    question,
    tally,
    worst_layer,
)
from tests.reports.awkward import awkward, changed, only, risen, targeted


def test_headline_is_the_attack_that_does_most_harm(study):
    chosen = headline(study)
    assert chosen.title == "PGD L∞ 8/255"
    assert all(harm(chosen) <= harm(attack) for attack in study.attacks)
    weaker = [attack for attack in study.attacks if attack.robust == 0 and attack is not chosen]
    assert weaker
    assert max(tally(attack).fallen for attack in weaker) <= tally(chosen).fallen


def test_tally_counts_every_layer_once(study):
    for attack in study.attacks:
        counted = tally(attack)
        assert sum(counted.verdicts.values()) == counted.layers == 17
        assert counted.hijacked == attack.rows()["hijacked"].sum()
    assert tally(changed(study.attacks[0], "noise", verdict="eroded")).noise == 17


def test_worst_layer_is_sought_where_there_is_something_to_lose(study):
    attack = headline(study)
    first = attack.rows().row(0, named=True)["layer"]
    odd = replace(
        attack,
        layers=attack.layers.with_columns(
            pl.when((pl.col("layer") == first) & (pl.col("condition") == "attack"))
            .then(9.0)
            .otherwise("drift")
            .alias("drift")
        ),
    )
    assert worst_layer(odd)["layer"] == worst_layer(attack)["layer"] == "head"
    assert worst_layer(changed(odd, "attack", verdict="unanchored"))["layer"] == first
    assert best_layer(attack)["layer"] == "head"


def test_answer_tells_the_numbers(study):
    clean, left = (headline(study).rows(condition)["alignment"][-1] for condition in ("clean", "attack"))
    assert answer(study) == [
        (
            "PGD L∞ 8/255 fools all 18 correctly classified images: accuracy falls from 90 % to 0 % "
            "(95 % interval 0–16 %), as under 2 of the 5 other attacks."
        ),
        (
            "Of 17 layers, 11 are significantly aligned with words on clean images (blocks.6 to head); meaning is "
            f"eroded in 5 of them (blocks.12 to head), where alignment falls from {clean:.2f} to {left:.2f} at head, "
            "and under random noise of the same size it falls significantly in none of the aligned layers."
        ),
    ]


def test_the_question_names_what_was_tried(study):
    assert question(study) == (
        "Does any of 6 attacks fool sample:efficientnet-lite0, and in which layers does meaning break?"
    )
    assert question(only(study, study.attacks[0])).startswith("Does FGSM L∞ 4/255 fool sample:efficientnet-lite0, and")


def test_details_tell_of_wrong_words_and_of_the_audit(study):
    wrong = "In 1 layer (head) fooled images look more like the wrong word than the true one."
    assert details(replace(study, audits={})) == [wrong]
    fired = Finding("S5", "warn", {}, "still rising")
    passed = Finding("S1", "pass", {}, "fine")
    audited = Audit("net", "pgd", "linf 8/255", "quick", 12, (passed, fired))
    told = details(replace(study, audits={"PGD L∞ 8/255": audited}))[1]
    assert told == f"Audit of PGD L∞ 8/255: 1 check passed, 1 warned (see S5, “{fired.title}”)."


def test_answer_without_success(study):
    attack = replace(study.attacks[0], summary={**study.attacks[0].summary, "successes": 0, "robust_accuracy": 0.9})
    assert answer(only(study, attack))[0] == (
        "FGSM L∞ 4/255 fools none of 18 correctly classified images: accuracy stays at 90 %."
    )


@pytest.mark.parametrize(("reached", "whom"), [(0, "none of 18"), (3, "3 of 18"), (18, "all 18")])
def test_a_targeted_attack_is_told_by_its_targets_and_accuracy_by_itself(study, reached, whom):
    assert answer(targeted(study, reached=reached, robust=0.0 if reached == 18 else 0.3))[0] == (
        f"PGD L∞ 4/255 to random reaches its target on {whom} correctly classified images; accuracy falls from 90 % to "
        f"{'0 %' if reached == 18 else '30 %'} (95 % interval 15–52 %)."
    )


def test_cells_tell_of_targets_what_they_tell(study):
    assert fooled(study.attacks[3]) == "18 of 18"
    assert fooled(targeted(study, reached=3).attacks[0]) == "3 of 18 on target"


def test_accuracy_stays_where_no_image_is_misclassified(study):
    assert answer(targeted(study, reached=0, robust=0.9))[0] == (
        "PGD L∞ 4/255 to random reaches its target on none of 18 correctly classified images; accuracy stays at 90 %."
    )


def test_what_robust_means_is_told_of_targeted_attacks_too():
    assert "robust: classified correctly, clean and attacked." in content.TOLD["attacks"]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"verdict": "unanchored"}, "None of the 17 layers is significantly aligned with words even on clean images"),
        ({"verdict": "intact"}, "; in none of them does alignment fall significantly (the largest fall is from"),
        ({"verdict": "collapsed"}, "; meaning is collapsed in all of them, where alignment falls from"),
        ({"verdict": "unanchored", "drift": None, "alignment": None}, "None of the 17 layers is significantly aligned"),
    ],
)
def test_answer_by_verdict(study, values, sentence):
    assert sentence in answer(only(study, changed(headline(study), "attack", **values)))[1]


def test_answer_tells_when_noise_does_it_too(study):
    assert answer(only(study, changed(headline(study), "noise", verdict="eroded")))[-1].endswith(
        ", and under random noise of the same size it falls significantly in 17 of the aligned layers."
    )


def test_noise_that_moves_other_layers_or_raises_alignment_is_no_fall(study):
    odd = awkward(study)
    assert (odd.attacks[0].rows("noise")["drift_p_adjusted"] <= 0.05).all()
    assert tally(odd.attacks[0]).noise == 0
    assert answer(odd)[1].endswith(
        "under random noise of the same size it falls significantly in none of the aligned layers."
    )


def test_noise_is_not_told_where_nothing_is_aligned(study):
    lost = changed(changed(headline(study), "attack", verdict="unanchored"), "noise", verdict="unanchored")
    assert answer(only(study, lost))[1].endswith("so there is nothing that could be seen to break.")


def test_the_layer_named_as_fallen_has_fallen(study):
    odd = awkward(study)
    assert worst_layer(odd.attacks[0])["layer"] == "vague"
    assert "eroded in 1 of them (fallen), where alignment falls from 0.50 to 0.20 at fallen," in answer(odd)[1]


def test_alignment_that_rises_is_no_fall(study):
    told = answer(risen(study))[1]
    assert "in none of them does alignment fall significantly, and under" in told
    assert "largest fall" not in told


@pytest.mark.parametrize(
    ("chosen", "wanted"),
    [
        ("", ""),
        ("c", "c"),
        ("bc", "b and c"),
        ("bcd", "b to d"),
        ("abdh", "a and b, d and h"),
        ("acegi", "a, c, e, g and 1 more"),
    ],
)
def test_places_joins_neighbours(chosen, wanted):
    assert places(list("abcdefghi"), list(chosen)) == wanted


def test_caveats_name_their_attacks_unless_all_share_them(study):
    assert caveats(study)[0] == "Only 17 concepts: collapse is not claimed with fewer than 20."
    first = study.attacks[0]
    worried = replace(
        first, summary={**first.summary, "zero_gradients": 3, "nonfinite_gradients": 1, "success_8bit": 0}
    )
    told = caveats(replace(study, attacks=(worried, *study.attacks[1:])))
    assert "FGSM L∞ 4/255: 3 steps met a gradient that vanished: the attack may be weaker than it looks." in told
    assert "FGSM L∞ 4/255: 1 step met a gradient that was no number; it was replaced by zero." in told
    assert any(text.startswith("FGSM L∞ 4/255: 12 adversarial images would not survive") for text in told)
