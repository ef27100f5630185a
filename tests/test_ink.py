import numpy as np
import pytest

from scanclean.ink import colour_kept
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
def test_coloured_ink_keeps_its_colour(ink):
    scan, core = written(ink)
    paper = examine(scan)
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
