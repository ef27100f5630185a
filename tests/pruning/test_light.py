"""Light convolutions answer as nearly as they can to the ones that they replace."""

from dataclasses import replace

import pytest
import torch

from scanclean.errors import UsageError
from scanclean.models import kbnet
from scanclean.pruning.bases import block_names
from scanclean.pruning.light import lightened


@pytest.fixture
def scans():
    torch.manual_seed(1)
    smooth = torch.nn.functional.interpolate(torch.rand(2, 3, 8, 8), 32, mode="bicubic")
    return [(smooth + 0.05 * torch.randn(2, 3, 32, 32)).clamp(0, 1)]


def error(net, other, scan):
    with torch.no_grad():
        return float((net(scan) - other(scan)).square().mean())


def cropped(net):
    """The obvious way: the middle taps of a channel on itself."""
    light = kbnet.build(replace(net.config, lightweight=True))
    state = dict(net.state_dict())
    for name, block in zip(block_names(net), net.blocks, strict=True):
        whole = block.conv11[1].weight
        own = torch.arange(len(whole)) % 4
        state[f"{name}.conv11.1.weight"] = whole[torch.arange(len(whole)), own, 1:4, 1:4][:, None]
    light.load_state_dict(state)
    return light.eval()


def test_what_is_light_already_in_disguise_stays_the_same_function(net, scans):
    small = cropped(net)
    with torch.no_grad():
        for block, light in zip(net.blocks, small.blocks, strict=True):
            whole = block.conv11[1].weight.zero_()
            channel = torch.arange(len(whole))
            whole[channel, channel % 4, 1:4, 1:4] = light.conv11[1].weight[:, 0]
    fresh = torch.rand(1, 3, 32, 48)
    torch.testing.assert_close(lightened(net, scans)(fresh), net(fresh), rtol=0, atol=1e-4)


def test_the_fit_is_nearer_than_the_middle_taps(net, scans):
    fresh = scans[0].flip(3)
    light = lightened(net, scans)
    assert light.config == replace(net.config, lightweight=True)
    assert error(net, light, fresh) < 0.5 * error(net, cropped(net), fresh)


def test_a_light_network_cannot_be_made_lighter(make, tiny, scans):
    with pytest.raises(UsageError, match="already"):
        lightened(make(replace(tiny, lightweight=True)), scans)
