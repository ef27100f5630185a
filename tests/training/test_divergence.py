import math

import pytest

from scanclean.training.divergence import OVERFLOWS, PATIENCE, Watch

USUAL = [(0.1 + n % 3 / 100, 1.0) for n in range(30)]


def first_divergence(steps, *, scaled=False):
    watch = Watch()
    for number, (loss, norm) in enumerate(steps):
        if watch.diverged(loss, norm, scaled=scaled):
            return number
    return None


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_loss_that_is_no_number_is_a_divergence_at_once(loss):
    assert first_divergence([*USUAL, (loss, 1.0)]) == 30


def test_high_loss_must_last():
    high = (30.0, 1.0)
    assert first_divergence(USUAL + [high] * (PATIENCE - 1) + USUAL) is None
    assert first_divergence(USUAL + [high] * PATIENCE) == 30 + PATIENCE - 1


def test_slow_rise_is_no_divergence():
    assert first_divergence([(0.1 * 1.05**n, 1.0) for n in range(100)]) is None


def test_overflow_is_usual_while_fp16_looks_for_its_scale():
    over = (0.1, math.inf)
    assert first_divergence([*USUAL, over]) == 30
    assert first_divergence([over] * OVERFLOWS + USUAL, scaled=True) is None
    assert first_divergence([over] * (OVERFLOWS + 1), scaled=True) == OVERFLOWS
