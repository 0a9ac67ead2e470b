import pytest

from advwindow.reports.reading.outline import SECTIONS, TABLES, outline


def told(*figures, attacks=2, **tables):
    return {
        "figures": {name: {} for name in figures},
        "attacks": [{}] * attacks,
        **dict.fromkeys(TABLES),
        **tables,
    }


def blocks(study):
    return {section["key"]: section["blocks"] for section in outline(study)}


def test_only_what_there_is_in_the_order_of_the_report():
    study = told("drift", "alignment", "verdicts", words=[{}], audits=[])
    assert outline(study) == [
        {"key": "verdicts", "title": "Verdicts", "blocks": ["verdicts"]},
        {"key": "alignment", "title": "Alignment with words, layer by layer", "blocks": ["alignment"]},
        {"key": "drift", "title": "Drift: what each layer loses", "blocks": ["drift", "beginnings"]},
        {"key": "words", "title": "Where each concept’s word comes from", "blocks": ["words"]},
    ]


@pytest.mark.parametrize(
    ("attacks", "wanted"),
    [(12, ["robustness", "collapse-map", "beginnings"]), (13, ["robustness", "beginnings", "collapse-map"])],
)
def test_where_damage_begins_stands_once_beside_the_map_and_before_a_tall_one(attacks, wanted):
    found = blocks(told("verdicts", "robustness", "collapse-map", "drift", "beyond-noise", attacks=attacks))
    assert found["budgets"] == wanted
    assert found["drift"] == ["drift", "beyond-noise"]


def test_the_headline_is_another_figure_only_beside_others():
    assert blocks(told("verdicts", "headline"))["verdicts"] == ["verdicts", "headline"]
    assert blocks(told("verdicts", "headline", attacks=1))["verdicts"] == ["verdicts"]


def test_a_figure_without_a_place_is_an_error_and_not_left_out():
    with pytest.raises(ValueError, match=r"without a section: \['new'\]"):
        outline(told("verdicts", "new"))


def test_keys_and_blocks_are_there_once():
    keys = [section.key for section in SECTIONS]
    names = [name for section in SECTIONS for name in section.blocks]
    assert len(set(keys)) == len(keys)
    assert len(set(names)) == len(names)
