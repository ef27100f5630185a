import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from scanclean.config import RestoreOptions
from scanclean.engine import open_engine
from scanclean.paper import evened, examine
from scanclean.specks import painted_over, specks

SIZE = (1200, 900)


def page(paint=None, size=34):
    """A page with lines of text between margins, 0 and 255, and what `paint` adds to it."""
    picture = Image.new("L", SIZE[::-1], 255)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size)
    for n, y in enumerate(range(150, SIZE[0] - 200, 2 * size)):
        draw.text((120, y), "i.e. 3.14 ... ij : ;; é ñ ü %"[n % 4 :] + " " + "a.b.c", 0, font)
    if paint:
        paint(draw)
    return np.where(np.asarray(picture) < 128, 0, 255).astype(np.uint8)


def strewn(pixels, count=200, side=3, region=None, seed=0):
    """The page with so many black points, and where they are."""
    rng = np.random.default_rng(seed)
    top, bottom, left, right = region or (0, SIZE[0], 0, SIZE[1])
    dirt = np.zeros(SIZE, np.bool_)
    for y, x in zip(
        rng.integers(top, bottom - side, count),
        rng.integers(left, right - side, count),
        strict=True,
    ):
        dirt[y : y + side, x : x + rng.integers(1, side + 1)] = True
    return np.where(dirt, 0, pixels).astype(np.uint8), dirt


def found(pixels):
    paper = examine(pixels)
    dirt = specks(evened(pixels, paper), paper)
    return np.zeros(pixels.shape[:2], np.bool_) if dirt is None else dirt.pixels


@pytest.mark.parametrize(
    ("look", "side"),
    [("two tones", 1), ("two tones", 2), ("two tones", 3), ("soft", 2), ("soft", 3),
     ("gray paper", 1), ("gray paper", 3), ("colour", 2), ("colour", 3)],
)  # fmt: skip
def test_strewn_points_go_and_all_that_is_written_stays(look, side):
    clean = page()
    pixels, dirt = strewn(clean, side=side)
    blur = ImageFilter.GaussianBlur(0.6)
    if look == "soft":
        pixels = np.asarray(Image.fromarray(pixels).filter(blur))
    elif look == "gray paper":
        pixels = (pixels * 0.8).astype(np.uint8)
    elif look == "colour":
        pixels = (pixels[..., None] * np.array([0.95, 0.9, 0.8])).astype(np.uint8)
    taken = found(pixels)
    assert (taken & dirt).sum() > 0.6 * (dirt & (clean == 255)).sum()
    assert not (taken & (clean == 0)).any()


def leaders(draw):
    for y in range(160, 1000, 68):
        for x in range(520, 840, 16):
            draw.rectangle((x, y, x + 1, y + 1), fill=0)


def grid(draw):
    for y in range(10, SIZE[0], 45):
        for x in range(10, SIZE[1], 45):
            draw.rectangle((x, y, x + 1, y + 1), fill=0)


def plot(draw):
    draw.rectangle((60, 300, 850, 1180), outline=0, width=4, fill=255)
    scattered(draw)


def scattered(draw):
    rng = np.random.default_rng(3)
    for x, y in zip(rng.uniform(80, 830, 150), rng.uniform(320, 1160, 150), strict=True):
        draw.rectangle((x, y, x + 1, y + 1), fill=0)


def stippled(draw):
    rng = np.random.default_rng(3)
    for x, y in zip(rng.uniform(0, 900, 20_000), rng.uniform(0, 1200, 20_000), strict=True):
        draw.point((x, y), fill=0)


CONTENT = {
    "text": None,
    "dot leaders": leaders,
    "dotted paper": grid,
    "a plot": plot,
    "a stippled page": stippled,
}


@pytest.mark.parametrize("paint", CONTENT.values(), ids=CONTENT)
def test_points_that_mean_something_stay(paint):
    assert not found(page(paint)).any()


def test_points_within_a_frame_stay_on_a_page_that_is_dirty_elsewhere():
    clean = page(plot)
    pixels, dirt = strewn(clean, 300)
    dirt[300:1181, 60:851] = False
    taken = found(pixels)
    assert (taken & dirt).sum() > 0.6 * dirt.sum()
    assert not (taken & (clean == 0)).any()


def test_a_few_points_and_points_between_the_margins_only_prove_nothing():
    assert not found(strewn(page(), 12)[0]).any()
    assert not found(strewn(page(), region=(200, 900, 140, 500))[0]).any()


def test_pencil_dust_stays():
    pixels, dirt = strewn(page())
    pixels[dirt & (page() == 255)] = 150
    assert not found(pixels).any()


def test_paper_takes_their_place():
    shade = (np.linspace(150, 240, SIZE[1])[None] * page() / 255).astype(np.uint8)
    pixels, dirt = strewn(shade)
    paper = examine(pixels)
    taken = specks(evened(pixels, paper), paper)
    assert taken is not None
    over = painted_over(pixels, taken.pixels, paper)
    difference = np.abs(over.astype(int) - shade)
    assert difference[taken.pixels].max() <= 8
    assert np.array_equal(over[~taken.pixels], pixels[~taken.pixels])


def test_the_bundled_network_gives_a_page_without_them_and_tells_how_many():
    clean = page()
    pixels, dirt = strewn(clean)
    engine = open_engine(RestoreOptions())
    cleaned = engine.clean(pixels)
    engine.close()
    assert cleaned.ink is not None
    assert 120 < cleaned.ink.specks <= 200
    assert (cleaned.pixels[dirt & (clean == 255)] > 200).mean() > 0.6
