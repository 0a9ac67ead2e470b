"""Candidates of a label and their order."""

from __future__ import annotations

import unicodedata

import pytest

from advwindow.words.spellings import Step, candidates, variants


@pytest.mark.parametrize(
    ("name", "lowercase", "expected"),
    [
        ("kit fox", True, ["kit_fox", "kit-fox", "kitfox"]),
        ("T-shirt", True, ["t-shirt", "t shirt", "t_shirt", "tshirt"]),
        ("lawn_mower", True, ["lawn mower", "lawn-mower", "lawnmower"]),
        ("tench", True, []),
        ("Chihuahua", True, ["chihuahua"]),
        ("crane", False, ["Crane"]),
        (
            "sea lion",
            False,
            [
                *("Sea lion", "Sea Lion", "sea_lion", "sea-lion", "Sea_lion", "Sea-lion", "Sea_Lion", "Sea-Lion"),
                *("sealion", "Sealion", "SeaLion"),
            ],
        ),
        ("-", True, []),
    ],
)
def test_variants_are_these_in_this_order(name, lowercase, expected):
    assert variants(name, lowercase=lowercase) == expected


def test_decomposed_unicode_is_composed():
    name = unicodedata.normalize("NFD", "papier mâché")
    assert "papier mâché" in variants(name, lowercase=False)


def test_the_chain_is_in_order():
    chain = candidates("Kit fox, Vulpes macrotis", override="fox", lowercase=True)
    assert [(c.step.value, c.parts) for c in chain] == [
        ("override", (("fox",),)),
        ("exact", (("Kit fox",),)),
        ("variant", (("kit fox",),)),
        ("variant", (("kit_fox",),)),
        ("variant", (("kit-fox",),)),
        ("variant", (("kitfox",),)),
        ("other_name", (("Vulpes macrotis",),)),
        ("other_name", (("vulpes macrotis",),)),
        ("other_name", (("vulpes_macrotis",),)),
        ("other_name", (("vulpes-macrotis",),)),
        ("other_name", (("vulpesmacrotis",),)),
        ("tokens", (("kit",), ("fox",))),
        ("tokens", (("vulpes",), ("macrotis",))),
    ]


@pytest.mark.parametrize(
    ("label", "parts"),
    [
        ("tench", []),
        ("goose goose", []),
        ("carpenter's kit", [(("carpenter's", "carpenter"), ("kit",))]),
        ("black-footed ferret", [(("black",), ("footed",), ("ferret",))]),
    ],
)
def test_tokens_need_two_different_parts(label, parts):
    chain = candidates(label, override=None, lowercase=True)
    assert [c.parts for c in chain if c.step == Step.TOKENS] == parts


@pytest.mark.parametrize("label", ["", "  ", ", ", " ,  , "])
def test_a_label_without_names_has_no_spelling_that_is_empty(label):
    chain = candidates(label, override=None, lowercase=True)
    assert all(word for c in chain for part in c.parts for word in part)


def test_a_comma_without_a_space_is_part_of_the_name():
    chain = candidates("1,000 year egg", override=None, lowercase=True)
    assert chain[0].name == "1,000 year egg"
