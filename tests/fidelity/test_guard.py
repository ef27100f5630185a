import numpy as np
import pytest

from scanclean.fidelity import guard

PAPER = 245
RNG = np.random.default_rng


def sheet(height=400, width=600, noise=1.5, seed=0):
    page = np.full((height, width), float(PAPER))
    return page, RNG(seed).normal(0, noise, page.shape)


def scan_of(page, noise):
    return np.clip(page + noise + 0.5, 0, 255).astype(np.uint8)


def blurred(plane, sigma):
    reach = int(4 * sigma)
    kernel = np.exp(-((np.arange(-reach, reach + 1) / sigma) ** 2) / 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        plane = np.apply_along_axis(lambda v: np.convolve(v, kernel, "same"), axis, plane)
    return plane


def letters(page, height=40, stroke=6, ink=40):
    """Rows of marks like an H, which have corners, strokes and counters."""
    where = np.zeros(page.shape, bool)
    for y in range(30, page.shape[0] - height - 20, height * 2):
        for x in range(30, page.shape[1] - height, height + stroke * 2):
            where[y : y + height, x : x + stroke] = True
            where[y : y + height, x + height - stroke * 2 : x + height - stroke] = True
            where[y + height // 2 : y + height // 2 + stroke, x : x + height - stroke] = True
    page[where] = ink
    return where


def contrast(pixels, where):
    lightness = pixels.mean(axis=2) if pixels.ndim == 3 else pixels
    return 255.0 - lightness[where].mean()


def white(like):
    return np.full_like(like, 255)


@pytest.mark.parametrize(("height", "stroke"), [(30, 4), (60, 10), (120, 24), (200, 40)])
def test_text_that_was_wiped_out_comes_back(height, stroke):
    page, noise = sheet(500, 700)
    where = letters(page, height, stroke)
    scan = scan_of(page, noise)
    result = guard(scan, white(scan))
    assert contrast(result.pixels, where) > 0.8 * (PAPER - 40)
    assert result.ink.kept < 0.05
    assert result.ink.returned > 0
    assert result.ink.returned_px >= 0.7 * where.sum()


@pytest.mark.parametrize("percent", [6, 10, 15, 25])
def test_pencil_comes_back(percent):
    page, noise = sheet(noise=2.0)
    where = np.zeros(page.shape, bool)
    for x in range(60, 540):
        y = int(200 + 40 * np.sin(x / 40))
        where[y - 2 : y + 2, x] = True
    page[where] *= 1 - percent / 100
    letters(page[:150])
    scan = scan_of(page, noise)
    cleaned = scan_of(page, 0 * noise)
    cleaned[cleaned > 150] = 255
    result = guard(scan, cleaned)
    assert contrast(result.pixels, where) > 0.5 * percent / 100 * 255


def test_points_beside_text_come_back_but_dust_does_not():
    page, noise = sheet(600, 600)
    letters(page[:300])
    dots = np.zeros(page.shape, bool)
    dots[66:70, 71:75] = True
    dust = np.zeros(page.shape, bool)
    for y, x in RNG(3).integers(360, 560, (12, 2)):
        dust[y : y + 2, x : x + 2] = True
    page[dots | dust] = 60
    scan = scan_of(page, noise)
    cleaned = scan_of(page, 0 * noise)
    cleaned[dots | dust | (cleaned > 200)] = 255
    result = guard(scan, cleaned)
    assert contrast(result.pixels, dots) > 80
    assert contrast(result.pixels, dust) < 40


def test_leaders_come_back():
    page, noise = sheet()
    where = np.zeros(page.shape, bool)
    for x in range(60, 540, 20):
        where[200:203, x : x + 3] = True
    page[where] = 50
    scan = scan_of(page, noise)
    assert contrast(guard(scan, white(scan)).pixels, where) > 120


def test_hairlines_come_back():
    page, noise = sheet()
    where = np.zeros(page.shape, bool)
    where[100::60, 50:550] = True
    page[where] = 122
    scan = scan_of(page, noise)
    assert contrast(guard(scan, white(scan)).pixels, where) > 90


@pytest.mark.parametrize(
    "colour", [(255, 250, 150), (240, 175, 175), (190, 215, 245)], ids=["marker", "stamp", "box"]
)
def test_colour_that_was_bleached_comes_back(colour):
    page, noise = sheet()
    scan = np.repeat(scan_of(page, noise)[..., None], 3, axis=2)
    where = np.zeros(page.shape, bool)
    where[150:210, 100:450] = True
    scan[where] = np.clip(np.array(colour) - 5 + noise[where][:, None], 0, 255)
    result = guard(scan, white(scan))
    assert np.abs(result.pixels[where].mean(axis=0) - np.array(colour)).max() < 20


def test_a_picture_that_was_washed_out_comes_back():
    page, noise = sheet(500, 600)
    letters(page[:150])
    ramp = np.linspace(50, 190, 300)[None] + 20 * np.sin(np.arange(200) / 7)[:, None]
    page[220:420, 150:450] = ramp
    scan = scan_of(page, noise)
    cleaned = scan_of(page, 0 * noise)
    cleaned[cleaned > 230] = 255
    cleaned[220:420, 150:450] = 255 - (255 - cleaned[220:420, 150:450]) // 3
    result = guard(scan, cleaned).pixels[230:410, 160:440]
    assert np.abs(result.astype(int) - ramp[10:-10, 10:-10] * 255 / PAPER).mean() < 12


def test_a_black_page_stays_black():
    page, noise = sheet()
    page[:] = 20
    letters(page, ink=240)
    scan = scan_of(page, noise)
    result = guard(scan, 255 - scan)
    assert np.median(result.pixels) < 60


def test_an_empty_black_page_stays_black():
    scan = np.zeros((300, 400, 3), np.uint8)
    assert (guard(scan, white(scan)).pixels == 0).all()


def stain(page):
    y, x = np.mgrid[: page.shape[0], : page.shape[1]]
    page *= 1 - 0.3 / (1 + np.exp((np.hypot(y - 250, x - 300) - 90) / 8))


def other_side(page):
    back = np.full(page.shape, 255.0)
    letters(back, 30, 5)
    page *= 1 - (255 - blurred(back, 2.5)) / 215 * 0.12


def shadow(page):
    page *= 1 - 0.4 * np.clip(np.arange(page.shape[1]) / page.shape[1] - 0.5, 0, 1)


@pytest.mark.parametrize("dirty", [stain, other_side, shadow])
def test_dirt_stays_away(dirty):
    page, noise = sheet(500, 600)
    where = letters(page[:200])
    cleaned = np.full(page.shape, 255, np.uint8)
    cleaned[:200][where] = 40
    page[:200][where] = 40
    dirty(page)
    result = guard(scan_of(page, noise), cleaned)
    changed = np.abs(result.pixels.astype(int) - cleaned) > 10
    assert changed.mean() < 0.002
    assert result.ink.kept > 0.97


@pytest.mark.parametrize("noise", [0.0, 2.0, 6.0])
def test_a_blank_page_stays_blank(noise):
    page, grain = sheet(noise=noise)
    scan = scan_of(page, grain)
    result = guard(scan, white(scan))
    assert (result.pixels == 255).all()
    assert result.ink.returned == 0


def test_invented_marks_go():
    page, noise = sheet()
    where = letters(page)
    scan = scan_of(page, noise)
    cleaned = white(scan)
    cleaned[where] = 40
    invented = np.zeros(page.shape, bool)
    invented[75:80, 100::90] = True
    cleaned[invented] = 30
    result = guard(scan, cleaned)
    assert contrast(result.pixels, invented & ~where) < 15
    assert result.ink.removed >= 5
    assert contrast(result.pixels, where) > 180


def test_a_good_result_is_left_alone():
    page, noise = sheet()
    where = letters(page)
    cleaned = white(scan_of(page, noise))
    cleaned[where] = 30
    result = guard(scan_of(page, noise), cleaned)
    assert np.array_equal(result.pixels, cleaned)
    assert (result.ink.kept, result.ink.returned, result.ink.removed) == (1.0, 0, 0)


def test_inputs_are_not_written_to():
    page, noise = sheet()
    letters(page)
    scan = scan_of(page, noise)
    cleaned = white(scan)
    scan.flags.writeable = cleaned.flags.writeable = False
    assert guard(scan, cleaned).pixels is not cleaned


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (5, 3), (17, 900), (2, 40), (64, 64, 3)])
def test_any_size_works(shape):
    scan = RNG(0).integers(0, 256, shape, dtype=np.uint8)
    result = guard(scan, white(scan))
    assert result.pixels.shape == shape
    assert result.pixels.dtype == np.uint8


@pytest.mark.parametrize("cleaner", ["most kept", "most gone"])
def test_a_page_in_pale_ink_alone_is_believed_if_most_of_it_was_kept(cleaner):
    page, noise = sheet(500, 700, noise=0.8)
    where = letters(page, 30, 5, ink=PAPER - 22)
    scan = scan_of(blurred(page, 1.6), noise)  # as soft as what shines through the sheet
    lost = np.zeros(page.shape, bool)
    lost[250:310] = True
    cleaned = white(scan)
    if cleaner == "most kept":
        cleaned[~lost] = np.minimum(scan[~lost] + 10, 255)
    result = guard(scan, cleaned)
    share = contrast(result.pixels, where & lost) / contrast(scan + 10, where & lost)
    assert share > 0.8 if cleaner == "most kept" else share < 0.2


@pytest.mark.parametrize("hand", ["pale alone", "beside print"])
def test_on_a_page_in_pale_ink_alone_nothing_may_get_paler(hand):
    page, noise = sheet(500, 700, noise=0.3)
    where = letters(page, 30, 5, ink=PAPER - 20)
    where[:90] = False
    if hand == "beside print":
        letters(page[:90], 30, 5)
    cleaned = np.minimum(scan_of(page, noise) + 10, 255)
    cleaned[where] = 245  # half of the contrast is left
    faint = np.zeros_like(where)
    faint[480:484, 40:660] = True
    page[faint] -= 7
    scan = scan_of(page, noise)  # with a line of 3 % that was wiped out
    result = guard(scan, cleaned)
    left = contrast(result.pixels, where), contrast(result.pixels, faint)
    if hand == "pale alone":
        assert left[0] > 16 and left[1] > 4
    else:
        assert left[0] < 12
