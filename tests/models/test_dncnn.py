import onnx
import pytest
import torch

from scanclean import checkpoint
from scanclean.models import dncnn
from scanclean.models._cost import macs

SMALL = dncnn.Config(width=4, depth=4)


def test_fresh_network_is_near_the_identity():
    torch.manual_seed(0)
    x = torch.rand(2, 3, 32, 32)
    for net in (dncnn.build(dncnn.Config()), dncnn.build(dncnn.Config()).eval()):
        assert (net(x) - x).abs().max() < 0.1


def test_layers_are_those_of_the_paper():
    net = dncnn.build(dncnn.Config(channels=1, width=64, depth=17))
    kinds = [type(part).__name__ for layer in net.layers for part in layer]
    assert kinds == ["Conv2d", "ReLU"] + ["Conv2d", "BatchNorm2d", "ReLU"] * 15
    ends, inner = 9 * 64 + 64 + 9 * 64 + 1, 9 * 64 * 64 + 2 * 64  # a norm has a gain and an offset
    assert sum(p.numel() for p in net.parameters()) == ends + 15 * inner


def test_prediction_is_subtracted(shaken):
    net = shaken(dncnn, SMALL)
    x = torch.rand(1, 3, 8, 8)
    torch.testing.assert_close(x - net(x), net.dirt(net.layers(x)))


def test_batch_norm_depends_on_the_batch_only_while_it_trains(shaken):
    net = shaken(dncnn, SMALL)
    x = torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(net(x)[:1], net(x[:1]))
    net.train()
    assert not torch.allclose(net(x)[:1], net(x[:1]))


def test_batch_norm_is_folded_into_the_convolutions_of_the_onnx_file(shaken, tmp_path):
    net = shaken(dncnn, SMALL)
    checkpoint.export_onnx(net, checkpoint.spec_of(net, "dncnn"), tmp_path / "w.onnx")
    kinds = {node.op_type for node in onnx.load(str(tmp_path / "w.onnx")).graph.node}
    assert kinds == {"Conv", "Relu", "Sub"}


def test_default_costs_what_it_says():
    assert macs(dncnn.build(dncnn.Config()), 3) == pytest.approx(11_000, rel=0.05)
    with torch.device("meta"):
        published = dncnn.build(dncnn.Config(width=64, depth=17))
    assert macs(published, 3) == pytest.approx(556_000, rel=0.01)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"depth": 1}, "depth 1"), ({"width": 0}, "width 0"), ({"norm": "layer"}, "batch, none")],
)
def test_senseless_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        dncnn.Config(**options)
