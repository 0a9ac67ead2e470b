import importlib.metadata
import sys
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advwindow.errors import UserError
from advwindow.refs import Ref, Registry, parse_options, parse_ref, resolve_object

SCHEMES = ["folder", "py", "timm", "x"]


@pytest.mark.parametrize(
    ("text", "scheme", "identifier", "options"),
    [
        ("timm:resnet18", "timm", "resnet18", {}),
        ("timm:vit.augreg_in21k?pretrained=false", "timm", "vit.augreg_in21k", {"pretrained": "false"}),
        ("py:pkg.mod:make?a=1&b=[1, 2]", "py", "pkg.mod:make", {"a": "1", "b": "[1, 2]"}),
        ("folder:/data/my photos/ünï@home", "folder", "/data/my photos/ünï@home", {}),
        ("folder:C:\\data", "folder", "C:\\data", {}),
        ("folder:a?limit", "folder", "a", {"limit": ""}),
        ("timm:net?weights=a+b%20c.pth", "timm", "net", {"weights": "a+b c.pth"}),
        ("plain", "", "plain", {}),
        ("plain?k=v", "", "plain", {"k": "v"}),
    ],
)
def test_a_reference_is_split(text, scheme, identifier, options):
    assert parse_ref(text, schemes=SCHEMES, names=["plain"]) == Ref(text, scheme, identifier, options=options)


def test_a_revision_is_split_only_where_asked_for():
    text = "timm:org/net@abc123"
    assert parse_ref(text, schemes=SCHEMES).identifier == "org/net@abc123"
    with_revision = parse_ref(text, schemes=SCHEMES, revisions=True)
    assert (with_revision.identifier, with_revision.revision) == ("org/net", "abc123")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "without a source"),
        ("plian", "did you mean plain"),
        ("resnet18", "without a source"),
        ("x:\\data", "without a source"),  # the drive of a Windows path, though a scheme has that name
        ("tim:resnet18", "did you mean timm"),
        ("timm:", "expected timm:something"),
        ("timm:?pretrained=false", "expected timm:something"),
        (":resnet18", "unknown source"),
    ],
)
def test_a_wrong_reference_is_told(text, message):
    with pytest.raises(UserError, match=message):
        parse_ref(text, schemes=SCHEMES, names=["plain"])


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_options_survive_quoting(options):
    assert parse_options(urlencode(options).replace("+", "%20")) == options


def test_unknown_options_are_refused():
    ref = parse_ref("timm:net?pretraind=true", schemes=SCHEMES)
    ref.reject_options(known=["pretraind"])
    with pytest.raises(UserError, match="did you mean pretrained"):
        ref.reject_options(known=["pretrained"])
    with pytest.raises(UserError, match=r"\(none\)"):
        ref.reject_options()


class Point:
    def __init__(self, name, value, made=None):
        self.name, self.value, self.made = name, value, made

    def load(self):
        if self.made is None:
            raise ImportError("half installed")
        return self.made


def plug_in(monkeypatch, *points):
    monkeypatch.setattr(
        importlib.metadata, "entry_points", lambda *, group: points if group == "advwindow.toys" else ()
    )


def test_a_registry_lists_without_importing_and_loads_on_demand(monkeypatch):
    plug_in(monkeypatch, Point("outer", "pkg:obj", made="from outside"))
    monkeypatch.delitem(sys.modules, "this", raising=False)
    registry = Registry("toy", {"inner": "fractions:Fraction", "zen": "this:s"})
    assert registry.names() == ["inner", "outer", "zen"]
    assert "outer" in registry
    assert "inner" in registry
    assert "other" not in registry
    assert "this" not in sys.modules
    assert registry.get("inner").__name__ == "Fraction"
    assert registry.get("outer") == "from outside"
    with pytest.raises(UserError, match=r"unknown toy: got 'innre'.*did you mean inner"):
        registry.get("innre")


def test_a_broken_plug_in_is_named(monkeypatch):
    plug_in(monkeypatch, Point("outer", "pkg:obj"))
    with pytest.raises(UserError, match="plug-in for toy 'outer' is broken: got 'half installed'"):
        Registry("toy", {}).get("outer")


@pytest.mark.parametrize("builtin", [{}, {"outer": "fractions:Fraction"}])
def test_a_plug_in_that_repeats_a_name_is_ignored_with_a_warning(monkeypatch, builtin):
    first = [Point("outer", "a:b", made="first")] if not builtin else []
    plug_in(monkeypatch, *first, Point("outer", "c:d", made="second"))
    registry = Registry("toy", builtin)
    with pytest.warns(UserWarning, match="plug-in c:d repeats the toy 'outer'"):
        assert registry.names() == ["outer"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("fractions", "not a Python object"),
        ("fractions:", "not a Python object"),
        (":Fraction", "not a Python object"),
        (".fractions:Fraction", "not a Python object"),
        ("no_such_module_here:x", "cannot import module: got 'no_such_module_here'"),
        ("fractions:Fractoin", "module fractions has no such attribute: got 'Fractoin'"),
    ],
)
def test_a_wrong_object_is_told(path, message):
    with pytest.raises(UserError, match=message):
        resolve_object(path)


def test_attributes_of_attributes_are_found():
    assert resolve_object("fractions:Fraction.from_float").__name__ == "from_float"


def test_a_fault_inside_the_module_is_not_mistaken_for_a_missing_attribute(tmp_path, monkeypatch):
    (tmp_path / "faulty_module_of_mine.py").write_text("make = 1\nNone.nothing\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(AttributeError, match="nothing"):
        resolve_object("faulty_module_of_mine:make")
