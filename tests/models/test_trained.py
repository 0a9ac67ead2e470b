import json

import pytest
import safetensors.torch
import torch

from advwindow.errors import UserError
from advwindow.models import channel_statistics, load_model, trained_bytes, untrained

FACTS = {
    "network": {"channels": 3, "width": 4, "blocks": [1, 1], "classes": 3},
    "mean": [0.5, 0.4, 0.3],
    "std": [0.2, 0.2, 0.25],
    "label_names": ["red", "green", "blue"],
    "input_size": [8, 8],
}


def written(tmp_path, facts=FACTS):
    torch.manual_seed(0)
    model = untrained(FACTS).eval()
    file = tmp_path / "net.safetensors"
    file.write_bytes(trained_bytes(model, facts))
    return model, file


def test_a_file_gives_the_network_back_but_for_half_precision(tmp_path):
    model, file = written(tmp_path)
    again = load_model(f"trained:{file}")
    x = torch.rand(4, 3, 8, 8)
    assert torch.allclose(again(x), model(x), atol=1e-3)
    for name, value in model.module.state_dict().items():
        kept = again.module.state_dict()[name]
        assert kept.dtype == value.dtype
        assert torch.equal(kept, value.half().to(value.dtype) if value.ndim > 1 else value)
    assert again.label_names == model.label_names
    assert again.name == "net"
    assert not again.training


def test_the_same_network_gives_the_same_bytes(tmp_path):
    model, file = written(tmp_path)
    assert trained_bytes(model, FACTS) == file.read_bytes()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"nothing of the kind", "no network that advwindow train wrote"),
        (safetensors.torch.save({"a": torch.zeros(2)}), "no network that advwindow train wrote"),
        (safetensors.torch.save({"a": torch.zeros(2)}, {"advwindow": "{"}), "no network that advwindow train wrote"),
        (safetensors.torch.save({"a": torch.zeros(2)}, {"advwindow": "{}"}), "cannot be built"),
        (safetensors.torch.save({"a": torch.zeros(2)}, {"advwindow": json.dumps(FACTS)}), "do not fit the network"),
    ],
    ids=["garbage", "foreign", "broken facts", "no facts", "other weights"],
)
def test_other_files_are_refused(tmp_path, content, told):
    file = tmp_path / "x.safetensors"
    file.write_bytes(content)
    with pytest.raises(UserError, match=told):
        load_model(f"trained:{file}")


def test_a_missing_file(tmp_path):
    with pytest.raises(UserError, match="no such network"):
        load_model(f"trained:{tmp_path / 'none.safetensors'}")


def test_channel_statistics():
    pixels = torch.stack([torch.full((2, 3, 3), 0.25), torch.full((2, 3, 3), 0.75)])
    pixels[:, 1] = 0.5
    assert channel_statistics(pixels) == ([0.5, 0.5], [0.2572, 0.0])
