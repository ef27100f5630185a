import pytest
import torch

from scanclean.training.losses import LOSSES


@pytest.mark.parametrize("name", LOSSES)
def test_loss_is_zero_only_for_the_truth_and_grows_with_the_error(name):
    truth = torch.rand(2, 3, 8, 8)
    losses = [float(LOSSES[name](truth + error, truth)) for error in (0, 0.05, 0.2)]
    assert losses[0] == pytest.approx(0, abs=1e-7) and losses[0] < losses[1] < losses[2]


def test_charbonnier_is_linear_far_from_the_truth():
    far = [float(LOSSES["charbonnier"](torch.full((1,), d), torch.zeros(1))) for d in (0.4, 0.8)]
    assert far[1] - far[0] == pytest.approx(0.4, abs=1e-3)
