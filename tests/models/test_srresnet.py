import pytest
import torch

from scanclean.models import srresnet
from scanclean.models._cost import macs
from scanclean.models.srresnet import Config, Normalise

SMALL = {"width": 4, "blocks": 2}


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_fresh_network_is_near_the_identity(norm):
    torch.manual_seed(0)
    x = torch.rand(2, 3, 32, 32)
    assert (srresnet.build(Config(norm=norm))(x) - x).abs().max() < 0.1


def test_layers_are_those_of_the_paper_without_enlargement():
    net = srresnet.build(Config(width=64, blocks=16, skip=False))
    block = [type(part).__name__ for layer in net.blocks[0].body for part in layer]
    assert block == ["Conv2d", "BatchNorm2d", "PReLU", "Conv2d", "BatchNorm2d"]
    assert len(net.blocks) == 16
    assert net.head[0].kernel_size == net.tail.kernel_size == (9, 9)


def test_block_variants_have_their_kernels():
    net = srresnet.build(Config(block="1x1-3x3-1x1", **SMALL))
    kernels = [m.kernel_size[0] for m in net.blocks[0].modules() if isinstance(m, torch.nn.Conv2d)]
    assert kernels == [1, 3, 1]


@pytest.mark.parametrize("activation", ["relu", "prelu", "gelu", "glu"])
def test_activations_differ_in_the_result(activation, shaken):
    x = torch.rand(1, 3, 8, 8)
    found = shaken(srresnet, Config(activation=activation, **SMALL), 0.2)(x)
    other = "relu" if activation != "relu" else "gelu"
    assert not torch.allclose(found, shaken(srresnet, Config(activation=other, **SMALL), 0.2)(x))


def test_range_becomes_minus_one_to_one():
    x = torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 1, 3)
    assert Normalise(Config(input_norm="range"))(x).flatten().tolist() == [-1, 0, 1]


def test_channel_takes_the_data_sets_mean_and_deviation_out():
    config = Config(input_norm="channel", mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 4.0))
    x = torch.tensor([0.1, 1.2, 2.3]).view(1, 3, 1, 1)
    torch.testing.assert_close(Normalise(config)(x).flatten(), torch.tensor([0, 0.5, 0.5]))


def test_instance_takes_each_pictures_own():
    x = torch.rand(2, 3, 16, 16) * torch.rand(2, 3, 1, 1) + torch.rand(2, 3, 1, 1)
    found = Normalise(Config(input_norm="instance"))(x)
    torch.testing.assert_close(found.mean((2, 3)), torch.zeros(2, 3), rtol=0, atol=1e-5)
    torch.testing.assert_close(found.std((2, 3), correction=0), torch.ones(2, 3), rtol=0, atol=0.02)


def test_blank_paper_survives_instance_normalisation():
    assert Normalise(Config(input_norm="instance"))(torch.ones(1, 3, 8, 8)).abs().max() == 0


def test_skip_adds_the_normalised_scan(shaken):
    options = {**SMALL, "input_norm": "range"}
    with_skip = shaken(srresnet, Config(**options))
    without = srresnet.build(Config(**options, skip=False)).eval()
    without.load_state_dict(with_skip.state_dict())
    x = torch.rand(1, 3, 8, 8)
    torch.testing.assert_close(with_skip(x) - without(x), 2 * x - 1, rtol=0, atol=1e-6)


def test_costs_are_what_is_said():
    assert macs(srresnet.build(Config()), 3) == pytest.approx(15_000, rel=0.05)
    with torch.device("meta"):
        published = srresnet.build(Config(width=64, blocks=16))
    assert macs(published, 3) == pytest.approx(1_248_000, rel=0.01)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"blocks": 0}, "blocks 0"),
        ({"block": "5x5"}, "3x3-3x3, 1x1-3x3-1x1"),
        ({"activation": "tanh"}, "activation 'tanh'"),
        ({"norm": "instance"}, "norm 'instance'"),
        ({"input_norm": "zscore"}, "input_norm 'zscore'"),
        ({"mean": (0.5, 0.5)}, "one number, or 3"),
        ({"std": (0.0,)}, "above 0"),
    ],
)
def test_senseless_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Config(**options)
