import dataclasses
import json

import numpy as np
import pytest

from advwindow.runs import RunDirectory
from advwindow.runs.halflives import run_half_lives
from advwindow.window import Options, half_lives
from tests.window.helpers import evidence_of, rng, shared_factors

from .specs import result, spec

CONCEPTS = 25
WORDS, CLEAN, _ = shared_factors(CONCEPTS, noise=0.3)
NOISE = rng(7).normal(size=CLEAN.shape) * CLEAN.std()


def at(share):
    moved = np.sqrt(1 - share) * CLEAN + np.sqrt(share) * NOISE
    return evidence_of(WORDS, {"early": [CLEAN, CLEAN], "late": [CLEAN, moved]})


SHARES = {"2/255": 0.3, "4/255": 0.6, "8/255": 0.97}


def stored(path, cells):
    """A run of these (spec, evidence) in that order."""
    run = RunDirectory.create(path, [each for each, _ in cells], sweep_toml="", manifest={})
    for each, evidence in cells:
        run.save(each, dataclasses.replace(result(), grams=evidence.arrays()))
    return run


def test_it_is_half_lives_of_the_stored_grams(tmp_path):
    run = stored(tmp_path / "run", [(spec(eps=eps, measure="pearson"), at(share)) for eps, share in SHARES.items()])
    found = run_half_lives(RunDirectory(run.path))
    budgets = {int(eps.partition("/")[0]) / 255: at(share) for eps, share in SHARES.items()}
    expected = half_lives(budgets, options=Options(measure="pearson"))
    assert found.select(expected.columns).equals(expected)
    assert found["half_life"].null_count() == 1
    late = found.row(1, named=True)
    assert (late["layer"], late["attack"], late["norm"], late["words"]) == ("late", "pgd", "linf", "npz:w.npz")
    assert late["text"].count("/255") == 3
    assert json.loads(late["parameters"]) == {"steps": 10}
    assert found.columns == [
        *("model", "images", "words", "seed", "attack", "norm", "parameters", "target", "access", "draws"),
        *expected.columns,
    ]


def test_the_measure_is_that_of_the_cells(tmp_path):
    run = stored(tmp_path / "run", [(spec(eps=eps, measure="spearman"), at(share)) for eps, share in SHARES.items()])
    budgets = {int(eps.partition("/")[0]) / 255: at(share) for eps, share in SHARES.items()}
    expected, other = (
        half_lives(budgets, options=Options(measure=measure))["half_life"][1] for measure in ("spearman", "pearson")
    )
    assert run_half_lives(run)["half_life"][1] == pytest.approx(expected)
    assert expected != pytest.approx(other)


def test_every_attack_by_itself_whatever_the_order(tmp_path):
    kinds = [
        {}, {"seed": 1}, {"target": "runner-up"}, {"parameters": {"steps": 3}}, {"norm": "l2"}, {"draws": 8},
        {"access": "oblivious", "defense": "jpeg?quality=75"}, {"defense": "jpeg?quality=75"},
    ]  # fmt: skip
    cells = [
        (spec(**kind, eps=eps if kind.get("norm") != "l2" else f"{share}"), at(share))
        for eps, share in reversed(SHARES.items())
        for kind in kinds
    ]
    found = run_half_lives(stored(tmp_path / "run", cells))
    assert len(found) == 2 * len(kinds)
    told = ("model", "seed", "target", "parameters", "norm", "access", "draws")
    assert found.select(told).n_unique() == len(kinds)
    texts = {row["norm"]: row["text"] for row in found.iter_rows(named=True) if row["layer"] == "late"}
    assert "/255" in texts["linf"]
    assert "/255" not in texts["l2"]


def test_attacks_that_differ_in_draws_alone_have_their_own(tmp_path):
    cells = [
        (spec(eps=eps, draws=draws), at(share * less))
        for draws, less in ((1, 1.0), (8, 0.5))
        for eps, share in SHARES.items()
    ]
    late = run_half_lives(stored(tmp_path / "run", cells)).filter(layer="late")
    assert late["draws"].to_list() == [1, 8]
    assert late["text"].n_unique() == 2


def test_one_budget_the_smallest_and_unfinished_cells_do_not_count(tmp_path):
    cells = [
        (spec(eps="2/255"), at(0.3)),
        (spec(attack="cw", norm="l2", eps="min"), at(0.5)),
        (spec(attack="cw", norm="l2", eps="min", seed=1), at(0.5)),
    ]
    planned = [each for each, _ in cells] + [spec(eps="4/255")]
    run = RunDirectory.create(tmp_path / "run", planned, sweep_toml="", manifest={})
    for each, evidence in cells:
        run.save(each, dataclasses.replace(result(), grams=evidence.arrays()))
    assert len(run_half_lives(run)) == 0
    run.save(planned[-1], dataclasses.replace(result(), grams=at(0.6).arrays()))
    assert run_half_lives(run)["attack"].to_list() == ["pgd", "pgd"]


def test_the_same_budget_written_twice_is_one(tmp_path):
    """Of the same attack at 2/255 and 4/510 there is one curve of one budget."""
    cells = [(spec(eps="2/255"), at(0.3)), (spec(eps="4/510"), at(0.3))]
    found = run_half_lives(stored(tmp_path / "run", cells))
    assert len(found) == 0 or found["note"].str.contains("One budget was measured").all()


def test_no_curve_leaves_a_table_of_the_same_columns(tmp_path):
    empty = run_half_lives(stored(tmp_path / "a", [(spec(), at(0.3))]))
    full = run_half_lives(stored(tmp_path / "b", [(spec(eps=eps), at(share)) for eps, share in SHARES.items()]))
    assert len(empty) == 0
    assert empty.schema == full.schema


def test_seeds_beyond_32_bits_stand_beside_small_ones(tmp_path):
    cells = [(spec(eps=eps, seed=seed), at(share)) for seed in (0, 3_000_000_000) for eps, share in SHARES.items()]
    found = run_half_lives(stored(tmp_path / "run", cells))
    assert found["seed"].to_list() == [0, 0, 3_000_000_000, 3_000_000_000]
    assert found.schema == run_half_lives(stored(tmp_path / "empty", cells[:1])).schema


def test_cells_that_cannot_be_compared_say_so_and_the_others_stand(tmp_path):
    """As when a sweep goes on upon another machine, whose clean activations differ in one layer."""
    other = evidence_of(WORDS, {"early": [CLEAN, CLEAN], "late": [1.01 * CLEAN, CLEAN]})
    whole = [(spec(eps=eps, seed=1), at(share)) for eps, share in SHARES.items()]
    cells = [(spec(eps="2/255"), at(0.3)), (spec(eps="4/255"), other)]
    found = run_half_lives(stored(tmp_path / "run", [*cells, *whole]))
    assert found["layer"].to_list() == ["early", "late"] * 2
    late = found.row(1, named=True)
    assert (late["half_life"], late["low"], late["high"], late["text"]) == (None, None, None, "not compared")
    assert late["note"] == "Not compared: evidence at several budgets differs in its clean images."
    assert found.row(0, named=True)["text"].startswith("> 4/255")
    alone = run_half_lives(stored(tmp_path / "alone", whole))
    assert found.filter(seed=1).equals(alone)


def test_a_layer_that_one_cell_lacks_is_not_compared(tmp_path):
    lacking = evidence_of(WORDS, {"early": [CLEAN, CLEAN]})
    found = run_half_lives(stored(tmp_path / "run", [(spec(eps="2/255"), at(0.3)), (spec(eps="4/255"), lacking)]))
    assert found["layer"].to_list() == ["early", "late"]
    assert found["text"].to_list()[1] == "not compared"
    assert "differs in its layers" in found["note"][1]


def test_layers_are_read_one_by_one_and_once(tmp_path, monkeypatch):
    """Names that begin alike are kept apart."""
    cells = [(spec(eps=eps), evidence_of(WORDS, {"a": [CLEAN, CLEAN], "a/b": [CLEAN, NOISE]})) for eps in SHARES]
    run = stored(tmp_path / "run", cells)
    real, read = RunDirectory.arrays, []

    def watched(*arguments, **options):
        found = real(*arguments, **options)
        read.append(sum(name.endswith("/displacement") and name.startswith("layers/") for name in found[0]))
        return found

    monkeypatch.setattr(RunDirectory, "arrays", watched)
    first = run_half_lives(run)
    assert first["layer"].to_list() == ["a", "a/b"]
    assert set(read) == {0, 1, 2}  # of a also what a/b has in common with its name
    calls = len(read)
    assert run_half_lives(run) is first
    assert len(read) == calls
