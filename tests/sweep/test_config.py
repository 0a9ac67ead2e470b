import tomllib
from pathlib import Path

import pytest

from advwindow.errors import UserError
from advwindow.sweep import PROTOCOLS, change_attacks, embedded, make_sweep, read_toml, split_parts, sweep_toml

SWEEPS = sorted((Path(__file__).parents[2] / "attacks").glob("*.toml"))


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.name)
def test_every_sweep_file_of_the_project_is_valid(path):
    if "torchattacks" in path.read_text(encoding="utf-8"):
        pytest.importorskip("torchattacks")
    for part in split_parts(read_toml(path)):
        assert make_sweep(part).attack


@pytest.mark.parametrize("name", ["quick", *PROTOCOLS])
def test_what_is_embedded_is_the_file_people_see(name):
    shown = Path(__file__).parents[2] / "attacks" / f"{name}.toml"
    assert embedded(name).read_text(encoding="utf-8") == shown.read_text(encoding="utf-8")


def test_several_targets_are_as_many_cells():
    entry = {"name": "pgd", "eps": ["8/255"], "target": ["word-rank:0", "runner-up"]}
    sweep = make_sweep({"attack": [entry]})
    assert sweep.attack[0].target == ("word-rank:0", "runner-up")
    assert make_sweep(tomllib.loads(sweep_toml(sweep))) == sweep


def test_the_resolved_sweep_gives_the_same_sweep():
    content = {
        "name": "x",
        "attack": [
            {"name": "pgd", "eps": ["8/255", "1/255"], "steps": 3, "random_start": False},
            {"name": "cw", "kappa": 1.0},
        ],
        "window": {"layers": ["block*"], "pooling": "max"},
    }
    sweep = make_sweep(content)
    assert make_sweep(tomllib.loads(sweep_toml(sweep))) == sweep
    assert sweep.attack[0].norm == "linf"
    assert sweep.attack[1].norm == "l2"
    assert sweep.attack[1].eps == ("min",)
    assert sweep.attack[1].parameters["search_steps"] == 9


def test_epsilons_are_stripped_and_named_once():
    assert make_sweep({"attack": [{"name": "pgd", "eps": [" 8/255", "8/255"]}]}).attack[0].eps == ("8/255",)


def test_epsilons_for_one_norm_do_not_spill_into_another():
    content = {"attack": [{"name": "pgd", "eps": ["1/255"]}, {"name": "pgd", "norm": "l2", "eps": ["2"]}]}
    with pytest.raises(UserError, match="--norm"):
        change_attacks(content, eps=["4/255"])
    with pytest.raises(UserError, match="with a name"):
        change_attacks({"attack": [{"eps": "1"}]}, eps=["4/255"])


def test_numbers_are_accepted_as_epsilons():
    assert make_sweep({"attack": [{"name": "pgd", "eps": 0.03}]}).attack[0].eps == ("0.03",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "attack"),
        ({"attack": []}, "attack"),
        ({"attack": [{"name": "pdg", "eps": "8/255"}]}, "did you mean pgd"),
        ({"attack": [{"name": "pgd"}]}, "needs an epsilon"),
        ({"attack": [{"name": "pgd", "eps": "x"}]}, "epsilon is no number"),
        ({"attack": [{"name": "pgd", "eps": "8"}]}, "write 8/255"),
        ({"attack": [{"name": "pgd", "eps": "8/255", "stepz": 3}]}, "no such parameter.*steps"),
        ({"attack": [{"name": "pgd", "eps": "8/255", "steps": "many"}]}, "steps"),
        ({"attack": [{"name": "pgd", "eps": "8", "norm": "l0"}]}, "no such norm"),
        ({"attack": [{"name": "pgd", "eps": "8/255", "target": "cat"}]}, "target"),
        ({"attack": [{"name": "cw", "norm": "linf"}]}, "no such norm"),
        ({"attak": [{"name": "cw"}], "attack": [{"name": "cw"}]}, "unknown key.*attack"),
        ({"attack": [{"name": "cw"}], "window": {"poolling": "max"}}, "unknown key.*pooling"),
        ({"attack": [{"name": "cw"}], "window": {"pooling": "median"}}, "pooling"),
        ({"attack": [{"name": "cw"}], "window": {"permutations": 3}}, "permutations"),
        ({"attack": [{"name": "cw"}], "name": "../evil"}, "name"),
        ({"attack": ["cw"]}, "attack"),
        ({"attack": "cw"}, "attack"),
        ({"attack": [{"name": "cw", "kappa": float("nan")}]}, "finite"),
        ({"attack": [{"name": "cw"}], "models": []}, "models"),
        ({"attack": [{"name": "foolbox:LinfPGD"}]}, "needs an epsilon"),
    ],
    ids=str,
)
def test_bad_sweeps_are_refused(content, message):
    with pytest.raises(UserError, match=message):
        make_sweep(content)


def test_overrides_reach_inside_and_keep_types(tmp_path):
    file = tmp_path / "s.toml"
    file.write_text('[[attack]]\nname = "cw"\n[window]\npooling = "mean"\n')
    (content,) = split_parts(
        read_toml(file), overrides=["window.pooling=max", "seeds=[1, 2]", "window.permutations = 500"]
    )
    assert content["window"] == {"pooling": "max", "permutations": 500}
    assert content["seeds"] == [1, 2]
    with pytest.raises(UserError, match="key=value"):
        split_parts(read_toml(file), overrides=["pooling"])


def test_files_that_are_no_sweeps(tmp_path):
    with pytest.raises(UserError, match="cannot read"):
        read_toml(tmp_path / "missing.toml")
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="no sweep file"):
        read_toml(tmp_path / "a.toml")
    (tmp_path / "b.toml").write_text("= 3")
    with pytest.raises(UserError, match="no sweep file"):
        read_toml(tmp_path / "b.toml")


def test_options_replace_attacks_and_epsilons():
    content = {"attack": [{"name": "fgsm", "eps": ["1/255"]}, {"name": "cw"}]}
    change_attacks(content, eps=["2/255"])
    assert content["attack"] == [{"name": "fgsm", "eps": ["2/255"]}, {"name": "cw"}]
    change_attacks(content, names=["pgd"], eps=["1"], norm="l2")
    assert content["attack"] == [{"name": "pgd", "eps": ["1"], "norm": "l2"}]


def test_parts_inherit_what_stands_before_them_and_come_back_from_their_own_text():
    text = """
        name = "two"
        words = ["a", "b"]
        [[part]]
        models = ["py:a:b"]
        defenses = ["", "jpeg"]
        [[part.attack]]
        name = "pgd"
        eps = "1/255"
        access = ["oblivious", "adaptive"]
        draws = 3
        [[part]]
        words = ["c"]
        [[part.attack]]
        name = "fgsm"
        eps = "2/255"
    """
    first, second = (make_sweep(part) for part in split_parts(tomllib.loads(text)))
    assert (first.name, first.words, first.defenses) == ("two", ("a", "b"), ("", "jpeg"))
    assert (first.attack[0].access, first.attack[0].draws) == (("oblivious", "adaptive"), 3)
    assert (second.words, second.defenses, second.attack[0].access) == (("c",), ("",), ("adaptive",))
    again = [make_sweep(part) for part in split_parts(tomllib.loads(sweep_toml(first, second)))]
    assert again == [first, second]


@pytest.mark.parametrize("parts", ["x", [], [1]])
def test_parts_that_are_none_are_refused(parts):
    with pytest.raises(UserError, match="parts are not usable"):
        split_parts({"part": parts})


def test_the_embedded_bench_is_the_example_of_the_project():
    assert embedded("bench").read_bytes() == (SWEEPS[0].parent / "defenses.toml").read_bytes()


def test_an_unknown_access_is_refused():
    with pytest.raises(UserError, match="access"):
        make_sweep({"attack": [{"name": "fgsm", "eps": "1/255", "access": "psychic"}]})


def test_an_override_holds_for_every_part_and_tables_of_parts_are_merged():
    text = """
        window = { permutations = 300, pooling = "max" }
        [[part]]
        images = ["npz:a"]
        window = { pooling = "mean" }
        [[part]]
        images = ["npz:b"]
    """
    first, second = split_parts(tomllib.loads(text), overrides=['images = ["npz:c"]'])
    assert first["images"] == second["images"] == ["npz:c"]
    assert first["window"] == {"permutations": 300, "pooling": "mean"}
    assert second["window"] == {"permutations": 300, "pooling": "max"}
