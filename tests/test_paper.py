import numpy as np
import pytest
from PIL import Image

from scanclean.blocks import enlarged
from scanclean.paper import bare, evened, examine, paper_kept, tone_kept


def page(height=480, width=360, paper=(235, 225, 200), seed=0):
    """Strokes on tinted, noisy paper, with the mask of the strokes."""
    rng = np.random.default_rng(seed)
    pixels = np.full((height, width, 3), paper, np.float32)
    ink = np.zeros((height, width), bool)
    for y in range(30, height - 30, 16):
        ink[y : y + 4, 20 : width - 30 - y % 40] = True
    pixels[ink] = 40
    noisy = pixels + rng.normal(0, 3, pixels.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8), ink


def test_paper_becomes_white_and_ink_keeps_its_contrast():
    pixels, ink = page()
    even = evened(pixels)
    assert np.median(even[~ink], axis=0).min() >= 250
    assert np.abs(even[ink].mean(0) - 40 * 255 / np.array((235, 225, 200))).max() < 6


def test_shadow_goes():
    pixels, ink = page()
    shade = np.linspace(1, 0.55, pixels.shape[1])[None, :, None]
    even = evened((pixels * shade).astype(np.uint8))
    columns = [np.median(even[:, x : x + 40][~ink[:, x : x + 40]]) for x in (20, 160, 300)]
    assert min(columns) >= 248


def test_photograph_on_the_page_keeps_its_tone():
    pixels, _ = page(paper=(255, 255, 255))
    rows, columns = np.mgrid[0:200, 0:160]
    photo = (70 + 40 * np.sin(rows / 20) * np.cos(columns / 30)).astype(np.uint8)
    pixels[200:400, 100:260] = photo[..., None]
    assert (
        np.abs(evened(pixels)[210:390, 110:250].astype(int) - photo[10:190, 10:150, None]).mean()
        < 3
    )


@pytest.mark.parametrize("level", [0, 12, 60])
def test_black_page_is_no_paper(level):
    pixels = np.full((200, 160, 3), level, np.uint8)
    pixels[50:60, 30:120] = 240  # white on black
    assert np.array_equal(evened(pixels), pixels)


@pytest.mark.parametrize("shape", [(1, 1), (15, 400, 3), (16, 16), (17, 900, 3)])
def test_odd_sizes_keep_their_shape(shape, noise):
    assert evened(noise(*shape)).shape == shape


def test_white_page_is_left_as_it_is():
    pixels = np.full((300, 200, 3), 255, np.uint8)
    pixels[100:104, 20:180] = 0
    assert np.array_equal(evened(pixels), pixels)


def test_bands_do_not_show():
    pixels, _ = page(height=1400)
    paper = examine(pixels)
    whole = enlarged(paper.level[..., 0], paper.block, slice(0, 1400), 360)
    parts = [
        enlarged(paper.level[..., 0], paper.block, slice(y, y + 100), 360)
        for y in range(0, 1400, 100)
    ]
    assert np.allclose(np.concatenate(parts), whole)


def test_a_washed_out_photograph_gets_its_tone_back_and_paper_is_not_touched():
    pixels, _ = page(paper=(255, 255, 255))
    rows, columns = np.mgrid[0:200, 0:160]
    photo = 70 + 40 * np.sin(rows / 20) * np.cos(columns / 30)
    pixels[200:400, 100:260] = photo[..., None].astype(np.uint8)
    washed = pixels.copy()
    washed[200:400, 100:260] += 60
    kept = tone_kept(pixels, washed, examine(pixels))
    assert np.abs(kept[220:380, 120:240].astype(int) - pixels[220:380, 120:240]).mean() < 3
    assert np.array_equal(kept[:180], washed[:180])


def test_dark_coloured_slide_is_no_paper():
    slide = np.full((400, 320, 3), (98, 22, 95), np.uint8)
    slide[60:90, 40:280] = slide[200:208, 40:200] = 225
    noisy = np.clip(slide + np.random.default_rng(0).normal(0, 3, slide.shape), 0, 255)
    slide = noisy.astype(np.uint8)
    assert np.abs(evened(slide).astype(int) - slide).mean() < 3


def test_photograph_across_the_whole_page_keeps_its_tone():
    pixels, _ = page(height=800, width=600, paper=(255, 255, 255))
    rows, columns = np.mgrid[0:460, 0:600]
    photo = (75 + 30 * np.sin(rows / 25) * np.cos(columns / 40)).astype(np.uint8)
    pixels[:460] = photo[..., None]
    assert np.abs(evened(pixels)[:430].astype(int) - photo[:430, :, None]).mean() < 3


def test_bare_is_what_shows_nothing_at_all():
    page = np.full((400, 400, 3), 245, np.uint8)
    page[100:140, 100:300] = 40
    page[300:303, 300:303, 2] = 230  # a pale yellow dot
    known = examine(page)
    empty = bare(evened(page, known), known)
    assert empty.shape == (400, 400) and empty.mean() > 0.8
    assert not empty[100:140, 100:300].any() and not empty[300:303, 300:303].all()
    dark = np.full((400, 400, 3), 20, np.uint8)
    assert not bare(dark, examine(dark)).any()


@pytest.mark.parametrize("ink", [230, 15])
def test_dark_noisy_page_is_no_paper_if_it_is_written_on_in_white(ink):
    rng = np.random.default_rng(3)
    dark = np.full((900, 700), 105.0)
    for y in range(60, 840, 60):
        dark[y : y + 8, 60 : 600 - y % 200] = ink
    specks = np.maximum(rng.normal(0, 30, (450, 350)), 0)  # of white dust, or of black
    noise = np.kron(specks, np.ones((2, 2))) * (1 if ink > 105 else -0.6)
    page = np.clip(dark + noise + rng.normal(0, 4, dark.shape), 0, 255).astype(np.uint8)
    assert examine(page).picture.all() == (ink > 105)


@pytest.mark.parametrize(("gray", "screen"), [(140, True), (180, True), (240, False)])
def test_gray_paper_in_two_tones_is_a_screen_of_dots_and_no_paper(gray, screen):
    page = np.full((1200, 900), gray, np.uint8)
    page[100:110, 40:860] = 0
    assert not examine(page).picture.any()
    dithered = np.asarray(Image.fromarray(page).convert("1").convert("L"))
    assert examine(dithered).picture.all() == screen


@pytest.mark.parametrize(
    "colour",
    [(253, 216, 229), (190, 225, 200), (190, 215, 240), (230, 213, 240), (250, 215, 125)],
)
def test_dyed_paper_is_left_as_it_is(colour):
    sheet, _ = page(paper=colour)
    assert examine(sheet).picture.all() and evened(sheet) is sheet


@pytest.mark.parametrize("ink", [255, 20])
def test_a_bright_ground_that_is_written_on_in_white_is_no_paper(ink):
    rng = np.random.default_rng(1)
    ground = np.kron(rng.normal(0, 6, (25, 20, 3)), np.ones((40, 40, 1))) + (180, 178, 190)
    for y in range(40, 960, 24):
        ground[y : y + 3, 40 : 740 - y % 90] = ink
    page = np.clip(ground + rng.normal(0, 4, ground.shape), 0, 255).astype(np.uint8)
    assert examine(page).picture.all() == (ink == 255)


@pytest.mark.parametrize("ink", [255, 20])
def test_the_bright_end_of_a_picture_is_no_paper_where_white_print_goes_on(ink):
    page = np.tile(np.interp(np.arange(800), [0, 500, 620, 800], [60, 80, 190, 200]), (1000, 1))
    for y in range(30, 990, 20):
        page[y : y + 6, 30 : 560 - y % 70] = 255
        page[y : y + 6, 620 : 780 - y % 70] = ink
    for y in range(40, 980, 60):
        page[y : y + 16, 600:790] = 120  # it has dark parts as well
    known = examine(page.astype(np.uint8))
    assert known.picture.mean() > 0.5
    assert known.picture.all() == (ink == 255)


@pytest.mark.parametrize(("bright", "all_over"), [(100, True), (170, False)])
def test_a_dark_photograph_that_fills_the_page_has_no_paper_at_its_bright_end(bright, all_over):
    page = np.tile(
        np.interp(np.arange(1000), [0, 600, 680, 1000], [25, 30, bright, bright]), (800, 1)
    )
    page = np.ascontiguousarray(page.T)
    for y in range(700, 980, 30):
        page[y : y + 8, 30 : 740 - y % 90] = 10
    known = examine(page.astype(np.uint8))
    assert known.picture.mean() > 0.5
    assert known.picture.all() == all_over


def test_a_tint_with_a_rim_of_another_colour_is_kept():
    rng = np.random.default_rng(0)
    pixels = np.full((1000, 800, 3), 253.0)
    for rim, colour in ((0, (180, 180, 198)), (7, (204, 204, 252))):
        pixels[: 563 - rim, : 223 - rim] = colour
        pixels[: 203 - rim, : 443 - rim] = colour  # boxes are told by their gray anyway
    pixels = np.clip(pixels + rng.normal(0, 2, pixels.shape), 0, 255).astype(np.uint8)
    assert np.abs(evened(pixels)[:540, :200].mean((0, 1)) - (204, 204, 252)).max() < 3


@pytest.mark.parametrize(
    "colour", [(240, 225, 180), (232, 192, 114), (200, 212, 222), (133, 138, 136)]
)
def test_yellowed_and_badly_lit_paper_becomes_white(colour):
    even = evened(page(paper=colour)[0])
    assert np.percentile(even, 75) >= 252


def test_a_map_in_which_no_tint_is_the_papers_is_left_as_it_is():
    pixels, _ = page(paper=(225, 224, 218))
    noise = pixels[20:-20, 15:-15].astype(int) - (225, 224, 218)
    sea = np.broadcast_to((150, 195, 225), noise.shape).copy()
    sea[:, 150:] = (240, 208, 158)  # land
    sea[300:, 60:230] = (205, 195, 205)  # a neighbour
    pixels[20:-20, 15:-15] = np.clip(sea + noise, 0, 255)
    assert examine(pixels).picture.all()
    assert np.array_equal(evened(pixels), pixels)


def test_a_pale_sea_around_dark_land_is_no_paper():
    pixels, _ = page(height=600, width=600, paper=(246, 244, 240))
    noise = pixels.astype(int) - (246, 244, 240)
    land = np.broadcast_to((246, 244, 240), pixels.shape).copy()
    rows, columns = np.mgrid[0:600, 0:600]
    away = np.abs(rows - 300) + np.abs(columns - 300)
    land[away < 260] = (205, 226, 246)
    land[away < 190] = (35, 120, 125)
    even = evened(np.clip(land + noise, 0, 255).astype(np.uint8))
    sea = np.median(even[290:310, 505:545], axis=(0, 1))
    assert np.abs(sea[:2] - (212, 236)).max() < 4  # times 255 / 246 and 255 / 244


def test_a_photograph_on_stained_paper_is_a_picture():
    rng = np.random.default_rng(3)
    sheet = page(height=900, width=700, paper=(225, 205, 165))[0].astype(np.float32)
    rows, columns = np.mgrid[0:240, 0:300]
    photo = 70 + 60 * np.sin(columns / 60) ** 2 + 20 * np.cos(rows / 40)
    photo[rng.random(photo.shape) < 0.01] = 200  # specks where no ink came
    sheet[330:570, 200:500] = photo[..., None] * np.array([1, 0.92, 0.75])
    shade = 1 - 0.12 * np.exp(-((np.hypot(*(np.mgrid[0:900, 0:700] - 450.0)) / 250) ** 2))
    scan = np.clip(sheet * shade[..., None], 0, 255).astype(np.uint8)
    even = evened(scan)
    red = np.s_[360:540, 230:470, 0]
    gain = even[red] / np.maximum(scan[red], 1.0)  # that of the paper around, 255 / 225 at least
    assert np.percentile(gain, 1) > 1.1 and np.percentile(gain, 99) < 1.4
    assert np.median(even[100:300, 100:600]) >= 250


def test_what_lies_under_a_picture_has_no_steps():
    """Flat print must stay flat, whatever different paper is near its sides."""
    scan = np.full((900, 900, 3), 250, np.uint8)
    scan[:, :200] = 228
    scan[250:650, 200:800] = (200, 60, 40)
    paper = examine(scan)
    top, bottom, left, right = (side // paper.block for side in (260, 640, 230, 770))
    under = paper.level[top:bottom, left:right]
    for axis in (0, 1):
        assert np.abs(np.diff(under, axis=axis)).max() < 2


def test_the_table_around_a_book_is_no_frame_of_a_picture():
    y, x = np.mgrid[:800, :600]
    vignette = np.clip(np.hypot((y - 400) / 400, (x - 300) / 300) - 0.45, 0, 1)
    photo = np.repeat((225 * (1 - 0.33 * vignette))[..., None], 3, axis=2)
    photo[:40] = photo[:, :30] = 30
    paper = examine(photo.astype(np.uint8))
    inside = 80 // paper.block
    assert not paper.picture[inside:, inside:].any()


def test_the_shadow_of_a_hand_on_a_written_page_goes():
    y, x = np.mgrid[:900, :640]
    page = np.full((900, 640), 225.0)
    for line in range(40, 860, 18):
        for word in range(30, 600, 45):
            page[line : line + 7, word : word + 30 + word % 13] = 40
    distance = np.hypot(y - 900, x)  # a hand at the lower left corner
    shade = 1 - 0.65 * np.clip((520 - distance) / 40, 0, 1)
    scan = np.repeat((page * shade)[..., None], 3, axis=2).astype(np.uint8)
    paper = examine(scan)
    assert not paper.picture.any()
    even = evened(scan, paper)
    bare = (page == 225) & (np.abs(distance - 500) > 60)
    assert (even[bare] > 240).mean() > 0.99


def test_bright_parts_of_a_photograph_are_no_paper():
    rows, columns = np.mgrid[0:500, 0:700]
    sheet = page(height=900, width=700)[0]
    photo = 60 + 25 * np.sin(rows / 50) * np.cos(columns / 70)
    sheet[:500] = photo[..., None]
    sheet[200:260, 300:380] = 215  # a lamp in it
    known = examine(sheet)
    block = known.block
    assert known.picture[: 490 // block].all() and not known.picture[600 // block :].any()


def clouds(height, width, low, high, seed=5):
    """Smooth gray patches, as in a sky."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((height // 30 + 2, width // 30 + 2))
    fine = np.kron(coarse, np.ones((30, 30)))
    for axis in (0, 1):
        fine = np.mean([np.roll(fine, k, axis) for k in range(-25, 26)], axis=0)
    fine = (fine - fine.min()) / np.ptp(fine)
    return low + (high - low) * fine[:height, :width]


def test_a_pale_photograph_on_gray_paper_is_a_picture():
    sheet = page(height=900, width=700, paper=(222, 222, 222))[0]
    sheet[:320, 60:] = clouds(320, 640, 150, 214)[..., None]
    known = examine(sheet)
    inside = known.picture[: 310 // known.block, 70 // known.block :]
    assert inside.mean() > 0.95 and not known.picture[400 // known.block :].any()


def test_a_bright_sky_over_land_is_part_of_the_picture_on_a_drawn_page():
    sheet = np.full((900, 700, 3), 255, np.uint8)
    for y in range(420, 880, 16):
        sheet[y : y + 4, 20:640] = 40
    sheet[80:230, 100:420] = clouds(150, 320, 218, 246)[..., None].astype(np.uint8)
    sheet[230:380, 100:420] = (40, 70, 30)
    assert np.array_equal(evened(sheet)[90:225, 110:410], sheet[90:225, 110:410])


def test_the_shadow_of_a_phone_is_no_picture():
    scan = page(height=900, width=700)[0].astype(np.float32)
    depth = np.linspace(0.06, 0.2, 700)[None, :, None]
    scan[:200] *= 1 - depth
    known = examine(np.clip(scan, 0, 255).astype(np.uint8))
    assert not known.picture[: 190 // known.block].any()


def test_dense_letterson_white_is_no_shade():
    sheet = np.full((1300, 1000, 3), 255, np.uint8)
    letters = np.where(np.random.default_rng(2).random((700, 900)) < 0.4, 60, 248)
    letters[np.arange(700) % 13 >= 10] = 255  # between the lines
    sheet[300:1000, 50:950] = letters[..., None]
    assert np.array_equal(evened(sheet), sheet)


def test_a_shade_on_clipped_paper_goes():
    sheet = np.full((600, 500, 3), 255, np.float32)
    for y in range(20, 580, 16):
        sheet[y : y + 4, 20:460] = 40
    gutter = 1 - 0.3 * np.exp(-np.arange(500) / 40)
    scan = (sheet * gutter[None, :, None]).astype(np.uint8)
    even = evened(scan)
    assert np.median(scan[:, 10]) < 210 and np.median(even[:, 10]) >= 252


def framed(pixels, border, lid=255):
    """A page on the lid of a scanner, as noisy as the page if it is not clipped white."""
    height, width = pixels.shape[:2]
    out = np.full((height + 2 * border, width + 2 * border, 3), lid, np.float32)
    if lid < 255:
        out += np.random.default_rng(9).normal(0, 2, out.shape)
    out = np.clip(out, 0, 255).astype(np.uint8)
    out[border:-border, border:-border] = pixels
    return out


def shaded(pixels, least=0.8):
    """The same lit from one side."""
    light = np.linspace(1, least, pixels.shape[1])[None, :, None]
    return (pixels * light).astype(np.uint8)


@pytest.mark.parametrize(("border", "lid"), [(8, 255), (40, 255), (40, 240)])
@pytest.mark.parametrize("tint", [(190, 155, 115), (110, 104, 96)])
def test_a_brown_sheet_on_a_white_lid_becomes_white(tint, border, lid):
    pixels, ink = page(height=720, width=540, paper=tint)
    even = evened(framed(shaded(pixels), border, lid))
    assert np.median(even[:border]) >= 250
    sheet = even[border:-border, border:-border]
    assert np.median(sheet[~ink], axis=0).min() >= 248
    assert np.median(sheet[ink]) < 110


def test_a_few_lines_on_a_brown_sheet_on_a_white_lid_are_no_picture():
    pixels, ink = page(height=720, width=540, paper=(190, 155, 115))
    bare = np.clip(np.random.default_rng(3).normal((190, 155, 115), 3, pixels.shape), 0, 255)
    pixels[:400], ink[:400] = bare[:400], False
    assert examine(framed(shaded(pixels, 0.9), 40)).picture.mean() < 0.05


@pytest.mark.parametrize("kind", ["photograph", "drawn tint", "printed yellow"])
def test_what_is_printed_with_a_white_margin_is_no_sheet_on_a_lid(kind):
    pixels, ink = page(height=720, width=540, paper=(190, 155, 115))
    if kind == "photograph":
        pixels = np.repeat(clouds(720, 540, 60, 190)[..., None], 3, axis=2).astype(np.uint8)
    elif kind == "drawn tint":
        pixels[~ink], pixels[ink] = (190, 155, 115), 40
    else:
        pixels, _ = page(height=720, width=540, paper=(245, 245, 130))
        pixels = shaded(pixels)
        pixels[40:140] = 255
        pixels[60:70, 80:400] = 30
        pixels[:, :40] = pixels[:40] = pixels[-40:] = (235, 40, 150)
    whole = framed(pixels, 40)
    even = evened(whole)
    assert np.abs(even[90:-90, 90:-90].astype(int) - whole[90:-90, 90:-90]).mean() < 8


def test_a_small_sheet_on_the_white_lid_of_a_scanner_is_paper():
    lid = np.full((900, 700, 3), 250, np.uint8)
    lid[200:600, 150:450] = page(height=400, width=300, paper=(236, 236, 236))[0]
    known = examine(lid)
    assert not known.picture.any()
    assert np.percentile(evened(lid)[220:580, 170:430], 75) >= 252


def test_a_small_pale_patch_is_a_stain():
    scan = page(height=900, width=700, paper=(222, 222, 222))[0]
    patch = clouds(120, 150, 190, 214)
    scan[300:420, 200:350] = np.minimum(scan[300:420, 200:350], patch[..., None])
    assert not examine(scan).picture.any()


@pytest.mark.parametrize("level", [70, 110, 150])
def test_a_worn_gray_bar_is_ink_and_no_shaded_paper(level):
    rng = np.random.default_rng(4)
    pixels = rng.normal(245, 2, (1400, 1000))
    for bar in (np.s_[300:400, 0:700], np.s_[300:1300, 600:700]):  # an angle, open to one side
        pixels[bar] = rng.normal(level, 30, pixels[bar].shape)
    pixels = np.clip(pixels, 0, 255).astype(np.uint8)
    even = evened(pixels)
    for bar in (np.s_[310:390, 20:580], np.s_[420:1280, 610:690]):
        assert abs(float(even[bar].mean()) - level) < 12
    assert even[500:, :550].mean() > 250


def test_a_stain_with_an_abrupt_outline_goes_from_under_the_text():
    y, x = np.mgrid[:700, :700]
    clean = np.where((y % 32 < 5) & (x % 14 < 6), 40, 235)
    distance = np.hypot(y - 350, x - 350)
    stained = np.where(distance < 150, clean * 0.55, clean)
    noise = np.random.default_rng(0).normal(0, 2, clean.shape)
    even = evened(np.clip(stained + noise, 0, 255).astype(np.uint8))
    assert even[(distance < 130) & (clean > 100)].mean() > 248


@pytest.mark.parametrize("level", [230, 245])
@pytest.mark.parametrize("height", [30, 60])
def test_a_gray_row_on_a_drawn_page_is_kept_and_a_stain_there_goes(level, height):
    y, x = np.mgrid[:900, :700]
    pixels = np.where((y % 40 < 5) & (x % 14 < 6) & (y > 400), 0, 255).astype(np.uint8)
    row = np.s_[100 : 100 + height, 80:600]
    pixels[row] = level
    pixels[110:116, 100:300:9] = 0
    stain = np.hypot(y - 250, x - 300) < 60
    grain = np.random.default_rng(2).normal(level - 5, 8, pixels.shape)
    pixels[stain] = np.clip(grain, 0, 255).astype(np.uint8)[stain]
    paper = examine(pixels)
    blocks = [side // paper.block for side in (100, 100 + height, 80, 600)]
    inside = paper.picture[blocks[0] + 2 : blocks[1] - 2, blocks[2] + 2 : blocks[3] - 2]
    assert inside.all()
    assert not paper.picture[200 // paper.block : 300 // paper.block].any()


@pytest.mark.parametrize("colour", [(235, 225, 200), (150, 142, 130)], ids=["cream", "dark"])
def test_paper_that_is_kept_is_even_and_of_the_colour_that_it_mostly_had(colour):
    scan, ink = page(paper=colour)
    shade = np.interp(np.arange(scan.shape[1]), [0, 160], [0.7, 1])[None, :, None]
    scan = (scan * shade).astype(np.uint8)
    cleaned = np.where(ink, 0, 255).astype(np.uint8)[..., None].repeat(3, 2)
    kept = paper_kept(scan, cleaned)
    assert np.abs(kept[~ink].astype(int) - colour).max() <= 4
    assert not kept[~ink].std(axis=0).any()
    assert not kept[ink].any()
    assert np.array_equal(paper_kept(scan, kept), kept)  # not given twice
    gray = paper_kept(scan[..., 1], cleaned[..., 1])
    assert np.abs(gray[~ink].astype(int) - colour[1]).max() <= 4


def test_what_is_no_paper_does_not_get_its_colour():
    sheet, ink = page(height=900, width=700)
    rows, columns = np.mgrid[0:300, 0:240]
    photo = 110 + 60 * np.sin(rows / 9) * np.cos(columns / 11)
    sheet[300:600, 200:440] = photo[..., None]
    ink[300:600, 200:440] = False
    cleaned = evened(sheet)
    cleaned[~ink & (cleaned.min(axis=2) > 225)] = 255
    kept = paper_kept(sheet, cleaned)
    assert (
        np.abs(kept[320:580, 220:420].mean((0, 1)) - sheet[320:580, 220:420].mean((0, 1))).max() < 2
    )
    assert np.abs(kept[20].mean(0) - (235, 225, 200)).max() < 4
    brown = shaded(page(height=720, width=540, paper=(190, 155, 115))[0])
    kept = paper_kept(framed(brown, 40), np.full((800, 620, 3), 255, np.uint8))
    assert (kept[:36] == 255).all()
    assert np.abs(kept[60:-60, 60:-60].mean((0, 1)) - np.median(brown, (0, 1))).max() < 6


def test_white_paper_that_is_kept_is_white():
    scan, ink = page(paper=(255, 255, 255))
    cleaned = np.where(ink, 40, 255).astype(np.uint8)
    assert np.array_equal(paper_kept(scan[..., 0], cleaned), cleaned)
    assert paper_kept(scan[:9, :9], scan[:9, :9]).shape == (9, 9, 3)
