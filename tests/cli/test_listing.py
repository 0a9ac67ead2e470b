"""``advwindow list``, the parts that need no process of their own."""

import sys

import pytest

from advwindow.attacks import NATIVE, Norm
from advwindow.attacks.catalog import BACK_ENDS, foreign_names
from advwindow.cli.listing import aligned, attack_lines, foreign_attacks, own_attacks

COLOUR = "untargeted only; needs images of three channels"


def test_columns_stand_below_each_other():
    assert list(aligned([("a", "bb", "c"), ("aaa", "", "c")])) == ["a    bb  c", "aaa      c"]
    assert list(aligned([("a", ""), ("aaa", "")])) == ["a", "aaa"]


def test_attacks_are_listed_as_a_table_for_each_library():
    ours, *others = _tables(attack_lines())
    assert [line.split()[0] for line in ours] == ["ATTACK", *NATIVE]
    assert "foolbox:LinfPGD" in [line.split()[0] for table in others for line in table]
    for table in (ours, others[-1]):
        header = table[0]
        for column in ("NORMS", "ACCESS", "COST PER SAMPLE, AT MOST", "SOURCE"):
            place = header.index(column)
            assert {line[place - 2 : place] for line in table} == {"  "}
            assert all(line[place] != " " for line in table)
    pgd = next(line for line in ours if line.startswith("pgd "))
    assert "  11 fwd 10 grad  " in pgd


def test_a_missing_back_end_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchattacks", None)
    monkeypatch.setitem(sys.modules, "torchattacks.attack", None)
    _, torchattacks, foolbox = _tables(attack_lines())
    (line,) = torchattacks
    assert line.startswith("torchattacks:NAME  ")
    assert "advwindow[torchattacks]" in line
    assert [row.split()[0] for row in foolbox] == ["ATTACK", *foreign_names("foolbox")]


def test_our_own_attacks_as_a_list():
    rows = {row.name: row for row in own_attacks()}
    assert list(rows) == list(NATIVE)
    assert rows["pgd"][1:5] == ("linf l2 l1", "white", "11 fwd 10 grad", "Madry 2018, arXiv 1706.06083")
    assert rows["square"].cost == "5,001 fwd"
    assert all(all(row) for row in rows.values())


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("foolbox:LinfPGD", ("linf", "white", "41 fwd 40 grad", "is LinfProjectedGradientDescentAttack", "")),
        ("foolbox:L2FMNAttack", ("l2", "white", "101 fwd 100 grad", "arXiv 2102.12827", "")),
        ("foolbox:FGSM", ("linf", "white", "2 fwd 1 grad", "is LinfFastGradientAttack", "untargeted only")),
        ("foolbox:GenAttack", ("linf", "score", "10,001 fwd", "arXiv 1805.11090", "targeted only")),
        ("foolbox:HopSkipJumpAttack", ("l2 linf", "decision", "not known", "arXiv 1904.02144", "")),
        ("foolbox:L2ContrastReductionAttack", ("l2", "decision", "1 fwd", "foolbox itself", "")),
        (
            "torchattacks:DeepFool",
            ("l2", "white", "50 fwd 50,000 grad at 1,000 classes", "arXiv 1511.04599", "untargeted only"),
        ),
        ("torchattacks:GN", ("l2", "decision", "nothing", "torchattacks itself", "untargeted only")),
        ("torchattacks:PIFGSM", ("linf", "white", "10 fwd 10 grad", "arXiv 2007.06765", COLOUR)),
    ],
)
def test_an_attack_of_a_back_end_in_its_list(name, row):
    library = name.partition(":")[0]
    pytest.importorskip(library)
    assert {each.name: tuple(each[1:]) for each in foreign_attacks(library)}[name] == row


@pytest.mark.parametrize("library", BACK_ENDS)
def test_every_attack_of_a_back_end_is_listed_with_all_facts(library):
    pytest.importorskip(library)
    rows = foreign_attacks(library)
    assert [row.name for row in rows] == foreign_names(library)
    for row in rows:
        assert all(row[:5])
        assert set(row.norms.split()) <= set(Norm)
        assert row.access in ("white", "score", "decision")


def _tables(lines):
    return [table.split("\n") for table in "\n".join(lines).split("\n\n")]
