"""Degradations change light, never geometry; they are seeded; and every one does something."""

from dataclasses import FrozenInstanceError, is_dataclass

import numpy as np
import pytest

from scanclean.shapes import components
from scanclean.training import degradation
from scanclean.training._light import Scene, blurred, resized, to_light, to_pixels
from scanclean.training._optics import Defocus
from scanclean.training._paper import BleedThrough, SheetBeneath, ShowThrough
from scanclean.training._print import TonerShadow
from scanclean.training._processing import Bilevel, Jpeg, Levels, Specks
from scanclean.training.degradation import (
    PROFILES,
    Degradation,
    apply,
    degrade,
    has_colour,
    sample,
    tone_share,
)

EVERY = sorted(
    {choice.what for _, profile in PROFILES.values() for choice in profile},
    key=lambda c: c.__name__,
)


def text_page(side=200, *, colour=True):
    """Paper with bars of the size of letters, a tinted box and a gradient."""
    page = np.full((side, side, 3), 255, np.uint8)
    rng = np.random.default_rng(4)
    for y in range(12, side - 12, 14):
        for x in range(8, side - 12, 10):
            page[y : y + 9, x : x + int(rng.integers(2, 7))] = 20
    page[side // 2 : side // 2 + 40, 20:100] = (230, 190, 90) if colour else 180
    page[side // 2 : side // 2 + 40, 110:174] = np.linspace(30, 220, 64)[:, None]
    return page


def run(drawn, page, seed=1, reverse=None):
    if hasattr(drawn, "apply"):
        light = to_light(reverse if reverse is not None else page[::-1])
        scene = Scene(np.random.default_rng(seed), 200, light)
        return to_pixels(drawn.apply(to_light(page), scene))
    return np.asarray(drawn.process(page, np.random.default_rng(seed), 200))


@pytest.mark.parametrize("what", EVERY, ids=lambda c: c.__name__)
def test_every_degradation_keeps_shape_and_changes_the_page(what):
    drawn = what.draw(np.random.default_rng(5), 1.0)
    for page in (text_page(), text_page()[..., 0]):
        scan = run(drawn, page)
        assert scan.shape == page.shape
        assert scan.dtype == np.uint8
    colour_scan = run(what.draw(np.random.default_rng(6), 1.0), text_page())
    # A screen as fine as a pixel, or a hole outside the crop, may leave a page alone.
    others = [run(what.draw(np.random.default_rng(s), 1.0), text_page(), s) for s in range(4)]
    assert any((scan != text_page()).any() for scan in (colour_scan, *others))


@pytest.mark.parametrize("what", EVERY, ids=lambda c: c.__name__)
def test_every_degradation_is_frozen_and_seeded(what):
    drawn = what.draw(np.random.default_rng(5), 0.7)
    assert is_dataclass(drawn)
    assert drawn == what.draw(np.random.default_rng(5), 0.7)
    with pytest.raises(FrozenInstanceError):
        setattr(drawn, next(iter(drawn.__dataclass_fields__)), 0)
    np.testing.assert_array_equal(run(drawn, text_page(), 3), run(drawn, text_page(), 3))


def marks_page(side=256):
    page = np.full((side, side, 3), 255, np.uint8)
    rows, columns = np.meshgrid(range(24, side - 24, 27), range(24, side - 24, 27))
    for y, x in zip(rows.flat, columns.flat, strict=True):
        page[y - 4 : y + 5, x - 4 : x + 5] = 0
    return page, list(zip(rows.flat, columns.flat, strict=True))


def mean_shift(page, marks):
    """Mean distance in rows and columns between marks and the centroids of the ink around them."""
    ink = 255.0 - page.astype(float).mean(axis=2)
    offsets = np.arange(-10, 11)
    shifts = []
    for y, x in marks:
        window = ink[y - 10 : y + 11, x - 10 : x + 11]
        window = np.clip(window - np.quantile(window, 0.6), 0, None)
        total = window.sum()
        if total > 0:
            rows, columns = window.sum(1) @ offsets / total, window.sum(0) @ offsets / total
            shifts.append((rows, columns))
    return np.abs(np.median(shifts, axis=0)).max()


@pytest.mark.parametrize("what", EVERY, ids=lambda c: c.__name__)
def test_no_degradation_moves_sharp_marks(what):
    page, marks = marks_page()
    for seed in range(3):
        scan = run(what.draw(np.random.default_rng(seed), 0.8), page, seed, np.full_like(page, 255))
        assert mean_shift(scan, marks) < 0.1


def test_mean_shift_sees_a_fifth_of_a_pixel():
    page, marks = marks_page()
    moved = 0.8 * page + 0.2 * np.roll(page, 1, axis=1)
    assert mean_shift(moved, marks) > 0.15


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_degrade_is_the_same_for_the_same_seed(profile):
    page = text_page()
    first, again, other = (
        degrade(page, np.random.default_rng(seed), page[::-1], dpi=150, profile=profile)
        for seed in (8, 8, 9)
    )
    np.testing.assert_array_equal(first, again)
    if profile != "identity":
        assert (first != other).any()


def test_degrade_leaves_its_input_alone():
    page = text_page()
    before = page.copy()
    for seed in range(12):
        degrade(page, np.random.default_rng(seed), page)
    np.testing.assert_array_equal(page, before)


@pytest.mark.parametrize("shape", [(1, 1), (40, 300), (300, 40, 3), (257, 129, 3)], ids=str)
def test_degrade_takes_awkward_shapes(shape):
    page = np.full(shape, 255, np.uint8)
    for seed in range(12):
        assert degrade(page, np.random.default_rng(seed), page, dpi=300).shape == shape


def test_identity_gives_the_page_back():
    page = text_page()
    np.testing.assert_array_equal(degrade(page, np.random.default_rng(0), profile="identity"), page)


def test_a_tenth_to_a_fifth_of_pages_stay_clean_digital_pages():
    rng = np.random.default_rng(0)
    names = [sample(rng, 200).profile for _ in range(2000)]
    share = sum(name in ("identity", "recoded") for name in names) / len(names)
    assert 0.12 <= share <= 0.20


def test_coloured_pages_are_never_scanned_in_gray_or_two_tones():
    rng = np.random.default_rng(1)
    lost = {"Gray", "Bilevel", "Fax"}
    for _ in range(300):
        drawn = sample(rng, 200, colour=True)
        assert not lost & {type(step).__name__ for step in drawn.steps}


def test_pages_with_pencil_are_never_made_bilevel():
    rng = np.random.default_rng(1)
    for _ in range(300):
        drawn = sample(rng, 200, "copier", colour=False, tones=0.05)
        assert not {"Bilevel", "Fax"} & {type(step).__name__ for step in drawn.steps}


def test_has_colour_and_tone_share_tell_pages_apart():
    gray = text_page(colour=False)
    assert has_colour(text_page())
    assert not has_colour(gray)
    assert not has_colour(gray[..., 0])
    assert tone_share(gray) > 0.05
    assert tone_share(np.where(gray < 128, 0, 255).astype(np.uint8)) == 0


def test_dark_pages_are_mostly_left_alone_or_mildly_changed():
    def gentle(dark):
        rng = np.random.default_rng(2)
        names = [sample(rng, 200, dark=dark).profile for _ in range(600)]
        return sum(name in ("identity", "recoded", "mild") for name in names) / len(names)

    assert gentle(dark=True) > 0.4 > gentle(dark=False)


def test_light_and_pixels_are_inverse():
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(to_pixels(to_light(values)), values)
    colour = np.stack([values, values[::-1], values.T], axis=2)
    np.testing.assert_array_equal(to_pixels(to_light(colour)), colour)


@pytest.mark.parametrize("sigma", [0.4, 1.0, 2.5, 6.0])
def test_blur_keeps_a_constant_and_has_its_width(sigma):
    flat = np.full((1, 96, 96), 0.4, np.float32)
    np.testing.assert_allclose(blurred(flat, sigma), flat, atol=1e-4)
    point = np.zeros((1, 97, 97), np.float32)
    point[0, 48, 48] = 1
    spread = np.clip(blurred(point, sigma)[0], 0, None)
    offsets = np.arange(97) - 48
    variance = (spread.sum(0) * offsets**2).sum() / spread.sum()
    assert np.sqrt(variance) == pytest.approx(sigma, rel=0.2)
    if sigma < 3:  # wider ones are made on a coarser grid, for shadows and the like
        assert abs((spread.sum(0) * offsets).sum() / spread.sum()) < 0.05


def test_resized_keeps_the_borders_aligned():
    ramp = np.linspace(0, 1, 50, dtype=np.float32)[None].repeat(8, 0)
    back = resized(resized(ramp, (8, 200)), (8, 50))
    np.testing.assert_allclose(back[:, 3:-3], ramp[:, 3:-3], atol=2e-3)


def test_show_through_is_mirrored_and_hidden_by_ink():
    clean = np.full((60, 80, 3), 255, np.uint8)
    clean[:, 50:60] = 0
    reverse = np.full_like(clean, 255)
    reverse[:, :30] = 0  # seen from this side: columns 50 to 80
    seen = run(ShowThrough(0.3, 0.05, 0.0), clean, reverse=reverse)
    assert seen[30, 5].min() > 250
    assert seen[30, 70].max() < 225
    assert seen[30, 55].max() == 0


def test_the_sheet_beneath_is_moved_and_not_mirrored():
    clean = np.full((60, 80, 3), 255, np.uint8)
    reverse = np.full_like(clean, 255)
    reverse[:, :20] = 0
    seen = run(SheetBeneath(0.2, 0.05, (0.0, 0.25)), clean, reverse=reverse)  # columns 20 to 40
    assert seen[30, 30].max() < 235
    assert min(seen[30, 8].min(), seen[30, 70].min()) > 250


def test_ink_bleeds_through_in_places_on_mirrored_strokes_alone():
    clean = np.full((120, 160, 3), 255, np.uint8)
    reverse = np.full_like(clean, 255)
    reverse[:, :80] = 0  # seen from this side: columns 80 to 160
    seen = run(BleedThrough(0.5, 0.2, 0.2), clean, reverse=reverse)[..., 1]
    assert seen[:, :70].min() > 250
    assert 0.1 < (seen[:, 90:] < 245).mean() < 0.3
    assert seen[:, 90:].min() < 200


@pytest.mark.parametrize(
    "effect",
    [ShowThrough(0.3, 0.05, 0.0), SheetBeneath(0.2, 0.2, (0.1, 0.3)), BleedThrough(0.5, 0.2, 0.2)],
)
def test_without_another_side_nothing_shows_through(effect):
    page = text_page()
    drawn = Degradation("one", 200, (effect,))
    np.testing.assert_array_equal(apply(drawn, page, np.random.default_rng(0)), page)


def test_the_shadow_of_a_photocopier_is_grainy_falls_off_and_leaves_the_middle():
    clean = np.full((400, 400, 3), 255, np.uint8)
    seen = run(TonerShadow(0.9, 8.0, 0.8, 0.25), clean)[..., 1].astype(float)
    borders = [seen[:, :40], seen[:, -40:], seen[:40], seen[-40:]]
    darkest = min(borders, key=lambda part: part.mean())
    assert darkest.mean() < 235
    assert seen[180:220, 180:220].mean() > 245
    beside = np.diff(seen, axis=1)
    assert (
        beside[:40].std() + beside[:, :40].std() + beside[-40:].std() > 8
    )  # grain, no smooth shade


def test_specks_are_points_and_as_many_as_they_should_be():
    paper = np.full((300, 300), 255, np.uint8)
    seen = run(Specks(2e-3, 0.0, 2), paper)
    found = components(seen < 128)
    assert set(np.unique(seen)) == {0, 255}
    assert 120 < found.count < 230
    assert np.median(found.area) <= 4
    assert (run(Specks(0.0, 2e-3, 2), np.zeros_like(paper)) == 255).any()


def test_bilevel_has_two_tones_and_dithers_photographs():
    scan = run(Bilevel(0.5, 0, 0.2, 1.0, 1e-3), text_page(colour=False))
    assert set(np.unique(scan)) == {0, 255}
    ramp = np.tile(np.linspace(0, 255, 128).astype(np.uint8), (128, 1))
    dots = run(Bilevel(0.5, 0, 0, 1.0, 0), ramp).astype(float)
    middle = dots[:, 50:78].mean()
    assert 80 < middle < 180  # its mean tone survives


def test_jpeg_of_high_quality_is_nearly_lossless():
    page = text_page(colour=False)
    assert np.abs(run(Jpeg(95, 0), page).astype(int) - page).mean() < 3


def test_automatic_levels_make_gray_paper_white_but_leave_dark_pages():
    levels = Levels(black=0, white=1, gamma=1, colour=1, automatic=True)
    gray = np.full((64, 64), 200, np.uint8)
    assert run(levels, gray).min() == 255
    dark = np.full((64, 64), 60, np.uint8)
    assert run(levels, dark).max() == 60


def test_out_of_focus_no_light_is_lost_and_edges_get_as_wide_as_the_disc():
    page = np.full((1, 80, 80), 0.2, np.float32)
    page[:, :, 40:] = 1.0
    out = Defocus(radius_mm=0.4).apply(page, Scene(np.random.default_rng(0), 254, None))
    row = out[0, 40]
    np.testing.assert_allclose(row[[0, -1]], [0.2, 1.0], atol=1e-5)
    changed = np.flatnonzero(np.abs(row - page[0, 40]) > 1e-3)
    assert 7 <= np.ptp(changed) + 1 <= 10  # 0.8 mm at ten pixels a millimetre
    np.testing.assert_allclose(out.mean(), page.mean(), atol=1e-2)


def test_profiles_keep_the_order_of_the_real_process():
    order = ["_print", "_paper", "_wear", "_optics", "_sensor", "_processing"]
    for name, (_, profile) in PROFILES.items():
        stages = [order.index(choice.what.__module__.rsplit(".", 1)[1]) for choice in profile]
        assert stages == sorted(stages), name


def test_gallery_writes_a_picture_for_every_degradation(tmp_path, monkeypatch):
    from scanclean.training import gallery

    monkeypatch.setattr(gallery, "SIDE", 96)
    monkeypatch.setattr(gallery, "LEVELS", (1.0,))
    monkeypatch.setattr(gallery, "COMPOSITES", 2)
    written = {path.stem for path in gallery.gallery(tmp_path)}
    assert {what.__name__.lower() for what in EVERY} <= written
    assert {f"profile-{name}" for name in degradation.PROFILES} <= written
    assert "composites" in written
