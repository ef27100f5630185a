import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from scanclean.errors import DeviceError, UsageError
from scanclean.restorer import Restorer

SIZES = [(1, 1), (3, 5), (255, 256), (257, 256), (17, 900), (600, 731)]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_identity_backend_returns_the_page(height, width, identity_backend, noise):
    page = noise(height, width, 3)
    assert np.array_equal(Restorer(identity_backend, use_guard=False)(page), page)


def test_gray_stays_gray(identity_backend, noise):
    page = noise(300, 200)
    assert np.array_equal(Restorer(identity_backend, use_guard=False)(page), page)


def test_gray_network_on_a_colour_page_keeps_the_hue(function_backend):
    backend = function_backend(lambda t: t + 20 / 255, channels=1, tile=64)
    page = np.full((40, 40, 3), (200, 100, 60), np.uint8)
    out = Restorer(backend, use_guard=False)(page)
    assert out[0, 0].tolist() == [220, 120, 80]


@pytest.mark.parametrize("tile", [64, 128, 999])
def test_local_network_gives_the_same_whatever_the_tile(tile, function_backend, noise):
    def blur(tiles):  # sees one pixel around, like a tiny convolution
        padded = np.pad(tiles, ((0, 0), (0, 0), (1, 1), (1, 1)), "edge")
        shifts = [
            padded[..., y : y + tiles.shape[2], x : x + tiles.shape[3]]
            for y in range(3)
            for x in range(3)
        ]
        return np.mean(shifts, 0, dtype=np.float32)

    page = noise(300, 400)
    whole = Restorer(function_backend(blur, tile=1024), use_guard=False)(page)
    tiled = Restorer(function_backend(blur, tile=64), tile=tile, overlap=16, use_guard=False)(page)
    difference = np.abs(whole.astype(int) - tiled)
    # only where a tile ends its own border effect is faded in, with a weight of 1/17
    assert (difference <= 2).mean() > 0.98 and difference.max() <= 6


@pytest.mark.parametrize("passes", [1, 2, 4])
def test_passes_give_the_mean_of_what_the_network_says_from_each_place(
    passes, function_backend, noise
):
    def brightest_of_four(tiles):  # another picture to it whenever the grid moves by a pixel
        n, c, h, w = tiles.shape
        blocks = tiles.reshape(n, c, h // 2, 2, w // 2, 2).max(axis=(3, 5))
        return blocks.repeat(2, axis=2).repeat(2, axis=3)

    page = noise(150, 200)
    backend = function_backend(brightest_of_four, tile=256, overlap=8, multiple_of=2)
    restored = Restorer(backend, use_guard=False, passes=passes)(page)
    total = np.zeros((120, 160))
    for down, right in [(0, 0), (1, 1), (0, 1), (1, 0)][:passes]:
        for y in range(120):
            for x in range(160):
                top = 10 + y - (10 + y - down) % 2
                left = 10 + x - (10 + x - right) % 2
                total[y, x] += page[top : top + 2, left : left + 2].max()
    assert np.abs(restored[10:130, 10:170] - total / passes).max() <= 0.5


@pytest.mark.parametrize("passes", [0, 5])
def test_passes_that_there_are_not_are_refused(passes, identity_backend):
    with pytest.raises(UsageError, match="passes"):
        Restorer(identity_backend, passes=passes)


def test_tile_is_a_multiple_of_what_the_network_needs(function_backend, noise):
    backend = function_backend(lambda t: t, tile=100, multiple_of=16)
    Restorer(backend, use_guard=False)(noise(500, 500))
    sides = {side for shape in backend.calls for side in shape[2:]}
    assert max(sides) == 112 and all(side % 16 == 0 for side in sides)


def test_small_pictures_get_small_tiles_unless_the_tile_is_fixed(function_backend, noise):
    free = function_backend(lambda t: t, tile=512, multiple_of=16)
    Restorer(free, use_guard=False)(noise(20, 30))
    assert free.calls == [(1, 3, 64, 64)]  # with a margin of 16 around
    fixed = function_backend(lambda t: t, tile=512, fixed_tile=True)
    Restorer(fixed, use_guard=False)(noise(20, 30))
    assert fixed.calls == [(1, 3, 512, 512)]


def test_another_tile_than_a_fixed_one_is_refused(function_backend):
    with pytest.raises(UsageError, match="512"):
        Restorer(function_backend(lambda t: t, tile=512, fixed_tile=True), tile=256)


def test_out_of_memory_is_retried_in_smaller_tiles(function_backend, noise):
    def little_memory(tiles):
        if tiles.shape[2] > 128:
            raise DeviceError("cpu: out of memory")
        return tiles

    page = noise(500, 400, 3)
    cleaned = Restorer(function_backend(little_memory, tile=256), use_guard=False).clean(page)
    assert np.array_equal(cleaned.pixels, page)
    assert "out of memory" in cleaned.warnings[0]


def test_a_tile_that_fails_in_every_size_is_never_used(function_backend, noise):
    broken = function_backend(lambda t: np.full_like(t, np.nan), tile=128)
    with pytest.raises(DeviceError, match="row 0, column 0"):
        Restorer(broken, use_guard=False)(noise(128, 128))


def test_not_a_number_in_one_place_costs_only_a_retry(function_backend):
    def dislikes_white_in_large_tiles(tiles):
        return np.where((tiles.max() == 1) & (tiles.shape[2] > 100), np.nan, tiles)

    page = np.full((400, 400), 90, np.uint8)
    page[200, 200] = 255
    backend = function_backend(dislikes_white_in_large_tiles, tile=128, overlap=16)
    cleaned = Restorer(backend, use_guard=False).clean(page)
    assert np.array_equal(cleaned.pixels, page) and "no finite number" in cleaned.warnings[0]


def test_guard_gives_back_text_that_a_network_wiped_out(function_backend):
    page = np.full((400, 400), 245, np.uint8)
    page[100:160, 80:110] = page[100:160, 150:160] = page[200:205, 60:340] = 30
    wiping = function_backend(lambda t: np.ones_like(t), tile=256)
    without = Restorer(wiping, use_guard=False).clean(page)
    with_guard = Restorer(wiping).clean(page)
    assert without.pixels.min() == 255
    assert (with_guard.pixels[page < 100] < 120).mean() > 0.95
    assert with_guard.ink is not None and with_guard.ink.returned_px > 0


def faint(contrast, shape="dot"):
    """White paper with some noise and one mark of that contrast far from the middle."""
    page = np.full((900, 900), 240, np.float32)
    page[700:720, 100:400] = 40
    where = {"dot": np.s_[103:106, 803:806], "line": np.s_[103, 760:820]}[shape]
    page[where] *= 1 - contrast
    page += np.random.default_rng(0).normal(0, 0.8, page.shape)
    return np.rint(page).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("shape", ["dot", "line"])
def test_bare_paper_is_left_out_but_no_faint_mark(shape, function_backend):
    seen = []

    def look(tiles):
        seen.append(tiles)
        return tiles

    for contrast, found in ((0.0, False), (0.04, True), (0.2, True)):
        seen.clear()
        backend = function_backend(look, tile=512, multiple_of=16, even_paper=True)
        out = Restorer(backend, use_guard=False)(faint(contrast, shape))
        area = sum(tile.shape[2] * tile.shape[3] for tile in seen)
        assert area < 0.4 * 900 * 900
        assert (out[100:110, 760:820].min() < 250) == found
        assert out[300:600].min() >= 254  # nothing there: white, like the paper that was looked at


def test_bare_paper_in_a_tile_is_as_white_as_outside(function_backend):
    page = faint(0.0)
    dull = function_backend(
        lambda t: np.minimum(t, 0.97), tile=512, multiple_of=16, even_paper=True
    )
    out = Restorer(dull, use_guard=False)(page)
    assert set(np.unique(out)) >= {255} and (out[680:690, 100:400] == 255).all()
    assert out[705:715, 150:350].max() < 60  # the mark itself


def test_tiles_begin_at_multiples_of_what_the_network_reduces_by(function_backend, noise):
    page = np.arange(1000 * 700, dtype=np.uint32).reshape(1000, 700) % 251
    phases = set()

    def look(tiles):
        phases.add(int(tiles[0, 0, 0, 0] * 255 + 0.5))
        return tiles

    backend = function_backend(look, tile=256, multiple_of=16, overlap=32)
    Restorer(backend, use_guard=False)(page.astype(np.uint8))
    framed = np.pad(page, 16, "symmetric")
    starts = {int(framed[y, x]) for y in range(0, 1000, 16) for x in range(0, 700, 16)}
    assert phases <= starts


def drawn():
    """A page that was never on paper: white, smooth letters, no grain."""
    picture = Image.new("L", (500, 400), 255)
    pen = ImageDraw.Draw(picture)
    for y in range(40, 360, 30):
        pen.text((40, y), "never printed, never scanned", fill=20, font_size=18)
    return np.array(picture.convert("RGB"))


def test_a_page_that_was_never_on_paper_stays_as_it_is(function_backend):
    sharpening = function_backend(lambda t: t - 0.03 * (t < 0.9), tile=512, even_paper=True)
    page = drawn()
    assert np.array_equal(Restorer(sharpening)(page), page)
    noisy = page + np.random.default_rng(0).normal(-6, 2, page.shape)
    noisy = noisy.clip(0, 255).astype(np.uint8)
    assert not np.array_equal(Restorer(sharpening, use_guard=False)(noisy), noisy)


def test_so_does_a_drawn_page_of_dense_small_print(function_backend):
    picture = Image.new("L", (500, 400), 255)
    pen = ImageDraw.Draw(picture)
    for y in range(0, 400, 9):
        pen.text((-20, y), "never printed, never scanned, " * 6, fill=20, font_size=9)
    page = np.array(picture.convert("RGB"))
    sharpening = function_backend(lambda t: t - 0.03 * (t < 0.9), tile=512, even_paper=True)
    assert np.array_equal(Restorer(sharpening, use_guard=False)(page), page)


def test_sharper_letters_alone_are_no_reason_to_touch_a_drawn_page(function_backend):
    page = drawn()
    gray = (page > 60) & (page < 200)
    assert gray.mean() > 0.004  # the smooth edges of letters
    sharpening = function_backend(
        lambda t: t - 0.12 * ((t > 0.24) & (t < 0.78)), tile=512, even_paper=True
    )
    assert np.array_equal(Restorer(sharpening, use_guard=False)(page), page)


def test_ringing_beside_letters_is_cleaned(function_backend):
    page = drawn()
    page[60:64, 40:400] = 236  # as JPEG leaves it, half a percent
    whitening = function_backend(lambda t: np.where(t > 0.9, 1, t), tile=512, even_paper=True)
    assert (Restorer(whitening, use_guard=False)(page)[60:64, 40:400] == 255).all()


def test_dirt_on_a_drawn_page_is_cleaned(function_backend):
    page = drawn()
    page[300:330, 420:470] = 200  # half a percent of it
    whitening = function_backend(lambda t: np.where(t > 0.7, 1, t), tile=512, even_paper=True)
    assert Restorer(whitening, use_guard=False)(page)[315, 440].tolist() == [255, 255, 255]


def test_coloured_letters_do_not_become_black(function_backend):
    page = drawn().astype(np.float32)
    page[page[..., 0] < 128] = (200, 30, 40)
    page = (page + np.random.default_rng(0).normal(-8, 2, page.shape)).clip(0, 255)
    blackening = function_backend(lambda t: np.where(t < 0.9, 0, 1), tile=512, even_paper=True)
    out = Restorer(blackening)(page.astype(np.uint8))
    assert out[..., 0].min() > 100 and out[..., 1].min() < 40


@pytest.mark.parametrize(
    ("shape", "kind"), [((9, 9), float), ((9, 9, 4), np.uint8), ((9,), np.uint8)], ids=str
)
def test_what_is_no_picture_is_refused(identity_backend, shape, kind):
    with pytest.raises(TypeError, match="uint8"):
        Restorer(identity_backend)(np.zeros(shape, kind))


def test_the_filter_is_no_network():
    with pytest.raises(UsageError, match="classical"):
        Restorer.load("classical")


def handwriting(ink=105, paper=200, height=480, width=640):
    """Soft pale strokes that get paler and darker, and the mask of their cores."""
    sheet = Image.new("L", (width, height))
    x = np.arange(30, width - 30)
    for line in range(50, height - 30, 50):
        y = line + 12 * np.sin(x / 7 + line) + 6 * np.sin(x / 3.1)
        ImageDraw.Draw(sheet).line([*zip(x.tolist(), y.tolist(), strict=True)], fill=255, width=3)
    cover = np.asarray(sheet.filter(ImageFilter.GaussianBlur(1.2)), float) / 255
    tone = ink + 25 * np.sin(np.arange(width) / 60)
    grain = np.random.default_rng(5).normal(0, 3, cover.shape)
    return (paper + (tone - paper) * cover + grain).astype(np.uint8), np.asarray(sheet) > 0


def test_pale_handwriting_comes_out_no_less_even_than_it_is():
    scan, core = handwriting()
    before = 200.0 - scan[core]
    after = 255.0 - Restorer.load("scanclean")(scan)[core]
    assert after.mean() > before.mean()
    assert after.std() / after.mean() < before.std() / before.mean()
