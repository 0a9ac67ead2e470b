import pytest
from pydantic import ValidationError

from advwindow.runs import CellSpec

from .specs import spec

CHANGED = {
    "model": "py:nets:other",
    "model_sha256": "d" * 64,
    "images": "npz:y.npz",
    "images_sha256": "d" * 64,
    "words": ("npz:v.npz", "npz:w.npz"),
    "words_sha256": ("d" * 64,),
    "attack": "fgsm",
    "parameters": {"steps": 11},
    "norm": "l2",
    "eps": "4/255",
    "target": "random",
    "seed": 1,
    "layers": ("a*",),
    "pooling": "max",
    "similarity": "cosine",
    "measure": "pearson",
    "permutations": 1999,
    "folds": 2,
    "ties": "fail",
    "image_sets": True,
    "correction": "bh",
    "defense": "jpeg",
    "access": "oblivious",
    "draws": 3,
}


def test_every_field_has_a_changed_value():
    """A new field must be put here: it then changes the identity, or it does not belong into the specification."""
    assert set(CHANGED) == set(CellSpec.model_fields)


@pytest.mark.parametrize("field", sorted(CHANGED))
def test_every_field_changes_the_identity(field):
    assert spec(**{field: CHANGED[field]}).cell_id != spec().cell_id


def test_identity_survives_json_and_the_order_of_parameters():
    one = spec(parameters={"steps": 3, "restarts": 2})
    two = spec(parameters={"restarts": 2, "steps": 3})
    assert one.cell_id == two.cell_id == CellSpec.model_validate_json(one.model_dump_json()).cell_id


def test_equal_numbers_written_differently_are_different_budgets():
    assert spec(eps="0.5").cell_id != spec(eps="1/2").cell_id


def test_a_misspelt_field_is_refused():
    with pytest.raises(ValidationError):
        spec(batch_size=3)


def test_condition_is_readable():
    assert spec().condition == "pgd linf 8/255"
    assert spec(attack="cw", norm="l2", eps="min", target="random").condition == "cw l2 minimal to random"
