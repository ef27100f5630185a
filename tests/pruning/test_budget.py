from dataclasses import replace
from itertools import product

import pytest
import torch

from scanclean.errors import UsageError
from scanclean.models import kbnet
from scanclean.pruning import bases, budget
from scanclean.pruning.options import Budget


@pytest.fixture
def scans():
    torch.manual_seed(1)
    return [torch.rand(2, 3, 16, 16)]


def test_work_counted_by_blocks_is_that_of_the_whole_network(make, tiny):
    net = make(replace(tiny, encoder=(1, 2), decoder=(1, 1)))
    cost = budget.linear_cost(net)
    kept = [8, 1, 4, 2, 4, 8]
    cut = kbnet.build(replace(net.config, bases=tuple(kept)))
    assert cost(kept) == pytest.approx(budget.gmac(cut), rel=1e-9)
    assert cost([8] * 6) == budget.gmac(net) > cost(kept)


def test_greedy_allocation_is_the_best_of_all(net, scans):
    found = bases.spectra(net, scans)
    weights = budget.sensitivity(net, found, scans)
    cost = budget.linear_cost(net)
    most = cost([4, 4, 4])
    got = budget.allocate([8] * 3, found, weights, cost, most)
    assert got.cost <= most

    def lost(kept):
        return sum(w * one.lost(m) for w, one, m in zip(weights, found, kept, strict=True))

    every = [k for k in product(budget.candidates(8), repeat=3) if cost(k) <= got.cost]
    assert lost(got.bases) == pytest.approx(min(map(lost, every)))


def test_block_that_does_nothing_is_cut_first(net, scans):
    with torch.no_grad():
        net.blocks[1].beta.zero_()
    found = bases.spectra(net, scans)
    cost = budget.linear_cost(net)
    weights = budget.sensitivity(net, found, scans)
    got = budget.allocate([8] * 3, found, weights, cost, cost([8, 1, 8]))
    assert got.bases == (8, 1, 8)


def test_budget_in_bases_is_what_as_many_everywhere_cost(net):
    cost = budget.linear_cost(net)
    assert budget.amount(Budget(4, "bases"), cost, 3) == pytest.approx(cost([4] * 3))
    assert budget.amount(Budget(1.5, "GMAC"), cost, 3) == 1.5


def test_budget_that_cannot_be_met_is_wrong_usage(net, scans):
    found = bases.spectra(net, scans)
    with pytest.raises(UsageError, match="even one basis"):
        budget.allocate([8] * 3, found, [1.0] * 3, budget.linear_cost(net), 0.0)


def test_time_is_that_of_the_blocks(net):
    asked = []

    def clock(block, channels, side):
        asked.append((block.bases, channels, side))
        return block.bases * channels * side**2 * 1e-6

    cost = budget.timed_cost(net, clock, 10.0)
    assert cost([8] * 3) == 10.0
    assert cost([4, 8, 8]) == pytest.approx(10 - 4 * 4 * 256**2 * 1e-6)
    assert cost([8, 4, 8]) == pytest.approx(10 - 4 * 8 * 128**2 * 1e-6)
    assert sorted(set(asked)) == sorted(asked)  # like blocks are timed once
