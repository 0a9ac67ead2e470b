"""Which output of a network an image's label means."""

from __future__ import annotations

import difflib
from collections import defaultdict
from typing import TYPE_CHECKING

from advwindow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from advwindow.data.images import LabelledImages


def match_labels(images: LabelledImages, model_label_names: Sequence[str], num_classes: int) -> tuple[int, ...]:
    """For every image the index of its class among the network's outputs.

    1. Both have the same list of label names: the label is the index.
    2. The network has label names: the one output of exactly the same name, else the one output that shares a name with
       the class (names are separated by ``", "``; case, hyphens and underscores do not count).
    3. Otherwise, all label names of the images are whole numbers: these are the indices.
    4. The network has no label names: the label is the index, if there are as many classes as outputs.

    Args:
        images: the labelled images; only classes that have images need a counterpart.
        model_label_names: the network's label names; may be empty.
        num_classes: how many outputs the network has.

    Raises:
        UserError: a class has no counterpart or several, or the number of classes is wrong.
    """
    names = images.label_names
    if model_label_names and len(model_label_names) != num_classes:
        raise UserError(
            "the network's label names do not fit its outputs",
            got=f"{len(model_label_names)} names",
            expected=f"{num_classes}",
        )
    if tuple(model_label_names) == names:
        return images.labels
    used = sorted(set(images.labels))
    numbered = all(name.isascii() and name.isdigit() for name in names)
    if model_label_names and not (numbered and not set(names) & set(model_label_names)):
        index = _by_name({label: names[label] for label in used}, model_label_names, images.name)
    elif numbered:
        index = {label: int(names[label]) for label in used}
    else:
        index = {label: label for label in used}
        if len(names) != num_classes:
            raise UserError(
                f"{images.name} has another number of classes than the network, which has no label names",
                got=f"{len(names)} classes",
                expected=f"{num_classes}",
                fix="give the network label_names, or use images of its own classes",
            )
    for label, output in index.items():
        if output >= num_classes:
            raise UserError(
                f"class {names[label]!r} of {images.name} is beyond the network's outputs",
                got=output,
                expected=f"0 to {num_classes - 1}",
            )
    return tuple(index[label] for label in images.labels)


def _by_name(wanted: dict[int, str], known: Sequence[str], source: str) -> dict[int, int]:
    exact, shared = defaultdict(list), defaultdict(list)
    for output, name in enumerate(known):
        exact[name].append(output)
        for lemma in _lemmas(name):
            shared[lemma].append(output)
    index = {}
    for label, name in wanted.items():
        found = exact[name] or sorted({output for lemma in _lemmas(name) for output in shared[lemma]})
        if len(found) != 1:
            raise _unmatched(name, source, [known[output] for output in found], known)
        index[label] = found[0]
    return index


def _lemmas(name: str) -> set[str]:
    return {" ".join(part.casefold().replace("_", " ").replace("-", " ").split()) for part in name.split(", ")}


def _unmatched(name: str, source: str, found: Sequence[str], known: Iterable[str]) -> UserError:
    if found:
        return UserError(
            f"class {name!r} of {source} may mean several classes of the network",
            got="; ".join(found),
            fix="use the network's exact label name, or the wnid, as the class name",
        )
    near = difflib.get_close_matches(name.replace("_", " "), known, n=3, cutoff=0.4)
    return UserError(
        f"class {name!r} of {source} is no class of the network",
        fix=f"rename it or leave it out; near names: {'; '.join(near) or 'none'}",
    )
