import pickle

import pytest
import safetensors.torch
import torch

from advwindow.errors import UserError
from advwindow.models.weights import load_weights
from tests.models.nets import Net, Residual, seeded


@pytest.mark.parametrize("name", ["net.safetensors", "net.pth", "net"])
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_weights_come_back(tmp_path, name, wrapper):
    saved, fresh = seeded(Net(Residual()), 1), seeded(Net(Residual()), 2)
    state = saved.state_dict()
    if name.endswith("safetensors"):
        safetensors.torch.save_file(state, tmp_path / name)
    else:
        torch.save({wrapper: state, "epoch": 3} if wrapper else state, tmp_path / name)
    load_weights(fresh, tmp_path / name)
    assert all(torch.equal(state[key], value) for key, value in fresh.state_dict().items())


class Trap:
    def __reduce__(self):
        return exec, ("raise SystemExit('code of a stranger ran')",)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("net.pth", pickle.dumps(Trap(), protocol=2), "cannot be read safely"),
        ("net.pth", b"", "cannot be read safely"),
        ("net.pth", b"no weights at all", "cannot be read safely"),
        ("net.safetensors", b"no weights at all", "cannot be read safely"),
        ("net.safetensors", b"", "cannot be read safely"),
        ("net.pth", {"weight": 3}, "holds no state dict: got 'dict'"),
        ("net.pth", [torch.zeros(1)], "holds no state dict: got 'list'"),
        ("net.pth", {"stem.weight": torch.zeros(1)}, "do not fit the network.*Missing key"),
    ],
)
def test_files_that_are_no_weights_are_told(tmp_path, name, content, message):
    if isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    else:
        torch.save(content, tmp_path / name)
    with pytest.raises(UserError, match=message):
        load_weights(Net(Residual()), tmp_path / name)


def test_a_trap_in_torchs_own_format_does_not_run(tmp_path):
    torch.save({"state_dict": Trap()}, tmp_path / "net.pth")
    with pytest.raises(UserError, match="cannot be read safely"):
        load_weights(Net(), tmp_path / "net.pth")


def test_missing_files_and_folders_are_told(tmp_path):
    for path in (tmp_path / "none.pth", tmp_path):
        with pytest.raises(UserError, match="no such weights file"):
            load_weights(Net(), path)
