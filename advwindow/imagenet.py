"""The 1000 classes of ImageNet (ILSVRC 2012) in the order of every pretrained network's outputs.

The table ``imagenet.tsv`` has one line per class: its WordNet 3.0 synset id ("wnid") and the synset's lemmas. The
lemmas are WordNet's (Princeton University, WordNet 3.0 licence); the choice of classes is ILSVRC's (Russakovsky et al.,
2015, arXiv 1409.0575).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class ImageNetClass:
    """One class.

    Attributes:
        wnid: the synset's id, e.g. ``"n01440764"``; the classes are sorted by it.
        names: its lemmas, most common first, e.g. ``("tench", "Tinca tinca")``.
    """

    wnid: str
    names: tuple[str, ...]


@cache
def imagenet_classes() -> tuple[ImageNetClass, ...]:
    """The 1000 classes; the position is the index of the network's output."""
    table = resources.files("advwindow").joinpath("imagenet.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines())
    return tuple(ImageNetClass(wnid, tuple(names.split(", "))) for wnid, names in rows)


@cache
def imagenet_label_names() -> tuple[str, ...]:
    """One label name per class, its lemmas joined by ``", "``, all different.

    Two classes (a bird and a machine) have the one lemma "crane"; where names coincide the wnid is added last.
    """
    joined = [", ".join(cls.names) for cls in imagenet_classes()]
    count = Counter(joined)
    return tuple(
        name if count[name] == 1 else f"{name}, {cls.wnid}"
        for name, cls in zip(joined, imagenet_classes(), strict=True)
    )


@cache
def imagenet_index() -> dict[str, int]:
    """From wnid to the index of the class."""
    return {cls.wnid: index for index, cls in enumerate(imagenet_classes())}
