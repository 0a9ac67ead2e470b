"""How long a report takes, and how large its page is: the default run's shape, and the largest that is promised.

The promises are seconds of two quiet cores, so the limits are only meant for such a machine; the page's size is not.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from advwindow.reports import write_html, write_pdf
from tests.reports.runs import Shape, make_run

if TYPE_CHECKING:
    from pathlib import Path

    from advwindow.runs import RunDirectory

pytestmark = pytest.mark.bench

_NAMES = ("fgsm", "pgd", "mi-fgsm", "bim", "apgd", "square")
_BUDGETS = ("1/255", "2/255", "4/255", "8/255", "16/255")

#: 60 layers, 30 attacks and budgets, 1,000 labels.
LARGE = Shape(
    attacks=tuple(
        (name, "linf", eps, {}, 0.1 + 0.03 * (place * len(_BUDGETS) + number))
        for place, name in enumerate(_NAMES)
        for number, eps in enumerate(_BUDGETS)
    ),
    layers=tuple(f"backbone.stage{place // 15}.block{place % 15}.conv" for place in range(60)),
    labels=tuple(f"concept {place}, thing number {place}" for place in range(1000)),
)


def seconds(run: RunDirectory, path: Path) -> float:
    start = time.perf_counter()
    write_pdf(run, path)
    return time.perf_counter() - start


@pytest.mark.parametrize(("shape", "limit"), [(Shape(), 5), (LARGE, 20)], ids=["default", "large"])
def test_the_pdf_is_there_in_seconds(tmp_path, shape, limit):
    run = make_run(tmp_path / "run", shape)
    write_pdf(run, tmp_path / "warm.pdf")  # fonts and imports
    taken = seconds(run, tmp_path / "run.pdf")
    print(f"PDF: {taken:.1f} s (limit {limit})")
    assert taken < limit


def test_the_page_of_a_large_run_can_be_sent(tmp_path):
    size = write_html(make_run(tmp_path / "run", LARGE), tmp_path / "run.html").stat().st_size / 1e6
    print(f"HTML: {size:.2f} MB (limit 3)")
    assert size < 3
