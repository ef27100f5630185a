import io
import struct
import threading
from dataclasses import replace
from zlib import crc32

import numpy as np
import pytest
from PIL import Image, ImageCms

from scanclean import documents
from scanclean.config import ReadOptions, StoreOptions
from scanclean.documents import _encode, image
from scanclean.errors import InputError, OutputError, UsageError
from scanclean.page import Kept, Page

STORE = StoreOptions()
READ = ReadOptions()


def picture(width=60, height=40):
    """A colour ramp that looks different from every side."""
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([40 + 3 * x, 250 - 4 * y, 90 + 2 * x + y], axis=2)
    return Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8))


def stored(im, kind="PNG", **settings):
    file = io.BytesIO()
    im.save(file, kind, **settings)
    return file.getvalue()


def read(data, **options):
    """The only page of a picture, and the document's warnings."""
    with documents.open_document(data, "in.png", ReadOptions(**options)) as document:
        (page,) = document
        return page, document.warnings


def written(data, suffix, change=None, options=READ):
    """A picture sent through reader and writer."""
    out = io.BytesIO()
    with (
        documents.open_document(data, "in.png", options) as document,
        documents.create(out, document, suffix, STORE) as writer,
    ):
        for page in document:
            if isinstance(page, Kept):
                writer.keep(page)
            else:
                changed = replace(page, pixels=change(page.pixels)) if change else page
                writer.add(writer.encode(changed))
    return out.getvalue()


def opened(data):
    im = Image.open(io.BytesIO(data))
    im.load()
    return im


def lighter(pixels):
    return pixels // 2 + 127


def modes():
    rgb = picture()
    alpha = Image.linear_gradient("L").resize(rgb.size)
    rgba = rgb.convert("RGBA")
    rgba.putalpha(alpha)
    gray = rgb.convert("L")
    return {
        "1": gray.convert("1"),
        "L": gray,
        "LA": rgba.convert("LA"),
        "P": rgb.quantize(12),
        "RGB": rgb,
        "RGBA": rgba,
    }


LOSSLESS = [
    *[("PNG", ".png", mode) for mode in modes()],
    *[("BMP", ".bmp", mode) for mode in ("1", "L", "P", "RGB")],
    *[("PPM", ".pnm", mode) for mode in ("1", "L", "RGB")],
    *[("JPEG2000", ".jp2", mode) for mode in ("L", "LA", "RGB", "RGBA")],
]


@pytest.mark.parametrize(("kind", "suffix", "mode"), LOSSLESS)
def test_a_cleaned_picture_keeps_mode_size_and_pixels(kind, suffix, mode):
    data = stored(modes()[mode], kind)
    change = (lambda p: 255 - p) if mode == "1" else lighter
    page, _ = read(data)
    after = opened(written(data, suffix, change))
    assert (after.mode, after.size) == (mode, (60, 40))
    again, _ = read(written(data, suffix, change))
    assert np.abs(again.pixels.astype(int) - change(page.pixels)).max() <= (1 if "A" in mode else 0)


@pytest.mark.parametrize(
    ("kind", "suffix"), [("PNG", ".png"), ("JPEG", ".jpg"), ("WEBP", ".webp"), ("BMP", ".bmp")]
)
def test_an_unchanged_picture_goes_out_byte_for_byte(kind, suffix):
    data = stored(picture(), kind)
    assert written(data, suffix) == data


def test_deep_gray_is_scaled_and_said():
    deep = Image.fromarray(np.asarray(picture().convert("L")).astype(np.uint16) * 257)
    page, warnings = read(stored(deep))
    assert np.array_equal(page.pixels, np.asarray(picture().convert("L")))
    assert "8 bits" in "".join(warnings)


def test_transparency_lies_on_white_and_comes_back():
    im = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    im.putpixel((1, 1), (10, 20, 30, 255))
    page, _ = read(stored(im))
    assert page.pixels[0, 0].tolist() == [255] * 3
    assert page.pixels[1, 1].tolist() == [10, 20, 30]
    after = opened(written(stored(im), ".png", lambda p: np.where(p < 255, p + 5, p)))
    assert after.getpixel((0, 0))[3] == 0
    assert after.getpixel((1, 1)) == (15, 25, 35, 255)


@pytest.mark.parametrize("depth", [1, 16])
def test_a_gray_that_stands_for_transparency_lies_on_white_and_comes_back(depth):
    seen = np.asarray(picture().convert("L").point(lambda level: 255 * (level > 128)))
    im = Image.fromarray(seen.astype(np.uint16) * 257) if depth == 16 else Image.fromarray(seen)
    data = stored(im.convert("1") if depth == 1 else im, transparency=0)
    if depth == 16:  # Pillow does not write the chunk: length, name, level, sum
        chunk = b"tRNS" + struct.pack(">H", 0)
        at = data.index(b"IDAT") - 4
        data = (
            data[:at] + struct.pack(">I", 2) + chunk + struct.pack(">I", crc32(chunk)) + data[at:]
        )
    page, _ = read(data)
    assert (page.pixels == 255).all()
    after = opened(written(data, ".png", lambda p: p - 9)).convert("LA")
    assert np.array_equal(np.asarray(after)[..., 1], seen)


def test_deep_gray_keeps_its_profile():
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[16:20] = b"GRAY"
    deep = Image.fromarray(np.asarray(picture().convert("L")).astype(np.uint16) * 257)
    after = opened(written(stored(deep, icc_profile=bytes(profile)), ".png", lambda p: p // 2))
    assert after.info["icc_profile"] == bytes(profile)


def test_transparency_lost_in_a_jpeg_is_said():
    im = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    page, _ = read(stored(im))
    with image.open(stored(im), "in", ReadOptions()) as document:
        writer = image.create(io.BytesIO(), document, ".jpg", STORE)
        assert "transparency" in writer.encode(page).warnings[0]


def test_palette_with_too_many_colours_becomes_rgb():
    rng = np.random.default_rng(0)
    data = stored(picture(200, 100).quantize(200))
    noisy = written(data, ".png", lambda p: rng.integers(0, 256, p.shape).astype(np.uint8))
    assert opened(noisy).mode == "RGB"


def test_black_and_white_palette_is_bitonal():
    page, _ = read(stored(picture().convert("1").convert("P")))
    assert page.bitonal
    assert page.pixels.ndim == 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(orientation):
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # numbers of Image.Transpose
    upright = picture()
    lying = upright.transpose(undo[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[274] = orientation
    data = stored(lying, exif=exif, dpi=(200, 100))
    page, warnings = read(data)
    assert np.array_equal(page.pixels, np.asarray(upright))
    assert np.allclose(page.dpi, (100, 200) if orientation > 4 else (200, 100), atol=0.1)
    assert not warnings
    after = opened(written(data, ".png", lighter))
    assert after.size == upright.size
    assert after.getexif()[274] == 1


@pytest.mark.parametrize("orientation", [0, 9])
def test_impossible_orientation_is_repaired_and_said(orientation):
    exif = Image.Exif()
    exif[274] = orientation
    exif[271] = "Maker"
    data = stored(picture(), "JPEG", exif=exif, dpi=(300, 300))
    page, warnings = read(data)
    assert page.pixels.shape == (40, 60, 3)
    assert "orientation" in "".join(warnings)
    after = opened(written(data, ".jpg")).getexif()
    assert (after[274], after[271]) == (1, "Maker")


def test_thumbnail_of_the_old_picture_goes():
    small = stored(picture(16, 8), "JPEG")
    exif = Image.Exif()
    exif[274], exif[271] = 1, "Maker"
    block = bytearray(exif.tobytes())
    # The offset of a second directory stands behind the entries of the first.
    at = 6 + 8 + 2 + 12 * 2
    block[at : at + 4] = struct.pack(">I" if block[6:8] == b"MM" else "<I", len(block) - 6)
    order = ">" if block[6:8] == b"MM" else "<"
    start = len(block) - 6 + 2 + 24 + 4
    block += struct.pack(order + "HHHIIHHIII", 2, 513, 4, 1, start, 514, 4, 1, len(small), 0)
    data = stored(picture(), "JPEG", exif=bytes(block) + small)
    assert small in data
    after = written(data, ".jpg", lighter)
    assert small not in after
    assert opened(after).getexif()[271] == "Maker"


@pytest.mark.parametrize("after", [".png", ".jpg", ".tif", ".webp"])
@pytest.mark.parametrize("before", ["PNG", "JPEG", "TIFF"])
def test_names_and_makers_go_to_every_kind_that_has_a_place_for_them(before, after):
    exif = Image.Exif()
    exif[270], exif[271] = "Größe".encode(), "Maker"
    packet = {"xmp": PACKET} if before == "JPEG" else {}
    data = stored(picture(), before, dpi=(99, 99), exif=exif, **packet)
    made = written(data, after, lighter)
    tags = opened(made).getexif()
    assert (tags[270].encode("latin-1").decode(), tags[271]) == ("Größe", "Maker")
    assert (b"<dc:title>a title" in made) == (before == "JPEG")


PACKET = (
    b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:Description xmlns:dc='d' xmlns:xmp='p'>"
    b"<dc:title>a title</dc:title><xmp:Thumbnails>OLD</xmp:Thumbnails></rdf:Description>"
    b"</x:xmpmeta>"
)


def test_words_too_long_for_a_jpeg_are_left_out_and_said():
    data = stored(picture(), "TIFF", dpi=(99, 99), tiffinfo={270: "long " * 20_000})
    _, warnings = read(data)
    assert "too large" in "".join(warnings)
    assert opened(written(data, ".jpg", lighter)).size == (60, 40)


def test_what_stands_between_two_thumbnails_stays():
    packet = PACKET.replace(b"<xmp:Thumbnails>", b"<xmp:Thumbnails/><b>kept</b><xmp:Thumbnails>")
    after = written(stored(picture(), "JPEG", dpi=(99, 99), xmp=packet), ".jpg", lighter)
    assert b"<b>kept</b>" in after and b"Thumbnails" not in after


def test_pictures_of_the_old_page_go_out_of_the_metadata():
    data = stored(picture(), "JPEG", dpi=(99, 99), xmp=PACKET)
    after = written(data, ".jpg", lighter)
    assert b"OLD" in data and b"OLD" not in after and b"<dc:title>a title" in after


@pytest.mark.parametrize(
    ("kind", "suffix"), [("PNG", ".png"), ("JPEG", ".jpg"), ("BMP", ".bmp"), ("WEBP", ".webp")]
)
def test_resolution_is_carried(kind, suffix):
    exif = Image.Exif()
    exif[282], exif[283], exif[296] = 200.0, 150.0, 2
    data = stored(picture(), kind, dpi=(200, 150), exif=exif)
    page, warnings = read(written(data, suffix, lighter))
    assert np.allclose(page.dpi, (200, 150), atol=0.1)
    assert not warnings


def test_jpeg_2000_carries_resolution_and_profile():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    first = written(stored(picture(), dpi=(600, 1200), icc_profile=profile), ".jp2")
    again = written(first, ".jp2", lighter)
    page, warnings = read(again)
    assert np.allclose(page.dpi, (600, 1200), atol=0.1)
    assert page.origin.icc == profile
    assert not warnings


@pytest.mark.parametrize("dpi", [None, (1, 1), (20000, 20000)])
def test_missing_or_absurd_resolution_is_replaced_and_said(dpi):
    page, warnings = read(stored(picture(), "JPEG", **({"dpi": dpi} if dpi else {})), dpi=150)
    assert page.dpi == (150, 150)
    assert "dpi" in "".join(warnings)


def test_resolution_invented_for_exif_is_not_believed():
    exif = Image.Exif()
    exif[271] = "Maker"
    page, warnings = read(stored(picture(), "JPEG", exif=exif))
    assert page.dpi == (300, 300)
    assert "dpi" in "".join(warnings)


def test_profile_is_carried():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = stored(picture(), icc_profile=profile)
    assert read(data)[0].origin.icc == profile
    assert opened(written(data, ".jpg", lighter)).info["icc_profile"] == profile
    assert "icc_profile" not in opened(written(data, ".png", lambda p: p[..., 0])).info


def test_cmyk_becomes_declared_srgb_and_white_stays_white():
    im = Image.new("CMYK", (32, 32), (0, 0, 0, 0))
    im.paste((0, 200, 200, 0), (0, 0, 16, 32))
    data = stored(im, "JPEG", quality=95, dpi=(100, 100))
    page, warnings = read(data)
    assert "CMYK" in "".join(warnings)
    assert page.pixels[16, 28].min() >= 254
    assert np.abs(page.pixels[16, 4].astype(int) - [255, 55, 55]).max() < 6
    after = opened(written(data, ".jpg", lambda p: np.minimum(p, 254)))
    assert after.mode == "RGB"
    assert after.info["icc_profile"][16:20] == b"RGB "


def test_jpeg_stays_about_as_large_and_as_good():
    rng = np.random.default_rng(1)
    noisy = Image.fromarray(rng.integers(90, 160, (200, 200, 3)).astype(np.uint8))
    data = stored(noisy, "JPEG", quality=93, subsampling=2)
    after = written(data, ".jpg", lambda p: np.maximum(p, 91))
    assert 0.85 < len(after) / len(data) < 1.1
    assert read(after)[0].origin.subsampling == 2


def test_webp_stays_lossless():
    data = stored(picture(), "WEBP", lossless=True)
    page, _ = read(written(data, ".webp", lighter))
    assert page.origin.lossless
    assert np.array_equal(page.pixels, lighter(np.asarray(picture())))
    assert not read(stored(picture(), "WEBP"))[0].origin.lossless


def test_too_large_is_refused_whatever_the_host_allows(monkeypatch):
    data = stored(Image.new("L", (2000, 1000)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert read(data)[0].pixels.shape == (1000, 2000)
    assert Image.MAX_IMAGE_PIXELS == 1000
    with pytest.raises(InputError, match="2.0 mpixel") as caught:
        read(data, max_mpixels=1.5)
    assert "--max-mpixels 3" in caught.value.hint


def test_a_part_of_a_picture_goes_out_as_a_whole_file():
    rng = np.random.default_rng(0)
    noisy = Image.fromarray(rng.integers(1, 255, (300, 300, 3)).astype(np.uint8))
    data = stored(noisy)[:150_000]
    page, _ = read(data)
    assert isinstance(page, Kept)
    assert page.action == "copied"
    after = np.asarray(opened(written(data, ".png")))
    assert np.array_equal(after[:100], np.asarray(noisy)[:100])
    with pytest.raises(InputError, match="damaged"):
        read(data, strict=True)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "JPEG2000", "PPM"])
def test_a_picture_cut_off_in_its_header_is_an_input_error(kind):
    with pytest.raises(InputError, match="in.png"):
        read(stored(picture(), kind)[:22])


def test_words_are_no_picture():
    for words in (b"BMW and Audi are cars." * 9, b"P5 is a gene", b"These are only words."):
        assert not image.recognises(words)
    with pytest.raises(InputError, match="neither a PDF nor a picture"):
        documents.open_document(b"BMW and Audi", "text.png", ReadOptions())


def test_pages_option_leaves_the_picture_alone():
    data = stored(picture())
    assert read(data, pages=((2, None),))[0].action == "skipped"
    assert written(data, ".png", lighter, ReadOptions(pages=((2, None),))) == data


def test_pictures_that_phones_hide_in_a_jpeg_are_named():
    small = picture().resize((30, 20))
    data = stored(picture(), "MPO", save_all=True, append_images=[small])
    page, warnings = read(data)
    assert page.pixels.shape == (40, 60, 3)
    assert any("gain maps" in words for words in warnings)
    assert not any("gain maps" in words for words in read(stored(picture(), "JPEG"))[1])


def test_an_animation_is_left_alone():
    frames = [picture(), Image.new("RGB", (60, 40))]
    data = stored(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    assert read(data)[0].action == "skipped"
    assert written(data, ".webp") == data


def test_an_existing_file_is_not_overwritten(tmp_path):
    target = tmp_path / "out.png"
    target.write_text("mine")
    with image.open(stored(picture()), "in", ReadOptions()) as document:
        with pytest.raises(OutputError, match="exists"):
            image.create(target, document, ".png", STORE).__enter__()
        with image.create(target, document, ".png", StoreOptions(force=True)) as writer:
            writer.add(writer.encode(next(iter(document))))
    assert opened(target.read_bytes()).size == (60, 40)


def test_an_error_leaves_nothing(tmp_path):
    with (
        image.open(stored(picture()), "in", ReadOptions()) as document,
        pytest.raises(ValueError, match="stop"),
        image.create(tmp_path / "out.png", document, ".png", STORE) as writer,
    ):
        writer.add(writer.encode(next(iter(document))))
        raise ValueError("stop")
    assert not list(tmp_path.iterdir())


def test_too_wide_for_webp_is_an_output_error():
    page = Page(0, np.zeros((1, 17000), np.uint8), (300, 300))
    with image.open(stored(picture()), "in", ReadOptions()) as document:
        writer = image.create(io.BytesIO(), document, ".webp", STORE)
        with pytest.raises(OutputError, match="17000 x 1"):
            writer.encode(page)


def test_encode_gives_the_same_bytes_in_any_thread():
    page, _ = read(stored(picture(), "JPEG"))
    page = replace(page, pixels=lighter(page.pixels))
    made = []
    with image.open(stored(picture(), "JPEG"), "in", ReadOptions()) as document:
        for suffix in (".png", ".jpg", ".webp", ".jp2", ".tif"):

            def work(suffix=suffix):
                made.append(_encode.encoded(page, document, suffix, STORE).payload)

            threads = [threading.Thread(target=work) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(set(made[-3:])) == 1


class Book:
    """A document of several pages of another kind."""

    def __init__(self, name="book.pdf", pages=3):
        self.name, self.warnings, self.suffix = name, [], ".pdf"
        self.pages = pages

    def __len__(self):
        return self.pages

    def render(self, index):
        return Page(index, np.full((5, 7), 10 * index, np.uint8), (72, 72))


def fill(writer, book):
    for index in range(len(book)):
        if index == 1:
            writer.keep(Kept(index, "kept", "no scan"))
        else:
            writer.add(writer.encode(book.render(index)))


@pytest.mark.parametrize(
    ("place", "names"),
    [
        ("out", ["book-001.png", "book-002.png", "book-003.png"]),
        ("new/%02d.png", ["01.png", "02.png", "03.png"]),
        ("100%%-%d.png", ["100%-1.png", "100%-2.png", "100%-3.png"]),
    ],
)
def test_numbered_files_appear_together(tmp_path, place, names):
    book = Book()
    writer = image.create_numbered(tmp_path / place, book, ".png", STORE)
    with writer:
        fill(writer, book)
        assert not list(tmp_path.rglob("*.png"))
    found = sorted(p for p in tmp_path.rglob("*") if p.is_file())
    assert [p.name for p in found] == names
    assert [opened(p.read_bytes()).getpixel((0, 0)) for p in found] == [0, 10, 20]


@pytest.mark.parametrize("place", ["%d-%d.png", "%s.png", "plain.png", "%x%d.png"])
def test_numbered_name_needs_one_place_for_the_number(tmp_path, place):
    with pytest.raises(UsageError, match="exactly one place"):
        image.create_numbered(tmp_path / place, Book(), ".png", STORE)


def test_numbered_files_are_refused_before_any_work(tmp_path):
    (tmp_path / "book-003.png").write_text("mine")
    with pytest.raises(OutputError, match="book-003.png: exists"):
        image.create_numbered(tmp_path, Book(), ".png", STORE)


def test_numbered_files_all_or_none(tmp_path):
    book = Book()
    with (
        pytest.raises(OutputError, match="exists"),
        image.create_numbered(tmp_path, book, ".png", STORE) as writer,
    ):
        fill(writer, book)
        (tmp_path / "book-002.png").write_text("somebody else's")
    assert [p.name for p in tmp_path.iterdir()] == ["book-002.png"]
    assert (tmp_path / "book-002.png").read_text() == "somebody else's"


def test_numbered_files_leave_nothing_on_error(tmp_path):
    with (
        pytest.raises(KeyboardInterrupt),
        image.create_numbered(tmp_path, Book(), ".png", STORE) as writer,
    ):
        fill(writer, Book())
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_several_pages_do_not_fit_one_picture():
    with pytest.raises(UsageError, match="3 pages"):
        image.create(io.BytesIO(), Book(), ".png", STORE)


def test_a_page_that_cannot_be_drawn_is_said():
    class Plain:
        name, suffix, warnings = "book.pdf", ".pdf", []

        def __len__(self):
            return 1

        def render(self, index, most=None):
            raise InputError("torn")

    with (
        pytest.raises(OutputError, match="cannot be stored"),
        image.create(io.BytesIO(), Plain(), ".png", STORE) as writer,
    ):
        writer.keep(Kept(0, "kept", "no scan"))


def restored(data, change, suffix, **store):
    """A picture with other pixels: its bytes, and what is said about it."""
    page, _ = read(data)
    page = replace(page, pixels=change(page.pixels))
    return _encode.encode(page, suffix, StoreOptions(**store))


def test_coarse_jpeg_does_not_grow_when_it_is_stored_again(noise):
    data = stored(Image.fromarray(noise(200, 200, 3)), "JPEG", quality=40)
    made, words = restored(data, np.flipud, ".jpg")
    assert len(made) <= 1.02 * len(data) and not words
    assert len(restored(data, np.flipud, ".png")[0]) > 2 * len(data)  # another kind: no budget


def test_jpeg_that_cannot_be_held_small_is_stored_as_small_as_it_may_be_and_told(noise):
    data = stored(picture(400, 400), "JPEG", quality=60)
    made, words = restored(data, lambda pixels: noise(*pixels.shape), ".jpg")
    assert "grows from" in words[0] and "lowest quality" in words[0]
    assert restored(data, lambda pixels: noise(*pixels.shape), ".jpg", max_growth=1000)[1] == ()


def test_palette_picture_that_needs_all_colours_says_that_it_grows(noise):
    colours = Image.fromarray(noise(200, 200, 3)).quantize(16)
    data = stored(colours)
    made, (words,) = restored(data, lambda pixels: noise(*pixels.shape), ".png")
    assert f"picture grows from {len(data) / 1000:.1f} kB" in words and words.endswith("as PNG")


@pytest.mark.parametrize(
    ("suffix", "magic", "mode"),
    [(".ppm", b"P6", "RGB"), (".pgm", b"P5", "L"), (".pbm", b"P4", "1")],
)
def test_portable_maps_are_what_their_names_say(suffix, magic, mode):
    pixels = np.full((20, 30, 3), (200, 40, 40), np.uint8)
    data, _ = _encode.encode(Page(0, pixels, (300.0, 300.0)), suffix, StoreOptions())
    assert data.startswith(magic)
    assert Image.open(io.BytesIO(data)).mode == mode


def test_a_colour_map_that_needs_no_cleaning_is_gray_under_the_name_of_a_gray_one():
    data = stored(Image.new("RGB", (30, 20), (200, 40, 40)), "PPM")
    for suffix, magic in ((".ppm", b"P6"), (".pgm", b"P5"), (".pbm", b"P4")):
        with documents.open_document(data, "t", READ) as document:
            (page,) = document
            made = _encode.kept(
                document, Kept(page.index, "unchanged", "clean"), suffix, StoreOptions()
            )
        assert made.startswith(magic)


def test_captions_and_comments_of_a_jpeg_stay(noise):
    iptc = b"\x1c\x02\x78\x00\x07Caption"
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc
    thumbnail = b"8BIM\x04\x0c\0\0" + struct.pack(">I", 4) + b"old!"
    segment = b"Photoshop 3.0\0" + resource + thumbnail
    extra = b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment
    data = stored(Image.fromarray(noise(80, 60)), "JPEG", extra=extra, comment="shelf 12")
    made, _ = restored(data, np.flipud, ".jpg")
    with Image.open(io.BytesIO(made)) as picture:
        assert picture.info["photoshop"] == {0x0404: iptc}
        assert picture.info["comment"] == b"shelf 12"
