import pytest
import torch

from scanclean.config import TrainConfig
from scanclean.models import kbnet
from scanclean.models._layers import bank_as_convolution
from scanclean.training.muon import LENGTH, Muon, matrices, orthogonal
from scanclean.training.state import begin

KBNET = kbnet.Config(width=16, encoder=(1,), middle=1, decoder=(1,), bases=2, pooling="none")


@pytest.mark.parametrize("shape", [(1, 16, 16), (3, 4, 36), (2, 40, 16), (1, 128, 512)])
def test_all_directions_get_about_the_same_length(shape):
    stack = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    for before, after in zip(stack, orthogonal(stack), strict=True):
        u, values, vh = torch.linalg.svd(before, full_matrices=False)
        inside = u.mT @ after @ vh.mT  # diagonal if the directions are those of before
        felt = values > 0.05 * values.max()
        assert ((inside.diagonal()[felt] > 0.6) & (inside.diagonal()[felt] < 1.3)).all()
        assert (inside - inside.diagonal().diag()).abs().max() < 1e-2


def test_a_gradient_of_zeros_moves_nothing():
    assert not orthogonal(torch.zeros(2, 16, 20)).any()


def test_matrices_of_all_weights_come_back_as_they_were():
    found = matrices(kbnet.build(KBNET))
    assert found
    for one in found:
        assert torch.equal(one.back(one.of(one.weight)), one.weight)


def test_all_bases_of_a_group_are_one_matrix():
    net = kbnet.build(KBNET)
    block = net.blocks[0]
    (one,) = [m for m in matrices(net) if m.weight is block.w]
    channels = block.b.shape[2]
    rows, _ = bank_as_convolution(block.w, block.b, channels, kbnet.GROUP, kbnet.KERNEL)
    assert torch.equal(one.of(block.w), rows.reshape(channels // kbnet.GROUP, 2 * kbnet.GROUP, -1))


def test_every_weight_has_one_optimiser_and_those_next_to_the_pixels_have_adamw():
    config = TrainConfig("", "", optimiser="muon", device="cpu")
    learner = begin(config, start=kbnet.build(KBNET)).learner
    theirs = [[id(p) for p in o.param_groups[0]["params"]] for o in learner.optimisers]
    learned = [id(p) for p in learner.net.parameters() if p.requires_grad]
    assert sorted(theirs[0] + theirs[1]) == sorted(learned)
    for layer in (learner.net.intro, learner.net.ending):
        assert id(layer.weight) in theirs[0]
    assert id(learner.net.downs[0].weight) in theirs[1]
    assert id(learner.net.blocks[0].conv21.weight) in theirs[0]  # depthwise


def test_a_step_is_as_long_as_the_rate_says():
    net = kbnet.build(KBNET)
    found = matrices(net)
    before = [one.weight.detach().clone() for one in found]
    muon = Muon(found, 0.01, weight_decay=0.0)
    for one in found:
        one.weight.grad = torch.randn_like(one.weight) * 1e-5  # however small they are
    muon.step()
    for one, old in zip(found, before, strict=True):
        moved = (one.weight - old).square().mean().sqrt().item()
        assert 0.6 * 0.01 * LENGTH < moved < 1.3 * 0.01 * LENGTH


def test_without_matrices_adamw_does_all():
    lone = TrainConfig("", "", model="dncnn", network=(("width", 8),), optimiser="muon")
    assert begin(lone).learner.muon is None
