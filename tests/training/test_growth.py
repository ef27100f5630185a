"""A grown network begins as the one it was grown from, exactly, and everything added can learn."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from scanclean.errors import UsageError
from scanclean.models.kbnet import Config, KBNet, build
from scanclean.training.growth import begin_as

SMALL = Config(width=8, encoder=(1, 1), middle=1, decoder=(1, 1), bases=3, pooling="none")
LARGE = Config(width=8, encoder=(2, 3), middle=2, decoder=(1, 2), bases=9)
HALF = Config(width=8, encoder=(1, 1), middle=1, decoder=(1, 1), bases=3, shuffle=2, pooling="none")


def trained(config: Config) -> KBNet:
    """A network whose gains are not small, so that every part of it speaks."""
    torch.manual_seed(1)
    net = build(config)
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if name.endswith(("beta", "gamma", "ga1", "attgamma")):
                weight.uniform_(0.2, 1)
    return net.eval()


def test_blocks_and_bases_that_are_added_are_silent():
    small, large = trained(SMALL), build(LARGE)
    begin_as(large, small)
    picture = torch.rand(1, 3, 24, 32)
    torch.testing.assert_close(large(picture), small(picture), rtol=0, atol=1e-5)


def test_the_pictures_own_grid_answers_as_the_coarse_one_to_an_enlarged_picture():
    small, large = trained(HALF), build(SMALL)
    begin_as(large, small)
    picture = torch.rand(1, 3, 24, 32)
    enlarged = F.interpolate(picture, scale_factor=2, mode="nearest")
    torch.testing.assert_close(large(picture), F.avg_pool2d(small(enlarged), 2), rtol=0, atol=1e-5)


def test_light_convolutions_become_grouped_ones_that_do_the_same():
    light = trained(replace(SMALL, lightweight=True))
    large = build(SMALL)
    begin_as(large, light)
    picture = torch.rand(1, 3, 24, 32)
    torch.testing.assert_close(large(picture), light(picture), rtol=0, atol=1e-5)


def test_everything_that_was_added_learns():
    small, large = trained(SMALL), build(LARGE)
    begin_as(large, small)
    added = {
        "block": large.encoders[1][2].beta,
        "feed-forward": large.encoders[1][2].gamma,
        "coefficients": large.encoders[0][0].conv211.weight,
    }
    before = {name: weight.detach().clone() for name, weight in added.items()}
    optimiser = torch.optim.SGD(large.parameters(), 0.1)
    large(torch.rand(1, 3, 24, 32)).square().mean().backward()
    optimiser.step()
    for name, weight in added.items():
        rows = weight[3:] if name == "coefficients" else weight
        old = before[name][3:] if name == "coefficients" else before[name]
        assert (rows != old).any(), name


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        (Config(width=16, encoder=(1, 1), middle=1, decoder=(1, 1)), "width"),
        (replace(SMALL, lightweight=True), "lightweight"),
        (Config(width=8, encoder=(1, 0), middle=1, decoder=(1, 1)), "blocks"),
        (Config(width=8, encoder=(1, 1, 1), middle=1, decoder=(1, 1, 1)), "blocks"),
        (Config(width=8, encoder=(1, 1), middle=1, decoder=(1, 1), bases=2), "bases"),
        (Config(width=8, encoder=(1, 1), middle=1, decoder=(1, 1), shuffle=2), "grid"),
    ],
)
def test_what_is_no_larger_form_is_refused(shape: Config, told: str):
    with pytest.raises(UsageError, match=told):
        begin_as(build(shape), trained(SMALL))
