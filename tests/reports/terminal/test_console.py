import io

import pytest
from rich.console import Console

from advwindow.reports.reading.studies import Subject
from advwindow.reports.terminal.console import fitting, print_fitting, say_subject

ROWS = [{"": "one", "verdict": "intact", "drift": "+0.10", "p": "0.001"}, {"": "[b]two[/b]", "p": "1.000"}]


def printed(what, *arguments, width, **options):
    file = io.StringIO()
    what(*arguments, Console(file=file, width=width), **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (80, ["model + jpeg · images · words · seed 3"]),
        (37, ["model + jpeg · images · words", "seed 3"]),
        (20, ["model + jpeg", "images · words", "seed 3"]),
    ],
)
def test_a_subject_is_broken_between_its_parts(width, lines):
    subject = Subject("model + jpeg", "images", "words", 3)
    assert printed(say_subject, subject, width=width).splitlines() == ["", *lines]


@pytest.mark.parametrize(("width", "left_out"), [(40, ""), (32, "p"), (24, "drift; p"), (10, "drift; p")])
def test_columns_without_room_are_named(width, left_out):
    text = printed(print_fitting, ROWS, width=width, least=2)
    told = f"Left out for want of width: {left_out}." if left_out else ""
    assert (told in " ".join(text.split())) if told else ("Left out" not in text)
    assert len(fitting(ROWS, Console(width=width), least=2)) == 4 - len(left_out.split("; ") if left_out else [])


def test_nothing_is_markup():
    assert "[b]two[/b]" in printed(print_fitting, ROWS, width=80, least=2)
