import pytest
import torch
import torch.nn.functional as F
from torch import nn

from scanclean.models import _deploy
from scanclean.models._layers import LayerNorm2d, simple_gate


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.fixture(autouse=True)
def still():
    torch.manual_seed(0)
    with torch.no_grad():
        yield


@pytest.mark.parametrize("c", [4, _deploy.MANY])
@pytest.mark.parametrize("level", [0.0, 5.0])
def test_standardised_is_the_layer_norm_without_its_offset(c, level):
    norm = LayerNorm2d(c)
    nn.init.normal_(norm.weight)
    x = torch.randn(2, c, 3, 5) + level
    close(_deploy.Standardised(norm.weight)(x), norm(x))


def test_constant_channels_are_standardised_to_zero():
    answer = _deploy.Standardised(torch.ones(8))(torch.full((1, 8, 2, 2), 3.0))
    assert answer.abs().max() < 1e-2


@pytest.mark.parametrize("inside", [8, 16], ids=["depthwise", "groups of two"])
def test_square_gate_is_the_product_of_halves(inside):
    first = nn.Conv2d(inside, 8, 3, padding=1, groups=8)
    last = nn.Conv2d(4, 3, 1)
    x = torch.randn(1, inside, 5, 6)
    close(_deploy.SquareGate(first, last)(x), last(simple_gate(first(x))))


@pytest.mark.parametrize("cells", [1, 2, 4])
def test_unshuffling_and_shuffling(cells):
    x = torch.randn(2, 3, 8, 12)
    conv = nn.Conv2d(3 * cells**2, 8, 3, padding=1)
    close(_deploy.Unshuffling(conv, cells)(x), conv(F.pixel_unshuffle(x, cells)))
    conv = nn.Conv2d(3, 5 * cells**2, 3, padding=1)
    close(_deploy.Shuffling(conv, cells)(x), F.pixel_shuffle(conv(x), cells))


def test_halves_and_the_affine_part_of_a_norm():
    conv, norm = nn.Conv2d(4, 6, 1), LayerNorm2d(4)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    x = torch.randn(1, 4, 3, 3)
    plain = F.layer_norm(x.permute(0, 2, 3, 1), (4,), eps=1e-6).permute(0, 3, 1, 2)
    parts = _deploy.halves(_deploy.after_norm(conv, norm))
    close(torch.cat([part(plain) for part in parts], 1), conv(norm(x)))
