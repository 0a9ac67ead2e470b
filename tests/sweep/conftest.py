import pytest

from . import parts


@pytest.fixture
def study(tmp_path):
    """References of a model, images and words that fit together."""
    return {
        "models": ["py:tests.sweep.parts:make_model"],
        "images": [parts.write_images(tmp_path / "images.npz")],
        "words": [parts.write_words(tmp_path / "words.npz")],
        "window": {"permutations": 199},
    }
