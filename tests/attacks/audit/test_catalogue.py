"""Every check is explained."""

from __future__ import annotations

from dataclasses import astuple

import pytest

from advwindow.attacks.audit import codes, explain
from advwindow.errors import UserError


def test_codes_are_the_fifteen_checks_and_six_indicators_in_order():
    assert codes() == (*(f"S{n}" for n in range(1, 16)), *(f"I{n}" for n in range(1, 7)))


@pytest.mark.parametrize("code", codes())
def test_every_field_of_every_check_is_told_in_sentences(code):
    info = explain(code.lower())
    assert info.code == code
    assert all(part.strip() == part and part for part in astuple(info))
    assert info.question.endswith("?")
    for sentences in (info.computation, info.threshold, info.meaning, info.remedy):
        assert sentences.endswith(".")
        assert "  " not in sentences


def test_unknown_code_is_told_with_near_ones():
    with pytest.raises(UserError, match="did you mean"):
        explain("S16")
