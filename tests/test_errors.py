import pytest

from advwindow.errors import IncompleteError, MissingExtraError, UserError, did_you_mean


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (UserError("no images"), "no images."),
        (UserError("no images."), "no images."),
        (UserError("bad label", got=0), "bad label: got 0."),
        (UserError("bad label", got=""), "bad label: got ''."),
        (UserError("bad label", expected="0 to 9"), "bad label: expected 0 to 9."),
        (UserError("bad label", fix="rename it"), "bad label. Fix: rename it."),
        (
            UserError("bad label", got="x", expected="0 to 9", fix="rename it"),
            "bad label: got 'x'; expected 0 to 9. Fix: rename it.",
        ),
        (UserError("bad\nlabel", got=ValueError("two\n  lines")), "bad label: got two lines."),
    ],
)
def test_a_user_error_is_one_line_with_the_parts_that_are_known(error, text):
    assert str(error) == text


def test_exit_codes():
    assert (UserError("x").exit_code, IncompleteError("x").exit_code) == (2, 3)
    assert MissingExtraError("x", package="p", extra="e").exit_code == 2


@pytest.mark.parametrize(
    ("extra", "command"), [("timm", "pip install 'advwindow[timm]'"), ("", "pip install some-weights")]
)
def test_a_missing_package_is_named_with_the_command_that_brings_it(extra, command):
    text = str(MissingExtraError("sample:x", package="some-weights", extra=extra))
    assert text == f"sample:x needs the package some-weights. Fix: {command}."


def test_near_names_come_first():
    assert did_you_mean("pdg", ["fgsm", "pgd"]) == "did you mean pgd? Known: fgsm, pgd"
    assert did_you_mean("zzzzzz", ["b", "a"]) == "Known: a, b"


def test_long_lists_are_shortened_but_searched_wholly():
    text = did_you_mean("name0999x", (f"name{i:04d}" for i in range(1000)))
    assert "did you mean name0999" in text
    assert text.endswith("name0019, ... (1000 in all)")
