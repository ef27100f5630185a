import pytest
import torch

from scanclean.models import kbnet, kbnet_l

TINY = kbnet.Config(width=4, encoder=(1, 2), middle=1, decoder=(2, 1), bases=3)


def trained(config, module=kbnet, scale=0.05):
    """A network whose gains are not at their tiny start, so that every part shows in the output."""
    torch.manual_seed(0)
    net = module.build(config).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * scale)
    return net.requires_grad_(False)


def variants():
    yield "plain", TINY
    yield "gray", kbnet.Config(**{**vars(TINY), "channels": 1})
    yield "lightweight", kbnet.Config(**{**vars(TINY), "lightweight": True, "ffn_scale": 1.5})
    yield (
        "half resolution, no pooling",
        kbnet.Config(**{**vars(TINY), "shuffle": 2, "pooling": "none"}),
    )
    yield "many bases", kbnet.Config(**{**vars(TINY), "bases": 32})
    yield "bases of each block", kbnet.Config(**{**vars(TINY), "bases": (1, 2, 8, 3, 4, 5, 2)})
    yield "quarter resolution", kbnet.Config(**{**vars(TINY), "shuffle": 4})
    wide = {"width": 32, "encoder": (1,), "decoder": (1,)}  # 64 channels in the middle
    yield "groups of two in the gate", kbnet.Config(**{**vars(TINY), **wide})


VARIANTS = [pytest.param(config, id=name) for name, config in variants()]


@pytest.mark.parametrize("config", VARIANTS)
def test_shape_is_kept(config):
    side = config.multiple_of
    x = torch.rand(2, config.channels, 2 * side, 3 * side)
    assert trained(config)(x).shape == x.shape


@pytest.mark.parametrize("config", VARIANTS)
def test_folding_changes_nothing(config):
    net = trained(config)
    x = torch.rand(1, config.channels, 2 * config.multiple_of, 3 * config.multiple_of)
    before = net(x)
    torch.testing.assert_close(kbnet.fold(net)(x), before, rtol=0, atol=5e-6)
    assert torch.equal(net(x), before)


def test_parameters_of_the_published_size_are_as_many_as_specified():
    c, n = 16, 32
    block = kbnet.Block(c, n, kbnet.Config(width=c))
    i, f = min(c, 32), 2 * c
    expected = (
        37 * n * c + 4 * c + 4 * (c * c + c) + 101 * c + 10 * c + (9 * c + i) + (n * i // 2 + n)
        + (n * c + n) + (f * c + f) + (f * c // 2 + c) + 3 * c + n
    )  # fmt: skip
    assert sum(p.numel() for p in block.parameters()) == expected == 23760


def test_published_names_are_kept():
    names = set(kbnet.build(TINY).state_dict())
    for name in (
        "intro.weight", "encoders.0.0.w", "encoders.1.1.attgamma", "encoders.0.0.sca.1.bias",
        "downs.1.weight", "middle_blks.0.conv11.1.weight", "ups.0.0.weight",
        "decoders.1.0.conv2.2.bias", "decoders.0.1.norm2.weight", "ending.bias",
    ):  # fmt: skip
        assert name in names
    assert not any(name.startswith("ups.0.0.bias") for name in names)


def test_without_pooling_a_far_pixel_has_no_influence():
    config = kbnet.Config(width=4, encoder=(1,), middle=1, decoder=(1,), bases=2, pooling="none")
    net = trained(config, scale=0.2)
    x = torch.rand(1, 3, 128, 32)
    y = x.clone()
    y[:, :, 100:] = 0
    assert torch.equal(net(x)[:, :, :50], net(y)[:, :, :50])
    pooled = trained(kbnet.Config(**{**vars(config), "pooling": "global"}), scale=0.2)
    assert not torch.equal(pooled(x)[:, :, :50], pooled(y)[:, :, :50])


def test_pooling_none_is_a_plain_network_with_that_branch_at_one():
    local = trained(kbnet.Config(**{**vars(TINY), "pooling": "none"}))
    plain = kbnet.build(TINY)
    plain.load_state_dict(local.state_dict())
    x = torch.rand(1, 3, 16, 16)
    torch.testing.assert_close(plain(x), local(x), rtol=0, atol=1e-6)


@pytest.mark.parametrize("config", [*VARIANTS[:3], *VARIANTS[4:6], VARIANTS[-1]])
def test_shape_is_read_off_the_tensors(config):
    assert kbnet.guess(kbnet.build(config).state_dict()) == config


def test_large_variant_runs_and_is_recognised():
    config = kbnet_l.Config(dim=12, blocks=(1, 1, 1, 1), refinement=1, bases=4)
    net = trained(config, kbnet_l)
    x = torch.rand(1, 3, 16, 24)
    assert net(x).shape == x.shape
    assert kbnet_l.guess(net.state_dict()) == config
    assert kbnet.guess(net.state_dict()) is None
    assert kbnet_l.guess(trained(TINY).state_dict()) is None


@pytest.mark.parametrize("width", [6, 24])
def test_widths_that_cannot_be_divided_are_refused(width):
    with pytest.raises(ValueError, match="width"):
        kbnet.build(kbnet.Config(width=width, encoder=(1, 1), middle=1, decoder=(1, 1)))


@pytest.mark.parametrize("bases", [(1, 2), (1, 2, 8, 3, 4, 5, 0), 0], ids=str)
def test_bases_that_do_not_fit_the_blocks_are_refused(bases):
    with pytest.raises(ValueError, match="bases"):
        kbnet.build(kbnet.Config(**{**vars(TINY), "bases": bases}))
