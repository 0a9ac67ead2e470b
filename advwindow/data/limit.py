"""A smaller set that stays the same: balanced over classes, drawn in the order of hashes."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import TYPE_CHECKING

from advwindow.errors import UserError

if TYPE_CHECKING:
    from advwindow.data.images import LabelledImages


def limited(images: LabelledImages, limit: str) -> LabelledImages:
    """At most so many images, in their old order.

    One image of every class comes before the second of any; within that, order is the SHA-256 of label name and id. So
    a subset depends on names alone, its classes are spread over the whole set, and a smaller limit gives a part of it.

    Args:
        images: the whole set.
        limit: a positive whole number, as text.

    Raises:
        UserError: the limit is no such number.
    """
    if not (limit.isascii() and limit.isdigit() and int(limit) > 0):
        raise UserError(f"option limit of {images.name!r}", got=limit, expected="a positive whole number")
    of_class: defaultdict[int, list[tuple[str, int]]] = defaultdict(list)
    for index, (name, label) in enumerate(zip(images.ids, images.labels, strict=True)):
        of_class[label].append((_hash(name), index))
    ranked = [
        (rank, _hash(images.label_names[label]), index)
        for label, members in of_class.items()
        for rank, (_, index) in enumerate(sorted(members))
    ]
    return images.subset(sorted(index for _, _, index in sorted(ranked)[: int(limit)]))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
