import pytest
import torch

from scanclean.models import unet
from scanclean.models._cost import macs


def test_fresh_network_is_near_the_identity():
    torch.manual_seed(0)
    x = torch.rand(2, 3, 32, 32)
    assert (unet.build(unet.Config())(x) - x).abs().max() < 0.1


def test_parameters_of_the_published_size():
    w, total = [64, 128, 256, 512, 1024], 64 + 1
    for inside, out in zip([1, *w], w, strict=False):
        total += 9 * (inside * out + out * out) + 2 * out
    for deep, out in zip(w[1:], w, strict=False):
        total += 4 * deep * out + out + 9 * (2 * out * out + out * out) + 2 * out
    with torch.device("meta"):
        net = unet.build(unet.Config(channels=1, width=64, depth=4))
    assert sum(p.numel() for p in net.parameters()) == total


def test_finest_detail_arrives_although_the_levels_below_are_silent(shaken):
    net = shaken(unet, unet.Config(width=4, depth=2))
    for enlarge in net.enlarge:
        torch.nn.init.zeros_(enlarge.weight)
        torch.nn.init.zeros_(enlarge.bias)
    x = torch.rand(1, 3, 16, 16)
    y = x.clone()
    y[..., 5, 5] = 1 - y[..., 5, 5]
    changed = (net(x) - net(y)).abs().sum((0, 1)) > 0
    assert changed[5, 5] and not changed[:, 12:].any()


def test_coarse_levels_reach_further(shaken):
    torch.manual_seed(0)
    x = torch.rand(1, 3, 64, 64)
    y = x.clone()
    y[..., :4, :4] = 0
    reach = []
    for depth in (1, 3):
        net = shaken(unet, unet.Config(width=4, depth=depth))
        changed = (net(x) - net(y)).abs().sum((0, 1)) > 0
        reach.append(int(changed.any(0).nonzero().max()))
    assert reach[0] < reach[1]


def test_costs_are_what_is_said():
    assert macs(unet.build(unet.Config()), 3) == pytest.approx(12_000, rel=0.05)
    with torch.device("meta"):
        published = unet.build(unet.Config(width=64))
    assert macs(published, 3) == pytest.approx(735_000, rel=0.01)


@pytest.mark.parametrize("name", ["channels", "width", "depth"])
def test_senseless_options_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} 0"):
        unet.Config(**{name: 0})
