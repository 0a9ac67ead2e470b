import sys

import pytest

from advwindow.errors import UserError
from advwindow.factories import literal, make
from advwindow.refs import parse_ref

CODE = """
from __future__ import annotations
from dataclasses import dataclass
import pickle

@dataclass
class Net:
    width: int = 1

class Zoo:
    pass

constant = 3

def make(**options):
    return options

def fails():
    raise ValueError("no luck")
"""


def made(text):
    return make(parse_ref(text, schemes=["py", "file"]))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "my net.py"
    path.write_text(CODE)
    return path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-0.5", -0.5),
        ("[1, 'a']", [1, "a"]),
        ("True", True),
        ("None", None),
        ("true", "true"),
        ("relu", "relu"),
        ("8/255", "8/255"),
        ("", ""),
        ("__import__('os')", "__import__('os')"),
        ("a b", "a b"),
        ("(" * 500, "(" * 500),
        ("\0", "\0"),
    ],
)
def test_literals(text, value):
    assert literal(text) == value
    assert type(literal(text)) is type(value)


def test_a_file_is_run_and_its_factory_called_with_literals(file):
    path_before = list(sys.path)
    assert made(f"file:{file}:make?width=2&act=relu&sizes=[1,2]") == {"width": 2, "act": "relu", "sizes": [1, 2]}
    assert made(f"file:{file}:Net?width=5").width == 5
    assert sys.path == path_before
    assert "my net" not in sys.modules


def test_what_a_file_makes_can_be_pickled(file):
    import pickle

    net = made(f"file:{file}:Net?width=5")
    assert pickle.loads(pickle.dumps(net)) == net


def test_two_files_of_one_name_do_not_meet(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "net.py").write_text(f"def make(): return {folder!r}")
    assert [made(f"file:{tmp_path}/{folder}/net.py:make") for folder in "ab"] == ["a", "b"]


def test_a_module_on_the_path_is_imported(tmp_path, monkeypatch):
    (tmp_path / "zoo_of_mine.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    assert made("py:zoo_of_mine:make?k=v") == {"k": "v"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (":nothing", "defines no 'nothing'"),
        (":mkae", "did you mean make"),
        (":constant", "cannot be called: got 'int'"),
        (":fails", r"failed: got 'ValueError: no luck \(.*my net.py, line 19\)'"),
        (":Net?depth=3", "TypeError: .*unexpected keyword argument 'depth'"),
        ("", "names no factory|no such file"),
        (":", "names no factory"),
    ],
)
def test_a_wrong_factory_is_told(file, name, message):
    with pytest.raises(UserError, match=message):
        made(f"file:{file}{name}")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("def make(:", "SyntaxError"),
        ("import no_such_module_x", "no_such_module_x"),
        ("None.x", "AttributeError.*line 1"),
    ],
)
def test_a_broken_file_is_told_and_forgotten(tmp_path, content, message):
    path = tmp_path / "broken.py"
    path.write_text(content)
    before = set(sys.modules)
    with pytest.raises(UserError, match=message):
        made(f"file:{path}:make")
    assert not {name for name in set(sys.modules) - before if name.startswith("advwindow_file_")}


def test_missing_and_foreign_files_are_told(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        made(f"file:{tmp_path}/none.py:make")
    (tmp_path / "net.txt").write_text(CODE)
    with pytest.raises(UserError, match="not a Python file"):
        made(f"file:{tmp_path}/net.txt:make")


def test_a_broken_module_is_told(tmp_path, monkeypatch):
    (tmp_path / "broken_zoo_of_mine.py").write_text("raise RuntimeError('on import')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match="cannot be imported: got 'RuntimeError: on import"):
        made("py:broken_zoo_of_mine:make")
    with pytest.raises(UserError, match="cannot import module"):
        made("py:no_such_zoo:make")
