from __future__ import annotations

from dataclasses import replace

import pytest

from advwindow.reports.reading.content import whole
from advwindow.window.multiplicity import CORRECTIONS
from tests.reports.awkward import only


def told(run, study, correction):
    first = study.attacks[0]
    spec = first.spec.model_copy(update={"correction": correction})
    return whole(run, [only(study, replace(first, spec=spec))])["method"]["correction"]


@pytest.mark.parametrize(
    ("correction", "who", "promise"),
    [
        ("max-t", "Westfall & Young 1993", "the chance of even one false alarm over all layers by 5 %."),
        ("bh", "Benjamini & Hochberg", "the share of false alarms"),
        ("by", "Benjamini & Yekutieli", "the share of false alarms"),
    ],
)
def test_the_method_is_that_of_the_correction(monkeypatch, run, study, correction, who, promise):
    monkeypatch.setattr("advwindow.reports.reading.content._provenance", lambda *_: [])
    sentence = told(run, study, correction)
    assert who in sentence
    assert promise in sentence
    assert sentence.count("max-T") == (correction == "max-t")


def test_every_correction_has_a_sentence_of_its_own(monkeypatch, run, study):
    monkeypatch.setattr("advwindow.reports.reading.content._provenance", lambda *_: [])
    assert len({told(run, study, correction) for correction in CORRECTIONS}) == len(CORRECTIONS)
