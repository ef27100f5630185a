import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from scanclean.blocks import spread
from scanclean.config import RestoreOptions
from scanclean.engine import open_engine
from scanclean.paper import examine
from scanclean.screens import screens

SIZE = (1700, 1300)
BOX = np.s_[500:900, 300:800]


def text(size, leading):
    """Lines from edge to edge in two tones, so many pixels high and apart."""
    picture = Image.new("L", SIZE[::-1], 255)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size)
    words = "minimum illumination, a bold hamburgefonstiv & quartz 0123456789 "
    for line, y in enumerate(range(20, SIZE[0] - 40, leading)):
        draw.text((20, y), (words[line % 40 :] + words * 8)[: 2400 // size], 0, font)
    return np.where(np.asarray(picture) < 128, 0, 255).astype(np.uint8)


def dots(tone, period, shape):
    """A halftone at 45 degrees: a share `tone` of it is black."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    a, b = (rows + columns) / np.sqrt(2), (rows - columns) / np.sqrt(2)
    waves = np.cos(2 * np.pi * a / period) + np.cos(2 * np.pi * b / period)
    return np.where(waves > np.quantile(waves, 1 - tone), 0, 255).astype(np.uint8)


def found(pixels):
    """Where `screens` sees some, at full resolution."""
    paper = examine(pixels)
    light = np.full(paper.picture.shape, 255, np.float32)
    mask = screens(pixels, paper.block, light, np.zeros_like(light))
    return spread(mask, paper.block, slice(0, len(pixels)), pixels.shape[1])


@pytest.mark.parametrize("tone", [0.25, 0.5, 0.75])
@pytest.mark.parametrize("period", [3.7, 4.5, 5.3])
def test_a_halftone_among_text_is_found_and_nothing_else(tone, period):
    page = text(24, 34)
    page[BOX] = dots(tone, period, (400, 500))
    mask = found(page)
    assert mask[BOX].mean() > 0.95
    mask[480:920, 280:820] = False
    assert not mask.any()


@pytest.mark.parametrize("size", [12, 14, 18, 24, 40, 90])
def test_dense_text_is_none(size):
    assert not found(text(size, size * 7 // 6)).any()


def test_neither_are_photographs_and_noise():
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    photo = 128 + 100 * np.sin(rows / 23) * np.cos(columns / 31) + rng.normal(0, 12, SIZE)
    assert not found(np.clip(photo, 0, 255).astype(np.uint8)).any()


@pytest.fixture(scope="module", params=["classical", "scanclean"])
def engine(request):
    opened = open_engine(RestoreOptions(weights=request.param, device="cpu"))
    yield opened
    opened.close()


@pytest.mark.parametrize("blur", [0, 0.4])
def test_the_dots_of_a_halftone_stay(engine, blur):
    page = text(24, 34)
    halftone = dots(0.6, 4.5, (400, 500))
    rng = np.random.default_rng(0)
    halftone[rng.random(halftone.shape) < 0.1] = 255  # as bad printing leaves it
    page[BOX] = halftone
    rows, columns = np.mgrid[:400, :500]
    page[BOX][np.hypot(rows - 200, columns - 250) > 190] = 255  # a disc: boxes are told anyway
    page = np.asarray(Image.fromarray(page).filter(ImageFilter.BoxBlur(blur)))
    inside = np.s_[580:820, 430:670]
    out = engine.clean(page).pixels[inside]
    clear = np.abs(page[inside] - 128.0) > 16  # a rim half way between may fall to either side
    assert clear.mean() > 0.9
    assert ((out < 128) == (page[inside] < 128))[clear].all()
    assert abs(out.mean() - page[inside].mean()) < 1
