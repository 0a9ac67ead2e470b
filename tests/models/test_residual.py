import pytest
import torch

from advwindow.models import Classifier, ResidualNet, default_layers, prepare


@pytest.mark.parametrize("blocks", [(1,), (1, 2), (2, 1, 1, 1)])
def test_stages_halve_the_resolution_and_double_the_channels(blocks):
    net = ResidualNet(channels=1, width=4, blocks=blocks, classes=7)
    shapes = []
    for stage in net.stages:
        stage.register_forward_hook(lambda _, __, output: shapes.append(tuple(output.shape[1:])))
    assert net(torch.rand(2, 1, 16, 16)).shape == (2, 7)
    assert shapes == [(4 * 2**place, 16 // 2**place, 16 // 2**place) for place in range(len(blocks))]
    assert [len(stage) for stage in net.stages] == list(blocks)


def test_the_identity_stays_where_nothing_changes_and_a_block_begins_at_it():
    block = ResidualNet(width=4, blocks=(1,), classes=2).stages[0][0].eval()
    torch.nn.init.zeros_(block.bn2.weight)
    x = torch.rand(2, 4, 5, 5)
    assert torch.equal(block(x), x)


def test_every_batch_norm_can_be_folded():
    model = Classifier(ResidualNet(width=4, blocks=(1, 1), classes=3)).eval()
    folded = prepare(model, torch.rand(2, 3, 8, 8))
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in folded.modules())


def test_layers_by_default_are_its_blocks_and_the_pooling():
    model = Classifier(ResidualNet(width=4, blocks=(1, 2), classes=3)).eval()
    assert default_layers(model, torch.rand(2, 3, 8, 8)) == ("stages.0.0", "stages.1.0", "stages.1.1", "pool")
