import pytest
import torch
from torch import nn

from scanclean.models._cost import macs
from scanclean.models._parts import activated, quiet


@pytest.mark.parametrize("kind", ["relu", "prelu", "gelu", "glu"])
def test_activated_convolution_keeps_size_and_gives_the_channels_asked_for(kind):
    assert activated(3, 6, 5, kind)(torch.rand(1, 3, 8, 9)).shape == (1, 6, 8, 9)


def test_glu_is_half_the_channels_gated_by_the_other_half():
    conv, glu = activated(2, 3, 1, "glu")
    x = torch.rand(1, 2, 4, 4)
    kept, gate = conv(x).split(3, dim=1)
    torch.testing.assert_close(glu(conv(x)), kept * torch.sigmoid(gate))


def test_prelu_has_a_slope_for_each_channel():
    assert activated(3, 6, 1, "prelu")[1].weight.shape == (6,)


def test_quiet_convolution_answers_a_hundredth_of_what_it_reads():
    torch.manual_seed(0)
    conv = quiet(nn.Conv2d(64, 64, 3)).requires_grad_(False)
    assert conv(torch.randn(1, 64, 16, 16)).std() == pytest.approx(0.01, rel=0.1)


class Functional(nn.Module):
    """Halves the size, then multiplies matrices: nothing that a hook on layers would see whole."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(8, 1, 2, 2))

    def forward(self, x):
        y = nn.functional.conv2d(x, self.w, stride=2, groups=x.shape[1])
        return y.flatten(2).transpose(1, 2) @ x.new_empty(8, 5)


def test_macs_count_what_is_computed_for_each_pixel():
    # at a quarter of the pixels: 8 channels of 2x2 taps each, then 8 times 5
    assert macs(Functional(), 4) == (8 * 4 + 8 * 5) / 4


def test_macs_leave_the_network_as_it_is():
    net = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1)).train()
    macs(net, 1)
    assert net.training and net[0].weight.device.type == "cpu"
