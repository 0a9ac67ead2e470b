import sys

import pytest

from advwindow.errors import MissingExtraError, UserError
from advwindow.reports.outputs.places import Place, send_to, sending_places
from tests.reports.runs import ATTACKS, Shape, make_run


def test_nothing_wanted_nothing_needed(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert sending_places() == []


@pytest.mark.parametrize("package", ["mlflow", "tensorboard"])
def test_a_missing_package_is_told_before_anything_begins(tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'advwindow\[{package}\]'"):
        sending_places(**{package: tmp_path / "x"})


def test_options_can_be_typed_again(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object())
    first, second = sending_places(mlflow="http://me:secret@host/?a=1&b=2", tensorboard=tmp_path / "two words")
    assert first.option == "--mlflow 'http://me:***@host/?a=1&b=2'"
    assert second.option == f"--tensorboard '{tmp_path / 'two words'}'"


def test_what_a_tracker_raises_becomes_an_error_of_the_users(tmp_path):
    def refuse():
        raise RuntimeError("database is locked")

    run = make_run(tmp_path / "run", Shape(attacks=ATTACKS[:1], layers=("a", "b")))
    with pytest.raises(UserError, match="cannot send cells to X: got 'RuntimeError: database is locked'"):
        send_to(Place("X", "--x y", refuse), run)
