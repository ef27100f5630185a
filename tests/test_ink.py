import numpy as np
import pytest

from scanclean.ink import colour_kept, darkened, halfway_back, paleness
from scanclean.paper import evened, examine

WHITE, YELLOW = (255, 255, 255), (235, 215, 160)


def written(ink, paper=WHITE, height=480, width=360):
    """Lines of strokes, softened as by a scanner, with the mask of their cores."""
    pixels = np.full((height, width, 3), paper, np.float32)
    core = np.zeros((height, width), bool)
    for y in range(30, height - 30, 16):
        core[y : y + 4, 20 : width - 30 - y % 40] = True
    pixels[core] = ink
    soft = (pixels + np.roll(pixels, 1, 0) + np.roll(pixels, -1, 0)) / 3
    return soft.astype(np.uint8), core


def blackened(even, core):
    """What a network makes of it that knows black print only."""
    out = even.copy()
    out[core] = 10
    return out


@pytest.mark.parametrize("ink", [(107, 105, 35), (115, 50, 45), (30, 60, 190), (200, 30, 40)])
@pytest.mark.parametrize("block", [2, 4, 8])
def test_coloured_ink_keeps_its_colour(ink, block):
    scan, core = written(ink)
    paper = examine(scan, block)
    even = evened(scan, paper)
    kept = colour_kept(scan, even, blackened(even, core), paper)
    assert np.abs(kept[core].astype(int) - ink).max() <= 2
    assert np.array_equal(kept[~core], even[~core])


@pytest.mark.parametrize("tint", [(250, 250, 250), YELLOW])
def test_black_and_gray_ink_may_get_darker_on_paper_that_is_not_quite_white(tint):
    scan, core = written(tuple(round(0.35 * c) for c in tint), tint)
    paper = examine(scan)
    even = evened(scan, paper)
    black = blackened(even, core)
    assert np.array_equal(colour_kept(scan, even, black, paper), black)


@pytest.mark.parametrize("channels", [1, 3])
def test_gray_ink_keeps_its_tone_on_paper_that_is_white_everywhere(channels):
    scan, core = written((120, 120, 120))
    scan = scan if channels == 3 else scan[..., 0].copy()
    paper = examine(scan)
    kept = colour_kept(scan, scan, blackened(scan, core), paper)
    assert (kept[core] == 120).all()


def test_coloured_ink_may_get_lighter_and_black_ink_elsewhere_darker():
    scan, core = written((107, 105, 35), (250, 250, 250))
    scan[:, 180:] = scan[:, 180:].min(axis=2, keepdims=True)  # gray
    paper = examine(scan)
    even = evened(scan, paper)
    lighter = np.minimum(even.astype(int) + 20, 255).astype(np.uint8)
    assert np.array_equal(colour_kept(scan, even, lighter, paper), lighter)
    kept = colour_kept(scan, even, blackened(even, core), paper)
    assert (kept[:, 200:][core[:, 200:]] == 10).all()
    assert kept[:, :160][core[:, :160]].max(axis=1).min() > 100


def test_a_gray_page_on_gray_paper_is_not_looked_at():
    scan, core = written((60, 60, 60), (240, 240, 240))
    gray = scan[..., 0].copy()
    black = blackened(gray, core)
    assert colour_kept(gray, gray, black, examine(gray)) is black


@pytest.mark.parametrize(("tint", "worn"), [((252, 252, 252), False), ((240, 240, 240), True)])
def test_noise_does_not_make_ink_of_a_clean_page_darker(tint, worn):
    """Single dark pixels say what ink may have been on a worn page, but not on a clean one."""
    scan, core = written((60, 120, 60), tint)
    noise = np.random.default_rng(0).normal(0, 12, scan.shape[:2])[..., None]
    scan = np.clip(scan + noise * core[..., None], 0, 255).astype(np.uint8)
    paper = examine(scan)
    even = evened(scan, paper)
    kept = colour_kept(scan, even, blackened(even, core), paper)
    darker = np.mean((60, 120, 60)) * 255 / tint[0] - kept[core].mean()
    assert (darker > 18) if worn else (0 <= darker < 12)


def test_strokes_of_a_pixel_get_no_lighter_than_they_are():
    scan = np.full((480, 360, 3), 255, np.uint8)
    scan[30:450:16, 20:330] = (60, 60, 150)
    paper = examine(scan)
    kept = colour_kept(scan, scan, blackened(scan, scan.min(axis=2) < 255), paper)
    assert np.array_equal(kept, scan)


@pytest.mark.parametrize("contrast", [0.45, 0.55, 0.65])
@pytest.mark.parametrize("tint", [(240, 240, 240), YELLOW])
def test_pale_ink_is_as_much_paler_than_print_as_it_is(contrast, tint):
    scan, _ = written(tuple(round((1 - contrast) * c) for c in tint), tint)
    paper = examine(scan)
    assert paleness(evened(scan, paper), paper) == pytest.approx(0.9 / contrast, rel=0.03)


@pytest.mark.parametrize(
    ("ink", "tint"),
    [
        ((20, 20, 20), YELLOW),  # print
        ((180, 180, 180), (240, 240, 240)),  # pencil
        ((120, 120, 120), WHITE),  # drawn by a program: meant to be gray
    ],
)
def test_print_pencil_and_drawn_ink_are_not_pale(ink, tint):
    scan, _ = written(ink, tint)
    paper = examine(scan)
    assert paleness(evened(scan, paper), paper) == 1


def test_one_dark_word_does_not_make_a_pale_page_dark_nor_a_pale_one_a_dark_page_pale():
    for most, other, pale in ((100, 10, True), (10, 100, False)):
        scan, core = written((most,) * 3, (240, 240, 240))
        scan[30:34, 20:40] = other
        paper = examine(scan)
        assert (paleness(evened(scan, paper), paper) > 1) == pale


def test_half_of_the_darkness_is_taken_back_and_what_went_beyond_black_is_not_lost():
    rng = np.random.default_rng(3)
    scan, _ = written((110, 110, 110), (240, 240, 240))
    scan[200:260] = rng.integers(0, 256, (60, scan.shape[1], 3))
    paper = examine(scan)
    even = evened(scan, paper)
    paper.picture[:] = False
    dark = darkened(even, paper, 2.0)
    depth = 255.0 - even
    assert np.abs(255.0 - dark - np.minimum(2 * depth, 255)).max() <= 0.5
    back = halfway_back(even, dark, paper, 2.0)  # a network that changes nothing
    assert np.abs(255.0 - back - np.minimum(2**0.5 * depth, 255)).max() <= 1


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_on_pale_pages_stay_as_they_are(channels):
    scan, _ = written((110, 110, 110), (240, 240, 240))
    scan = scan if channels == 3 else scan[..., 0].copy()
    paper = examine(scan)
    paper.picture[20:60, 20:60] = True
    inside = np.s_[24 * paper.block : 56 * paper.block, 24 * paper.block : 56 * paper.block]
    dark = darkened(scan, paper, 1.8)
    assert np.array_equal(dark[inside], scan[inside])
    assert np.array_equal(halfway_back(scan, dark, paper, 1.8)[inside], scan[inside])
