from dataclasses import replace

import pytest
import torch

from scanclean.errors import WeightsError
from scanclean.models import dncnn, kbnet
from scanclean.models._layers import kernel_basis_literal
from scanclean.pruning import bases


@pytest.fixture
def scans():
    torch.manual_seed(1)
    smooth = torch.nn.functional.interpolate(torch.rand(2, 3, 8, 8), 32, mode="bicubic")
    return [(smooth + 0.05 * torch.randn(2, 3, 32, 32)).clamp(0, 1)]


def dropped(net, kept):
    """The obvious way: of each block, the bases with the largest weights."""
    small = kbnet.build(replace(net.config, bases=kept))
    state = dict(net.state_dict())
    for name, block in zip(bases.block_names(net), net.blocks, strict=True):
        best = block.w[0].norm(dim=1).topk(kept).indices
        for tensor in ("w", "b", "attgamma"):
            state[f"{name}.{tensor}"] = state[f"{name}.{tensor}"][:, best]
        for layer in ("conv2.2", "conv211"):
            for tensor in ("weight", "bias"):
                state[f"{name}.{layer}.{tensor}"] = state[f"{name}.{layer}.{tensor}"][best]
    small.load_state_dict(state)
    return small.eval()


@torch.no_grad()
def error(net, other, scan):
    return float((net(scan) - other(scan)).square().mean())


@pytest.mark.parametrize(
    "changes", [{}, {"pooling": "global", "shuffle": 1}, {"lightweight": True}]
)
def test_all_mixtures_are_the_same_function(make, tiny, scans, changes):
    net = make(replace(tiny, **changes))
    found = bases.spectra(net, scans)
    again = bases.remixed(net, found, [8] * 3)
    x = torch.rand(1, 3, 32, 48)
    torch.testing.assert_close(again(x), net(x), rtol=0, atol=1e-5)
    assert not torch.equal(again.blocks[0].w, net.blocks[0].w)


def test_few_mixtures_are_better_than_the_largest_bases(net, scans):
    found = bases.spectra(net, scans)
    fresh = torch.rand(2, 3, 32, 32) * 0.3 + scans[0] * 0.7
    for kept in (1, 2, 4, 6):
        mixed = error(net, bases.remixed(net, found, [kept] * 3), fresh)
        assert mixed < 0.5 * error(net, dropped(net, kept), fresh), kept


def test_bases_that_are_mixtures_of_others_cost_nothing(net, scans):
    with torch.no_grad():
        for block in net.blocks:
            mix = torch.randn(8, 3)
            block.w[0] = mix @ block.w[0, :3]
            block.b[0] = mix @ block.b[0, :3]
    found = bases.spectra(net, scans)
    assert all(one.lost(3) < 1e-6 * one.lost(0) for one in found)
    x = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(bases.remixed(net, found, [3] * 3)(x), net(x), rtol=0, atol=1e-5)


def test_lost_is_the_error_of_the_attention(net, scans):
    """On coefficients that do not depend on the picture, where the theory is exact."""
    block = net.blocks[0]
    with torch.no_grad():
        block.conv211.weight.zero_()
        block.conv2[2].weight.zero_()
    found = bases.spectra(net, scans)[0]
    # Constant coefficients are one mixture.
    assert found.lost(1) < 1e-6 * found.lost(0) and found.lost(0) > 0
    assert (found.energies.diff() <= 0).all()


def test_energy_is_the_mean_square_of_what_a_block_adds(net, scans):
    seen = {}
    block = net.blocks[0]
    block.conv21.register_forward_hook(lambda m, i, out: seen.update(u=out))
    with torch.no_grad():
        block.conv211.weight.zero_()
        block.conv2[2].weight.zero_()
        found = bases.spectra(net, scans)[0]
        a = (block.attgamma.flatten() * block.conv2[2].bias + block.conv211.bias).view(1, 8, 1, 1)
        a = a.expand(2, 8, *seen["u"].shape[2:])
        added = kernel_basis_literal(seen["u"], a, block.w, block.b, 4, 3) * block.ga1
    assert found.lost(0) == pytest.approx(float(added.square().sum(1).mean()), rel=1e-4)


def test_pruned_weights_know_their_shape(net, scans):
    small = bases.remixed(net, bases.spectra(net, scans), [4, 2, 1])
    assert small.config.bases == (4, 2, 1)
    plain = kbnet.build(replace(small.config, shuffle=1, pooling="global")).state_dict()
    assert kbnet.guess(plain).bases == (4, 2, 1)
    x = torch.rand(1, 3, 16, 16)
    torch.testing.assert_close(kbnet.fold(small)(x), small(x), rtol=0, atol=2e-6)


def test_padding_changes_nothing(net, scans, monkeypatch):
    small = bases.remixed(net, bases.spectra(net, scans), [4, 2, 1])
    wide = bases.padded(small, 32)
    assert wide.config.bases == 32 and wide.blocks[2].w.shape[1] == 32
    x = torch.rand(1, 3, 16, 16)
    torch.testing.assert_close(wide(x), small(x), rtol=0, atol=1e-6)
    # Summed in the same order they are equal to the last bit.
    monkeypatch.setattr(kbnet, "kernel_basis", kernel_basis_literal)
    assert torch.equal(wide(x), small(x))


def test_bases_that_were_filled_up_cost_nothing_when_they_run(net, scans):
    small = bases.remixed(net, bases.spectra(net, scans), [4, 2, 1])
    wide = bases.padded(small, 32)
    again = kbnet.without_idle_bases(wide)
    assert again.config == small.config and wide.config.bases == 32
    assert all(
        torch.equal(a, b) for a, b in zip(again.parameters(), small.parameters(), strict=True)
    )
    assert [block.bases for block in kbnet.fold(wide).middle_blks] == [2]
    assert kbnet.without_idle_bases(net) is net
    with torch.no_grad():
        net.blocks[0].w.zero_()
        net.blocks[0].b.zero_()
    x = torch.rand(1, 3, 16, 16)
    bare = kbnet.without_idle_bases(net)
    assert bare.config.bases == (1, 8, 8)
    torch.testing.assert_close(bare(x), net(x), rtol=0, atol=1e-6)


def test_padding_to_fewer_bases_is_refused(net):
    with pytest.raises(WeightsError, match="a block of this network has 8"):
        bases.padded(net, 4)


def test_network_without_bases_is_refused():
    with pytest.raises(WeightsError, match="old.pth.*DnCNN"):
        bases.require_bases(dncnn.build(dncnn.Config(width=4, depth=3)), "old.pth")


def test_measuring_leaves_the_network_as_it_was(net, scans):
    bases.spectra(net, scans)
    assert not any(module._forward_hooks for module in net.modules())


def test_narrow_blocks_never_need_all_of_many_bases(make, tiny, scans):
    net = make(replace(tiny, bases=32))
    small = bases.remixed(net, bases.spectra(net, scans), [7, 13, 7])  # 4, 8, 4 channels
    x = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(small(x), net(x), rtol=0, atol=2e-5)
