import numpy as np
import pytest

from advwindow.errors import UserError
from advwindow.window.vocabulary import vocabulary
from tests.window.helpers import rng, word_space

NAMES = ["cat", "dog", "car", "unknownword", "tree", "house", "ship", "bird", "missingword"]
VECTORS = {name: rng(i).normal(size=12) for i, name in enumerate(NAMES) if not name.endswith("word")}
SPACE = word_space(VECTORS)


def test_concepts_are_the_classes_among_the_images_that_have_words():
    found = vocabulary([4, 3, 0, 7, 7, 2, 1], NAMES, [SPACE])
    assert found.classes == (0, 1, 2, 4, 7)
    assert found.concepts == ("cat", "dog", "car", "tree", "bird")
    assert found.resolution.words == found.concepts
    assert [row.label for row in found.resolution.rows if not row.words] == ["unknownword"]
    assert sorted(found.others) == [5, 6]
    for place, index in enumerate(found.classes):
        assert np.array_equal(found.resolution.vectors[place], VECTORS[NAMES[index]])


def test_places_and_profiles():
    found = vocabulary([4, 0, 7, 2, 1], NAMES, [SPACE])
    assert found.places(np.array([7, 3, 0])).tolist() == [4, -1, 0]
    assert found.has_word(np.array([1, 5, 8])).tolist() == [True, True, False]
    profiles = found.profiles(np.array([5, 1, 5]), similarity="pearson")
    expected = [np.corrcoef(VECTORS["dog"], v)[0, 1] for v in found.resolution.vectors]
    assert np.allclose(profiles[1], expected)
    assert np.allclose(profiles[0], [np.corrcoef(VECTORS["house"], v)[0, 1] for v in found.resolution.vectors])
    assert np.array_equal(profiles[0], profiles[2])
    assert found.profiles(np.zeros(0, np.int64), similarity="pearson").shape == (0, 5)


def test_the_words_of_concepts_do_not_depend_on_other_classes():
    names = ["crane", *NAMES[:3], "tree", "house", "ship", "crane"]
    space = word_space({**VECTORS, "crane": rng(77).normal(size=12)})
    found = vocabulary([7, 1, 2, 3, 4], names, [space])
    assert found.classes == (1, 2, 3, 4, 7)
    assert 0 not in found.others


@pytest.mark.parametrize(
    ("labels", "names", "message"),
    [
        ([0, 1, 2], NAMES, "too few concepts: .* got '3 of 3 classes"),
        ([0], NAMES, "got '1 of 1 classes"),
        ([0, 1, 2, 3, 4], NAMES, "got '4 of 5 classes among the images'. Fix: .*unknownword"),
        ([0, 1, 2, 4, 9], NAMES, r"labels without a name: got '\[9\]'"),
        ([0, -1, 2, 4, 5], NAMES, "labels without a name"),
        ([0, 1, 2, 4, 5], [], "label_names"),
    ],
)
def test_what_makes_no_geometry(labels, names, message):
    with pytest.raises(UserError, match=message):
        vocabulary(labels, names, [SPACE])
