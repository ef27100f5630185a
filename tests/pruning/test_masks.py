import math
from pathlib import Path

import pytest
import torch
from torch import nn

from scanclean.errors import UsageError
from scanclean.pruning import masks
from scanclean.training.loop import train
from scanclean.training.pairs import find_pairs


def test_each_layer_and_each_basis_has_just_its_share_of_zeros(net):
    found = masks.by_magnitude(net, 0.3)
    masks.apply(found, net)
    for name, weights in masks.prunable(net).items():
        if name not in found:  # the pooled branch, which is held at 1
            assert ".sca." in name
            continue
        rows = weights.reshape(8 if name.endswith(".w") else 1, -1)
        expected = min(round(0.3 * rows.shape[1]), rows.shape[1] - 1)
        assert ((rows == 0).sum(1) == expected).all(), name


def test_the_smallest_go_and_the_rest_stays_as_it_is(net):
    before = {name: weights.clone() for name, weights in masks.prunable(net).items()}
    found = masks.by_magnitude(net, 0.5)
    masks.apply(found, net)
    name = "middle_blks.0.conv4.weight"
    kept, after = found[name], masks.prunable(net)[name]
    assert before[name][~kept].abs().max() <= before[name][kept].abs().min()
    assert torch.equal(after[kept], before[name][kept]) and (after[~kept] == 0).all()


def test_norms_biases_and_gains_are_exempt(net):
    pruned = set(masks.by_magnitude(net, 0.5))
    block = "encoders.0.0."
    assert {block + name for name in ("w", "conv1.weight", "conv2.0.weight")} <= pruned
    exempt = ("b", "ga1", "beta", "attgamma", "norm1.weight", "norm2.bias", "conv3.bias")
    assert not {block + name for name in exempt} & pruned


def test_size_of_a_basis_does_not_matter(net):
    before = masks.by_magnitude(net, 0.5)["encoders.0.0.w"]
    with torch.no_grad():
        net.encoders[0][0].w[:, 3] *= 100
    assert torch.equal(masks.by_magnitude(net, 0.5)["encoders.0.0.w"], before)


def test_equal_weights_do_not_fall_together():
    layer = nn.Linear(10, 10)
    nn.init.constant_(layer.weight, 0.5)
    masks.apply(masks.by_magnitude(layer, 0.37), layer)
    assert masks.zeros(layer) == {"weight": (37, 100)}
    assert masks.share_of_zeros(layer) == pytest.approx(0.37)


def test_no_layer_is_lost_entirely(net):
    assert all(mask.any() for mask in masks.by_magnitude(net, 0.999).values())


def test_zeros_replace_what_is_not_finite(net):
    found = masks.by_magnitude(net, 0.5)
    with torch.no_grad():
        net.intro.weight.fill_(math.nan)
    masks.apply(found, net)
    assert (net.intro.weight[~found["intro.weight"]] == 0).all()


@pytest.mark.parametrize("sparsity", [0.0, 1.0, -0.1, 1.5, math.nan])
def test_share_outside_0_and_1_is_wrong_usage(net, sparsity):
    with pytest.raises(UsageError, match="sparsity"):
        masks.by_magnitude(net, sparsity)


def test_zeros_hold_through_momentum_and_average(net, settings):
    found = masks.by_magnitude(net, 0.5)
    seen = []

    def look(trained):
        masks.holding(found)(trained)
        seen.append(
            all((p[~found[n]] == 0).all() for n, p in trained.named_parameters() if n in found)
        )

    list(train(settings, find_pairs(Path(settings.data)), (), (), start=net, after_step=look))
    stored = torch.load(Path(settings.run) / "last.ckpt", weights_only=True)
    for part in ("net", "average"):
        for name, mask in found.items():
            assert (stored[part][name][~mask] == 0).all(), f"{part} {name}"
            assert not torch.equal(stored[part][name], net.state_dict()[name])
    # Without the masks they would not have stayed: the optimiser remembers their gradients.
    number = [n for n, p in net.named_parameters() if p.requires_grad].index("intro.weight")
    assert (stored["optimiser"]["state"][number]["exp_avg"][~found["intro.weight"]] != 0).any()
    assert all(seen) and len(seen) == 2 * settings.steps
