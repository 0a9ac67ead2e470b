import pytest
import torch
from torch.nn.functional import interpolate

from advwindow.defenses import Enclosed, defend
from advwindow.defenses.ensemble import LogitAverage
from advwindow.errors import UserError
from tests.defenses.parts import images, small_net

CODE = """
from tests.defenses.parts import small_net

def other(seed=1, **facts):
    return small_net(seed=seed, mean=[0.1] * 3, **facts)
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "others.py"
    path.write_text(CODE)
    return f"file:{path}:other"


def test_it_answers_with_the_mean_of_the_logits(file):
    model, shown = small_net(), images()
    expected = (model(shown) + small_net(seed=1, mean=[0.1] * 3)(shown) + small_net(seed=2, mean=[0.1] * 3)(shown)) / 3
    torch.testing.assert_close(defend(model, f"logit-average?with={file}, {file}?seed=2")(shown), expected)


def test_one_that_wants_another_size_gets_it():
    model, shown = small_net(), images(height=10, width=10)
    other = small_net(seed=1, input_size=(16, 12))
    resized = interpolate(shown, size=(16, 12), mode="bilinear", antialias=True)
    torch.testing.assert_close(Enclosed(model, LogitAverage(other))(shown), (model(shown) + other(resized)) / 2)


def test_its_hash_follows_weights_and_normalisation_of_the_others():
    model = small_net()

    def hashed(**facts):
        return Enclosed(model, LogitAverage(small_net(**facts))).sha256()

    assert hashed(seed=1) == hashed(seed=1)
    assert len({hashed(seed=1), hashed(seed=2), hashed(seed=1, mean=[0.5] * 3), model.sha256()}) == 4


def test_other_classes_are_told(file):
    with pytest.raises(UserError, match="name their classes differently"):
        defend(
            small_net(label_names="abcd"),
            f"logit-average?with={file}?label_names=['b','a','c','d']".replace(",'", "%2C'"),
        )
    defended = defend(small_net(classes=3), f"logit-average?with={file}")
    with pytest.raises(UserError, match="knows other classes than 'small': got '4 logits'; expected 3"):
        defended(images())


@pytest.mark.parametrize("options", ["", "?with=", "?with=,", "?wth=a"])
def test_without_others_it_says_what_it_needs(options):
    with pytest.raises(UserError, match=r"needs the networks.*with=sample:"):
        defend(small_net(), f"logit-average{options}")
