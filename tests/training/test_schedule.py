from dataclasses import replace

import pytest
import torch

from scanclean.training.schedule import learning_rate


@pytest.fixture
def settings(config):
    return replace(config, steps=100, warmup=10, rate=1e-3, floor=1e-5)


def rates(config):
    return [learning_rate(step, config) for step in range(101)]


def test_cosine_ends_at_the_floor(settings):
    found = rates(settings)
    assert max(found) == pytest.approx(1e-3) and found[100] == pytest.approx(1e-5)
    assert found[:10] == sorted(found[:10]) and found[10:] == sorted(found[10:], reverse=True)


def test_restarts_climb_again_as_torch_does(settings):
    settings = replace(settings, schedule="restarts", warmup=0, floor=1e-4, period=0.6)
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1e-3)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=60, eta_min=1e-4)
    expected = []
    for _ in range(101):
        expected.append(theirs.get_last_lr()[0])
        optimiser.step()
        theirs.step()
    assert rates(settings) == pytest.approx(expected, rel=1e-6)
    assert expected[60] == pytest.approx(1e-4) and expected[100] > 4e-4


def test_exponential_falls_by_the_same_factor_to_the_floor(settings):
    found = rates(replace(settings, schedule="exponential"))
    factors = [b / a for a, b in zip(found[10:-1], found[11:], strict=True)]
    assert factors == pytest.approx([factors[0]] * 90) and found[100] == pytest.approx(1e-5)


def test_constant_stays(settings):
    assert set(rates(replace(settings, schedule="constant"))[10:]) == {1e-3}


def test_pinned_rate_overrides_every_schedule_from_its_step_on(settings):
    free = rates(replace(settings, schedule="restarts"))
    pinned = rates(replace(settings, schedule="restarts", pin_from=0.59, pin_rate=2e-4))
    assert pinned[:59] == free[:59] and set(pinned[59:]) == {2e-4}
