import re

import pytest

from advwindow.errors import UserError
from advwindow.gates import make_policy, read_policy

ROBUST = '[[robust_accuracy]]\nnorm = "linf"\neps = "8/255"\nat_least = 0.25\n'
LAYERS = '[[retention]]\nlayers = "head"\nat_least = 0.5\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no gate: expected one of [[clean_accuracy]]"),
        ("at_least", "is no policy"),
        ("[[robust]]\nat_least = 0.1", "unknown kind of gate: got 'robust'. Fix: did you mean robust_accuracy"),
        (
            ROBUST + "at_leest = 1",
            "unknown key in [[robust_accuracy]] no. 1: got 'at_leest'. Fix: did you mean at_least",
        ),
        (ROBUST.replace("[[", "[").replace("]]", "]"), "write [[robust_accuracy]]"),
        (ROBUST.replace("at_least = 0.25", ""), "[[robust_accuracy]] no. 1 lacks a key: expected at_least"),
        (ROBUST.replace("0.25", "25"), "no. 1: at_least is not usable: got '25'; expected Input should be less than"),
        (ROBUST + ROBUST.replace("0.25", "nan"), "[[robust_accuracy]] no. 2: at_least is not usable"),
        (ROBUST.replace("8/255", "8/x"), "[[robust_accuracy]] no. 1: epsilon is no number: got '8/x'"),
        (ROBUST.replace("8/255", "min"), "robust accuracy needs an epsilon"),
        (ROBUST.replace("8/255", "8"), "epsilon exceeds the pixel range"),
        (ROBUST.replace("linf", "linv"), "did you mean linf"),
        (ROBUST + 'access = "adaptve"', "access is not usable"),
        (ROBUST + "attack = []", "attack is not usable"),
        (ROBUST + "attack = true", "attack is not usable"),
        (ROBUST + 'attack = [["pgd"]]', "attack is not usable"),
        (ROBUST + "subject = {name = 1}", "subject is not usable"),
        (ROBUST.replace("0.25", "true"), "at_least is not usable: got 'True'"),
        (ROBUST.replace("0.25", '"0.25"'), "at_least is not usable"),
        (LAYERS + 'eps = "8/255"', "epsilons need their norm"),
        (LAYERS + 'norm = "l2"\neps = ["1", "zz"]', "epsilon is no number"),
        (LAYERS.replace('layers = "head"', ""), "lacks a key: expected layers"),
        ('[[verdicts]]\nlayers = "a"\nno_worse_than = "collapsed"', "no_worse_than is not usable"),
        ("robust_accuracy = 3", "robust_accuracy is not usable"),
        ("robust_accuracy = [3]", "robust_accuracy]] no. 1 is not usable"),
    ],
)
def test_mistakes_are_told_with_their_place(text, message):
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        make_policy(text, source="gates.toml")
    assert "gates.toml" in str(caught.value)


def test_files(tmp_path):
    file = tmp_path / "gates.toml"
    with pytest.raises(UserError, match="cannot read the policy"):
        read_policy(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="UTF-8"):
        read_policy(file)
    file.write_text(ROBUST)
    assert len(read_policy(file).gates()) == 1
