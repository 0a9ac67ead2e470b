import pytest

from advwindow.errors import UserError
from advwindow.gates import make_policy
from advwindow.gates.selection import attacked, chosen, fits, grouped, same_attack, titles
from tests.runs.specs import spec

JPEG = {"defense": "jpeg?quality=75"}


def gate(**changes):
    facts = {"norm": "linf", "eps": "8/255", "at_least": 0.1} | changes
    lines = [f"{key} = {value!r}" for key, value in facts.items()]
    return make_policy("\n".join(["[[robust_accuracy]]", *lines])).robust_accuracy[0]


@pytest.mark.parametrize(
    ("name", "patterns", "found"),
    [
        ("m + jpeg?quality=75", ["m + jpeg?quality=75"], True),
        ("m + x[1]", ["m + x[1]"], True),
        ("blocks.12", ["blocks.1?", "head"], True),
        ("blocks.12", ["blocks.1"], False),
        ("Head", ["head"], False),
    ],
)
def test_a_name_fits_itself_and_patterns(name, patterns, found):
    assert fits(name, patterns) is found


def test_every_pattern_must_fit():
    assert chosen(["a.1", "b", "a.2", "b"], ["b", "a.*"], what="layer") == ["a.1", "b", "a.2"]
    with pytest.raises(UserError, match=r"no layer fits the pattern: got 'haed'. Fix: did you mean head"):
        chosen(["head", "b"], ["b", "haed"], what="layer")


def test_groups_are_subjects_images_and_seeds_without_targeted_cells():
    specs = [
        spec(),
        spec(eps="4/255"),
        spec(**JPEG),
        spec(seed=1),
        spec(images="other", images_sha256="e" * 64),
        spec(target="next", model="third"),
    ]
    groups = grouped(specs, ["*"])
    assert [len(each.cells) for each in groups] == [2, 1, 1, 1]
    assert [str(each) for each in groups][:3] == [
        "py:nets:make on npz:x.npz seed 0",
        "py:nets:make + jpeg?quality=75 on npz:x.npz seed 0",
        "py:nets:make on npz:x.npz seed 1",
    ]
    assert str(grouped([spec(), spec(**JPEG)], ["* + jpeg*"])[0]) == "py:nets:make + jpeg?quality=75"
    with pytest.raises(UserError, match="no untargeted subject"):
        grouped([spec(target="next")], ["*"])


CELLS = [
    spec(),
    spec(attack="square"),
    spec(eps="4/255"),
    spec(attack="cw", norm="l2", eps="min"),
    spec(attack="fmn", eps="min"),
    spec(access="oblivious", **JPEG),
]


def conditions(wanted, specs=CELLS):
    return [each.condition for each in attacked(grouped(specs, ["*"])[0], wanted, eps=[wanted.eps], minimal=True).cells]


def test_cells_at_a_budget_and_smallest_perturbations_of_its_norm():
    assert conditions(gate()) == ["pgd linf 8/255", "square linf 8/255", "pgd linf 4/255", "fmn linf minimal"]
    assert conditions(gate(eps="4/255")) == ["pgd linf 4/255", "fmn linf minimal"]
    assert conditions(gate(eps=str(8 / 255))) == conditions(gate())
    assert conditions(gate(attack=["pgd", "f*"])) == ["pgd linf 8/255", "pgd linf 4/255", "fmn linf minimal"]
    assert conditions(gate(norm="LINF")) == conditions(gate())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"norm": "l1", "eps": "2"}, "is of the gate's budget: got 'l1 2'"),
        ({"access": "oblivious"}, "is of the gate's budget"),
        ({"attack": "pdg"}, "did you mean pgd"),
        ({"eps": "4/255", "attack": ["pgd", "square"]}, "no attack on py:nets:make of the gate's budget fits"),
    ],
)
def test_what_is_not_there_is_an_error(changes, message):
    with pytest.raises(UserError, match=message):
        conditions(gate(**changes))


def test_every_epsilon_that_is_named_must_be_there():
    group = grouped(CELLS, ["*"])[0]
    found = attacked(group, gate(), eps=["4/255", "8/255"], minimal=False)
    assert [each.condition for each in found.cells] == ["pgd linf 8/255", "square linf 8/255", "pgd linf 4/255"]
    with pytest.raises(UserError, match="got 'linf 2/255'"):
        attacked(group, gate(), eps=["4/255", "2/255"], minimal=False)


def test_attacks_are_the_same_whatever_the_epsilon_is_written_like():
    assert same_attack(spec(eps="0.5", norm="l2")) == same_attack(spec(eps="1/2", norm="l2"))
    assert same_attack(spec()) != same_attack(spec(parameters={"steps": 20}))
    assert same_attack(spec(eps="min")) == same_attack(spec(eps="min"))


def test_cells_of_one_condition_are_told_apart():
    cells = [spec(), spec(parameters={"steps": 20}), spec(eps="4/255")]
    assert list(titles(grouped(cells, ["*"])[0]).values()) == [
        "pgd linf 8/255 (steps 10)",
        "pgd linf 8/255 (steps 20)",
        "pgd linf 4/255",
    ]
