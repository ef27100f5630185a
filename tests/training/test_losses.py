import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from scanclean.training._strokes import (
    ORIENTATIONS,
    RADIUS,
    answers,
    bank,
    energies,
    stroke_distance,
)
from scanclean.training.losses import FAINT_WEIGHT, LOSSES, faint_ink


def page(height=48, width=64):
    """White paper with upright strokes, `(1, 3, H, W)`."""
    picture = torch.ones(1, 3, height, width)
    picture[..., 8:-8, 8:-8:8] = 0
    picture[..., 8:-8, 9:-8:8] = 0
    return picture


@pytest.mark.parametrize("name", LOSSES)
def test_loss_is_zero_only_for_the_truth_and_grows_with_the_error(name):
    torch.manual_seed(0)
    truth, error = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    losses = [float(LOSSES[name](truth + k * error, truth)) for k in (0, 0.05, 0.2)]
    assert losses[0] == pytest.approx(0, abs=1e-6) and losses[0] < losses[1] < losses[2]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", LOSSES)
def test_loss_is_a_number_with_a_finite_gradient_even_on_blank_paper(name, channels):
    for truth in (torch.ones(2, channels, 17, 23), torch.rand(2, channels, 17, 23)):
        predicted = truth.clone().requires_grad_()
        loss = LOSSES[name](predicted, truth)
        assert loss.shape == ()
        assert torch.autograd.grad(loss, predicted)[0].isfinite().all()


def test_charbonnier_is_linear_far_from_the_truth():
    far = [float(LOSSES["charbonnier"](torch.full((1,), d), torch.zeros(1))) for d in (0.4, 0.8)]
    assert far[1] - far[0] == pytest.approx(0.4, abs=1e-3)


@pytest.mark.parametrize("upside_down", [False, True])
def test_faint_strokes_are_found_and_soft_rims_of_strong_ones_are_not(upside_down):
    truth = torch.ones(1, 3, 90, 220)
    truth[..., 60:115] = 0.95  # a tinted ground, wider than any stroke
    truth[..., 30:60, 30:32] = 0.9  # pencil
    truth[..., 30:60, 86:88] = 0.85  # pencil on the tint
    truth[..., 30:60, 140:144] = 0.8  # the rim of
    truth[..., 30:60, 141:143] = 0.0  # black ink
    truth[:, 1:, 30:60, 180:182] = 0.9  # pale red
    if upside_down:
        truth[..., 30:60, 180:182] = 0.9  # the dimmest channel of pale red on black is black
        truth = 1 - truth
    wanted = torch.zeros(1, 1, 90, 220)
    for left in (30, 86, 180):
        wanted[..., 29:61, left - 1 : left + 3] = 1
    assert torch.equal(faint_ink(truth), wanted)


def test_faint_ink_counts_more_and_all_else_as_it_did():
    truth = torch.ones(1, 3, 40, 40)
    truth[..., 10:30, 10:12] = 0.9
    blank = torch.ones_like(truth)
    ratio = LOSSES["ink"](blank, truth) / LOSSES["charbonnier"](blank, truth)
    assert ratio == pytest.approx(1 + FAINT_WEIGHT, rel=1e-5)
    stained = truth.clone()
    stained[..., 10:30, 25:30] = 0.5
    assert LOSSES["ink"](stained, truth) == LOSSES["charbonnier"](stained, truth)


def test_ssim_is_that_of_the_paper():
    metrics = pytest.importorskip("skimage.metrics")
    torch.manual_seed(0)
    truth = torch.rand(2, 3, 24, 31)
    predicted = (0.7 * truth + 0.3 * torch.rand_like(truth)).clamp(0, 1)
    expected = np.mean(
        [
            metrics.structural_similarity(
                a.numpy(), b.numpy(), channel_axis=0, data_range=1,
                gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
            )
            for a, b in zip(predicted.double(), truth.double(), strict=True)
        ]
    )  # fmt: skip
    assert float(LOSSES["ssim"](predicted, truth)) == pytest.approx(1 - expected, abs=1e-5)


def test_ssim_refuses_patches_smaller_than_its_window():
    with pytest.raises(ValueError, match="11 pixels"):
        LOSSES["ssim"](torch.rand(1, 3, 10, 20), torch.rand(1, 3, 10, 20))


@pytest.mark.parametrize(("height", "width"), [(12, 16), (13, 8), (4, 5)])
def test_answers_are_those_of_a_plain_convolution(height, width):
    plane = torch.rand(2, 1, height, width).double()
    padded = F.pad(plane, (RADIUS,) * 4, "replicate")
    expected = F.conv2d(padded, torch.from_numpy(bank()).double())
    torch.testing.assert_close(answers(plane), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("turn", range(ORIENTATIONS))
def test_energy_tells_which_way_a_stroke_runs(turn):
    angle = turn * math.pi / ORIENTATIONS
    y, x = torch.meshgrid(torch.arange(32.0) - 16, torch.arange(32.0) - 16, indexing="ij")
    off = x * math.cos(angle) + y * math.sin(angle)  # distance from a line through the middle
    picture = (off.abs() - 0.5).clamp(0, 1)[None, None]
    found = energies(picture)[0][0, :, 16, 16]
    assert int(found.argmax()) == turn
    assert found[turn] > 3 * found[(turn + ORIENTATIONS // 2) % ORIENTATIONS]


def test_octaves_tell_how_wide_a_stroke_is():
    strongest = []
    for width in (2, 4, 8):
        picture = torch.ones(1, 1, 64, 64)
        picture[..., 32 - width // 2 : 32 + width // 2] = 0
        peaks = [float(octave[:, 0, octave.shape[2] // 2].max()) for octave in energies(picture)]
        strongest.append(int(np.argmax(peaks)))
    assert strongest == [0, 1, 2]


def test_even_paper_of_any_brightness_has_no_strokes():
    assert all(float(o.max()) < 1e-5 for o in energies(torch.full((1, 3, 16, 16), 0.8)))


def test_perceptual_rates_a_missing_stroke_above_as_much_error_in_brightness():
    truth = page()
    missing = truth.clone()
    missing[..., 24:26] = 1
    lost = F.l1_loss(missing, truth)
    assert lost > 0
    paler = truth - lost
    ratio = LOSSES["perceptual"](missing, truth) / LOSSES["perceptual"](paler, truth)
    assert F.l1_loss(paler, truth) == pytest.approx(float(lost), rel=1e-4)
    assert ratio > 1.5
    assert float(stroke_distance(paler, truth)) < 1e-5


def test_strokes_forgive_a_shift_of_less_than_their_width():
    truth = page()
    shifted, missing = truth.roll(1, 3), torch.ones_like(truth)
    assert stroke_distance(shifted, truth) < 0.5 * stroke_distance(missing, truth)
    assert F.l1_loss(shifted, truth) == F.l1_loss(missing, truth)
