"""PDF pages as pictures look as a viewer shows them; MuPDF draws what is compared with."""

import io
from dataclasses import replace

import numpy as np
import pikepdf
import pymupdf
import pytest
from PIL import Image

from scanclean.config import ReadOptions, StoreOptions
from scanclean.documents import create, open_document
from scanclean.documents.image import create_numbered
from scanclean.page import Kept


def pictures(data, folder, change, pages=None):
    """What `-o folder/` makes of a PDF: the pictures in order."""
    folder.mkdir()
    with (
        open_document(data, "in.pdf", ReadOptions(pages=pages)) as document,
        create_numbered(folder, document, ".png", StoreOptions()) as writer,
    ):
        for item in document:
            if isinstance(item, Kept):
                writer.keep(item)
            else:
                writer.add(writer.encode(change(item)))
    return [np.asarray(Image.open(file).convert("RGB")) for file in sorted(folder.iterdir())]


def inverted(page):
    return replace(page, pixels=255 - page.pixels)


def shown(data, number, dpi=72):
    """A page as MuPDF shows it."""
    page = pymupdf.open(stream=data, filetype="pdf")[number]
    pixmap = page.get_pixmap(dpi=dpi)
    return np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.width, 3)


def with_stamp(page):
    page.insert_text((20, 40), "PAID", fontsize=30, color=(1, 0, 0))


def with_note(page):
    page.add_rect_annot((20, 20, 80, 60)).update()


ADDED = {"nothing": lambda page: None, "text": with_stamp, "a note": with_note}


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("added", ADDED.values(), ids=ADDED)
def test_a_picture_is_the_page_as_its_pdf_is_shown(draw, tool, tmp_path, added, rotation):
    pdf = pymupdf.open(stream=draw.scan_pdf(), filetype="pdf")
    pdf[0].set_rotation(rotation)
    added(pdf[0])
    data = pdf.tobytes()
    (picture,) = pictures(data, tmp_path / "out", inverted)
    expected = shown(tool.cleaned(data, inverted, store=StoreOptions(codec="png")), 0)
    assert picture.shape == expected.shape
    assert np.abs(picture.astype(int) - expected).mean() < 1


def test_a_page_that_shows_a_scan_alone_is_that_scan_to_the_pixel(draw, tmp_path):
    pixels = draw.paper(211, 307)
    pdf = pikepdf.new()
    draw.add_page(pdf, draw.place(), {"Im0": draw.picture(pdf, pixels)}).Rotate = 90
    (picture,) = pictures(draw.saved(pdf), tmp_path / "out", inverted)
    assert np.array_equal(picture, np.rot90(255 - pixels, -1))


HIDING = {
    "crop box": (lambda page: setattr(page, "CropBox", pikepdf.Array([0, 40, 120, 160])), ""),
    "window": (lambda page: None, "0 40 120 120 re W n "),
    "larger page": (lambda page: setattr(page, "MediaBox", pikepdf.Array([0, 0, 140, 160])), ""),
}


@pytest.mark.parametrize(("change", "window"), HIDING.values(), ids=HIDING)
def test_what_a_page_hides_of_its_scan_is_in_no_picture(draw, tmp_path, tool, change, window):
    pdf = pikepdf.new()
    content = window + draw.place()
    change(draw.add_page(pdf, content, {"Im0": draw.picture(pdf, draw.paper(120, 160))}))
    data = draw.saved(pdf)
    (picture,) = pictures(data, tmp_path / "out", inverted)
    expected = shown(tool.cleaned(data, inverted, store=StoreOptions(codec="png")), 0)
    assert picture.shape == expected.shape
    assert np.abs(picture.astype(int) - expected).mean() < 1


def test_facing_pages_are_one_picture(draw, tmp_path, tool):
    pdf = pikepdf.new()
    halves = {name: draw.picture(pdf, draw.paper(58, 160, seed=n)) for n, name in enumerate("AB")}
    content = draw.place("A", 58, 160, 0, 0) + draw.place("B", 58, 160, 62, 0)
    draw.add_page(pdf, content, halves)
    data = draw.saved(pdf)
    (picture,) = pictures(data, tmp_path / "out", inverted)
    expected = shown(tool.cleaned(data, inverted, store=StoreOptions(codec="png")), 0)
    assert np.abs(picture.astype(int) - expected).mean() < 1


@pytest.mark.parametrize("pages", [None, ((1, 1), (3, 3))])
def test_a_scan_that_several_pages_show_is_clean_on_each(draw, tmp_path, pages):
    pdf = pikepdf.new()
    image = draw.picture(pdf, draw.paper())
    for _ in range(3):
        draw.add_page(pdf, draw.place(), {"Im0": image})
    made = pictures(draw.saved(pdf), tmp_path / "out", inverted, pages)
    clean = [picture.mean() < 128 for picture in made]
    assert clean == ([True] * 3 if not pages else [True, False, True])


def test_a_tiff_has_a_frame_for_each_page(draw):
    pdf = pymupdf.open(stream=draw.scan_pdf(2), filetype="pdf")
    with_stamp(pdf[1])
    out = io.BytesIO()
    with (
        open_document(pdf.tobytes(), "in.pdf", ReadOptions()) as document,
        create(out, document, ".tif", StoreOptions()) as writer,
    ):
        for item in document:
            writer.add(writer.encode(item))
    frames = Image.open(io.BytesIO(out.getvalue()))
    assert frames.n_frames == 2
    frames.seek(1)
    red = np.asarray(frames.convert("RGB")).astype(int)
    assert ((red[..., 0] - red[..., 1]) > 100).sum() > 50


@pytest.mark.parametrize(("color", "mode"), [((0, 0, 0), "1"), ((1, 0, 0), "RGB")])
def test_a_black_and_white_scan_with_black_text_on_it_is_black_and_white(
    draw, tmp_path, color, mode
):
    pdf = pikepdf.new()
    tones = draw.bars()
    image = draw.picture(pdf, tones, data=draw.packed(tones), bits=1)
    draw.add_page(pdf, draw.place(), {"Im0": image})
    with pymupdf.open(stream=draw.saved(pdf)) as stamped:
        stamped[0].insert_text((20, 40), "PAID", fontsize=30, color=color)
        pictures(stamped.tobytes(), tmp_path / "out", inverted)
    (made,) = (tmp_path / "out").iterdir()
    with Image.open(made) as picture:
        assert picture.mode in (mode, "P" if mode == "RGB" else mode)
