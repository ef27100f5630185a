import io

import numpy as np
import pikepdf
import pymupdf
import pytest

from scanclean import plugins
from scanclean.codecs import _jbig2, codec
from scanclean.codecs.jpeg import MAX_SIDE

SIZES = [(1, 1), (3, 5), (40, 33), (17, 201)]


def noise(height, width, channels=1, seed=0):
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def smooth(height, width, channels=1):
    y, x = np.mgrid[0:height, 0:width]
    gray = (120 + 80 * np.sin(x / 19) * np.cos(y / 23)).astype(np.uint8)
    return gray if channels == 1 else np.stack([gray, gray // 2 + 60, 255 - gray], axis=-1)


def black_and_white(height, width, seed=0):
    return np.where(noise(height, width, seed=seed) > 100, 255, 0).astype(np.uint8)


def pdf_with(stream):
    pdf = pikepdf.new()
    picture = pdf.make_stream(stream.data)
    picture.Type = pikepdf.Name.XObject
    picture.Subtype = pikepdf.Name.Image
    picture.Width, picture.Height = stream.width, stream.height
    picture.BitsPerComponent = stream.bits
    picture.ColorSpace = pikepdf.Object.parse(stream.color_space.encode())
    picture.Filter = pikepdf.Name("/" + stream.filter)
    if stream.decode_parms:
        picture.DecodeParms = pikepdf.Object.parse(stream.decode_parms.encode())
    pdf.add_blank_page(page_size=(100, 100))
    pdf.pages[0].Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=picture))
    file = io.BytesIO()
    pdf.save(file, compress_streams=False)
    return file.getvalue()


def decoded(stream):
    """The picture as a PDF viewer decodes it."""
    document = pymupdf.open(stream=pdf_with(stream), filetype="pdf")
    (entry,) = document[0].get_images()
    pixmap = pymupdf.Pixmap(document, entry[0])
    pixels = np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.width, -1)
    return pixels[..., 0] if pixels.shape[2] == 1 else pixels


@pytest.mark.parametrize("name", plugins.names("codecs"))
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_size_survives_in_a_pdf(name, size, channels):
    stream = codec(name).encode(smooth(*size, channels), 80)
    assert (stream.height, stream.width) == size
    assert decoded(stream).shape[:2] == size


@pytest.mark.parametrize("name", plugins.names("codecs"))
def test_lossless_flag_is_true(name):
    pixels = black_and_white(50, 70)
    stream = codec(name).encode(pixels, 100)
    if stream.lossless:
        assert np.array_equal(decoded(stream), pixels)
    assert stream.lossless == (name != "jpeg")


@pytest.mark.parametrize("name", ["jpeg", "jp2"])
@pytest.mark.parametrize("channels", [1, 3])
def test_lossy_codecs_stay_close(name, channels):
    pixels = smooth(120, 160, channels)
    stream = codec(name).encode(pixels, 85)
    assert not stream.lossless
    assert np.abs(decoded(stream).astype(int) - pixels).mean() < 4


@pytest.mark.parametrize("name", ["jpeg", "jp2"])
def test_quality_trades_size(name):
    pixels = noise(100, 100) // 4 + smooth(100, 100) // 2
    sizes = [len(codec(name).encode(pixels, quality).data) for quality in (30, 60, 90)]
    assert sizes == sorted(sizes) and sizes[0] < sizes[2]


@pytest.mark.parametrize("channels", [1, 3])
def test_jp2_is_exact_at_full_quality(channels):
    pixels = noise(33, 47, channels)
    assert np.array_equal(decoded(codec("jp2").encode(pixels, 100)), pixels)


@pytest.mark.parametrize(
    ("count", "bits"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 4), (16, 4), (17, 8), (256, 8)]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_png_palette_is_exact_and_as_narrow_as_can_be(count, bits, channels):
    table = np.random.default_rng(1).choice(256, count, replace=False).astype(np.uint8)
    index = np.arange(40 * 51).reshape(40, 51) % count
    pixels = table[index]
    if channels == 3:
        pixels = np.stack([pixels, 255 - pixels, pixels // 3], axis=-1)
    stream = codec("png").encode(pixels, 1)
    assert stream.bits == bits
    assert np.array_equal(decoded(stream), pixels)


@pytest.mark.parametrize("channels", [1, 3])
def test_png_is_exact_beyond_palettes(channels):
    pixels = noise(60, 45, channels)
    stream = codec("png").encode(pixels, 1)
    assert "Indexed" not in stream.color_space
    assert np.array_equal(decoded(stream), pixels)


def test_g4_decodes_the_same_elsewhere():
    pixels = black_and_white(31, 77, seed=3)
    stream = codec("g4").encode(pixels, 1)
    with pikepdf.open(io.BytesIO(pdf_with(stream))) as pdf:
        image = pikepdf.PdfImage(pdf.pages[0].Resources.XObject.Im0).as_pil_image()
    assert np.array_equal(np.asarray(image.convert("L")), pixels)


def sparse(height, width):
    return np.where(noise(height, width, seed=5) > 3, 255, 0).astype(np.uint8)


@pytest.mark.parametrize("size", [*SIZES, (300, 200)], ids=str)
@pytest.mark.parametrize(
    "draw",
    [
        black_and_white,
        sparse,
        lambda *size: np.full(size, 255, np.uint8),
        lambda *size: np.zeros(size, np.uint8),
        lambda *size: np.repeat(black_and_white(size[0], 1), size[1], axis=1),
    ],
    ids=["noise", "sparse", "white", "black", "rows"],
)
def test_jbig2_is_exact(draw, size):
    pixels = draw(*size)
    assert np.array_equal(decoded(_jbig2.encode(pixels)), pixels)


def test_jbig2_is_smaller_than_g4():
    pixels = sparse(300, 400)
    assert len(_jbig2.encode(pixels).data) < 0.8 * len(codec("g4").encode(pixels, 1).data)


def test_g4_is_one_strip_however_tall():
    pixels = black_and_white(3000, 40)
    assert np.array_equal(decoded(codec("g4").encode(pixels, 1)), pixels)


def test_g4_says_when_it_loses_something():
    assert not codec("g4").encode(smooth(20, 20), 1).lossless


def test_jpeg_keeps_coloured_letters_sharp():
    page = np.full((80, 80, 3), 255, np.uint8)
    page[:, ::6] = (200, 0, 0)
    chroma = decoded(codec("jpeg").encode(page, 80)).astype(int)
    assert np.abs(chroma - page).mean() < 8


def test_jpeg_refuses_what_it_cannot_hold():
    with pytest.raises(ValueError, match="pixels a side"):
        codec("jpeg").encode(np.zeros((1, MAX_SIDE + 1), np.uint8), 80)


@pytest.mark.parametrize("name", plugins.names("codecs"))
def test_same_pixels_same_bytes(name):
    pixels = smooth(64, 64, 3)
    assert codec(name).encode(pixels, 70) == codec(name).encode(pixels, 70)
