import pytest
import torch
from torch import nn

from scanclean.models import pix2pix
from scanclean.models._cost import macs

SMALL = {"width": 4, "depth": 3}


def test_output_lies_within_range(shaken):
    net = shaken(pix2pix, pix2pix.Config(**SMALL), 2.0)
    out = net(torch.rand(1, 3, 32, 32))
    assert out.min() >= 0 and out.max() <= 1 and out.std() > 0.1


def test_published_generator_is_as_wide_and_as_deep_as_the_paper_says():
    with torch.device("meta"):
        net = pix2pix.build(pix2pix.Config(width=64, depth=8))
    convs = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    assert [c.out_channels for c in convs] == [64, 128, 256, 512, 512, 512, 512, 512]
    ups = [m for m in net.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [c.in_channels for c in ups] == [512, 1024, 1024, 1024, 1024, 512, 256, 128]
    dropped = [any(isinstance(m, nn.Dropout) for m in up) for up in net.ups]
    assert dropped == [True] * 3 + [False] * 4


def test_same_scan_same_page_once_trained():
    torch.manual_seed(0)
    net = pix2pix.build(pix2pix.Config(width=4, depth=6))
    x = torch.rand(1, 3, 64, 64)
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))


@pytest.mark.parametrize(("norm", "alike"), [("pixel", True), ("batch", True), ("instance", False)])
def test_a_word_comes_out_alike_whatever_else_is_on_the_tile(norm, alike, shaken):
    config = pix2pix.Config(norm=norm, **SMALL)
    net = shaken(pix2pix, config)
    x = torch.rand(1, 3, 32, 128)
    y = x.clone()
    y[..., 64:] = 1
    assert torch.equal(net(x)[..., :16], net(y)[..., :16]) == alike
    assert config.fixed_tile != alike


@pytest.mark.parametrize(("depth", "reach"), [(2, 34), (3, 70)])
def test_critic_judges_patches_of_the_published_size(depth, reach):
    net = pix2pix.critic(pix2pix.Config(critic_width=2, critic_depth=depth))
    norms = [m for m in net.modules() if isinstance(m, nn.InstanceNorm2d)]
    assert len(norms) == depth
    size = 1
    for conv in reversed([m for m in net.modules() if isinstance(m, nn.Conv2d)]):
        size = (size - 1) * conv.stride[0] + conv.kernel_size[0]
    assert size == reach


def test_critic_takes_scan_and_candidate_and_gives_a_map_of_logits():
    net = pix2pix.critic(pix2pix.Config(channels=1, critic_width=2))
    scan, candidate = torch.rand(2, 2, 1, 64, 96)
    assert net(scan, candidate).shape == (2, 1, 6, 10)


def test_critic_learns_to_tell_blurred_from_sharp():
    torch.manual_seed(0)
    judge = pix2pix.critic(pix2pix.Config(channels=1, critic_width=4, critic_depth=2))
    optimiser = torch.optim.Adam(judge.parameters(), 2e-3)
    truth = torch.rand(4, 1, 32, 32).round()
    scan, made = torch.rand(4, 1, 32, 32), nn.functional.avg_pool2d(truth, 3, 1, 1)
    for _ in range(30):
        true, false = judge(scan, truth), judge(scan, made)
        loss = nn.functional.softplus(-true).mean() + nn.functional.softplus(false).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.5  # that of a guess is 1.39


def test_costs_are_what_is_said():
    assert macs(pix2pix.build(pix2pix.Config()), 3) == pytest.approx(12_000, rel=0.05)
    with torch.device("meta"):
        published = pix2pix.build(pix2pix.Config(width=64, depth=8))
    assert macs(published, 3) == pytest.approx(92_000, rel=0.01)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 1}, "depth 1"),
        ({"width": 0}, "width 0"),
        ({"critic_depth": 0}, "critic_depth 0"),
        ({"norm": "none"}, "batch, pixel, instance"),
    ],
)
def test_senseless_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        pix2pix.Config(**options)
