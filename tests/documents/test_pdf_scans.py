import io
from dataclasses import replace

import pikepdf
import pytest

from scanclean.config import ReadOptions
from scanclean.documents.pdf import open as open_pdf
from scanclean.page import Kept, Page


@pytest.fixture
def found(draw):
    """What a page with these pictures holds; `content` paints them, all on 120 x 160 points."""

    def of(content, sizes, prepare=None):
        pdf = pikepdf.new()
        pictures = {
            name: draw.picture(pdf, draw.paper(*size, seed=n))
            for n, (name, size) in enumerate(sizes.items())
        }
        page = draw.add_page(pdf, content, pictures)
        if prepare:
            prepare(pdf, page)
        with open_pdf(draw.saved(pdf), "t.pdf", ReadOptions()) as document:
            return list(document)

    return of


def only(items):
    (item,) = items
    return item


def test_picture_over_the_page_is_a_scan(found, draw):
    page = only(found(draw.place(), {"Im0": (60, 80)}))
    assert isinstance(page, Page)
    assert page.dpi == pytest.approx((36, 36))


def test_margin_is_allowed(found, draw):
    assert isinstance(only(found(draw.place("Im0", 100, 130, 10, 15), {"Im0": (60, 80)})), Page)


@pytest.mark.parametrize("beside", ["10 90 40 1 re f", "BT /F1 8 Tf 10 100 Td (Fig. 1) Tj ET"])
def test_figure_is_none(found, draw, beside):
    kept = only(found(f"{draw.place('Im0', 60, 60, 10, 15)} {beside}", {"Im0": (60, 60)}))
    assert (kept.action, kept.reason) == ("kept", "no scan: its pictures are figures")


@pytest.mark.parametrize(("side", "scan"), [(60, True), (45, True), (40, False)])
def test_a_small_picture_alone_on_a_page_is_a_scan(found, draw, side, scan):
    item = only(found(draw.place("Im0", side, side, 10, 15), {"Im0": (60, 60)}))
    assert isinstance(item, Page) == scan


WINDOWS = [
    ("10 10 30 30 re W n", False),  # a small window
    ("q 10 10 30 30 re W n Q", True),  # no longer there
    ("0 0 120 160 re W n", True),
    ("10 10 m 40 10 l 40 40 l h W* n", False),
    ("10 10 30 30 re f", True),  # painted, not a window
    (".5 0 0 .5 0 0 cm 0 0 60 60 re W n 2 0 0 2 0 0 cm", False),
    ("10 10 80 150 re W n 70 10 30 150 re W n", False),  # one within another
    ("10 10 30 30 re 0 0 110 150 re W n", True),  # the box around both
]


@pytest.mark.parametrize(("window", "scan"), WINDOWS)
def test_a_picture_counts_as_far_as_it_is_seen(found, draw, window, scan):
    item = only(found(f"{window} {draw.place()}", {"Im0": (60, 80)}))
    assert isinstance(item, Page) == scan


@pytest.mark.parametrize(("box", "scan"), [((0, 0, 30, 30), False), ((0, 0, 120, 160), True)])
def test_a_picture_in_a_form_is_seen_within_its_box(found, draw, box, scan):
    def wrap(pdf, page):
        form = pdf.make_stream(draw.place().encode(), Resources=page.Resources, BBox=list(box))
        form.Type, form.Subtype = pikepdf.Name.XObject, pikepdf.Name.Form
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(F=form))
        page.Contents = pdf.make_stream(b"/F Do")

    assert isinstance(only(found("", {"Im0": (60, 80)}, wrap)), Page) == scan


@pytest.mark.parametrize(
    ("content", "reason"), [("", "blank page"), ("(words) Tj", "no scan: text or drawings")]
)
def test_page_without_picture_is_kept(found, content, reason):
    kept = only(found(content, {}))
    assert (kept.action, kept.reason) == ("kept", reason)


def test_picture_under_much_text_is_a_background(found, draw):
    words = f"({'word ' * 60}) Tj "
    assert isinstance(only(found(draw.place() + words, {"Im0": (60, 80)})), Kept)
    assert isinstance(only(found(words + draw.place(), {"Im0": (60, 80)})), Page)
    assert isinstance(only(found(draw.place() + "3 Tr " + words, {"Im0": (60, 80)})), Page)


def test_resolution_follows_matrix_and_user_unit(found, draw):
    def poster(pdf, page):
        page.UserUnit = 10

    page = only(found("q 0 160 -120 0 120 0 cm /Im0 Do Q", {"Im0": (80, 30)}, poster))
    assert page.dpi == pytest.approx((3.6, 1.8))
    assert page.origin.turn == 3


def test_cropped_page_counts_what_is_shown(found, draw):
    def crop(pdf, page):
        page.CropBox = pikepdf.Array([100, 100, 120, 160])

    content = draw.place("Im0", 20, 60, 100, 100)
    assert isinstance(only(found(content, {"Im0": (60, 80)}, crop)), Page)


@pytest.mark.parametrize("turned", [False, True])
def test_strips_are_one_raster(found, draw, turned):
    sizes = {"A": (60, 30), "B": (60, 30), "C": (60, 20)}
    content = ""
    for name, bottom, height in (("A", 100, 60), ("B", 40, 60), ("C", 0, 40)):
        content += draw.place(name, 120, height, 0, bottom)
    if turned:
        content = "q 0 1 -1 0 160 0 cm " + content + " Q"
    page = only(found(content, sizes, _landscape if turned else None))
    assert page.pixels.shape == (80, 60, 3)
    assert [(t.x, t.y) for t in page.origin.tiles] == [(0, 0), (0, 30), (0, 60)]
    assert (page.pixels[:30] == draw.paper(60, 30, seed=0)).all()
    assert (page.pixels[60:] == draw.paper(60, 20, seed=2)).all()


def _landscape(pdf, page):
    page.MediaBox = pikepdf.Array([0, 0, 160, 120])


def test_facing_pages_are_two_scans(found, draw):
    content = draw.place("A", 55, 150, 2, 5) + draw.place("B", 55, 150, 63, 5)
    pages = found(content, {"A": (55, 150), "B": (60, 170)})
    assert [type(page) for page in pages] == [Page, Page]
    assert [page.index for page in pages] == [0, 0]


def test_photographs_between_text_are_figures(found, draw):
    content = draw.place("A", 55, 150, 2, 5) + draw.place("B", 55, 150, 63, 5)
    content += f"({'word ' * 20}) Tj"
    assert isinstance(only(found(content, {"A": (55, 150), "B": (60, 170)})), Kept)


@pytest.mark.parametrize("kind", ["stencil", "mask", "soft mask"])
def test_layers_are_left_alone(draw, kind):
    pdf = pikepdf.new()
    back = draw.picture(pdf, draw.paper(60, 80))
    bits = draw.packed(draw.bars(128, 160))
    if kind == "soft mask":
        veil = draw.picture(pdf, draw.bars(128, 160))
    else:
        veil = draw.picture(pdf, draw.bars(128, 160), data=bits, bits=1, ImageMask=True)
    ink = veil
    if kind != "stencil":
        ink = draw.picture(pdf, draw.paper(6, 8))
        ink["/SMask" if kind == "soft mask" else "/Mask"] = veil
    draw.add_page(pdf, draw.place("B") + draw.place("F"), {"B": back, "F": ink})
    with open_pdf(draw.saved(pdf), "t.pdf", ReadOptions()) as document:
        kept = only(list(document))
    assert kept.action == "skipped"
    assert "layered" in kept.reason


@pytest.mark.parametrize(("level", "kind"), [(255, Page), (60, Kept)])
def test_masked_scan_is_cleaned_if_the_mask_hides_little(draw, level, kind):
    pdf = pikepdf.new()
    scan = draw.picture(pdf, draw.paper(60, 80))
    scan.SMask = draw.picture(pdf, draw.bars(60, 80) * 0 + level)
    draw.add_page(pdf, draw.place(), {"Im0": scan})
    with open_pdf(draw.saved(pdf), "t.pdf", ReadOptions()) as document:
        assert isinstance(only(list(document)), kind)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"Mask": [250, 255, 250, 255, 250, 255]}, "certain colour"),
        ({"F": pikepdf.String("other.jpg")}, "another file"),
    ],
)
def test_what_cannot_be_cleaned_safely_is_skipped(draw, keys, reason):
    pdf = pikepdf.new()
    scan = draw.picture(pdf, draw.paper(60, 80), **keys)
    draw.add_page(pdf, draw.place(), {"Im0": scan})
    with open_pdf(draw.saved(pdf), "t.pdf", ReadOptions()) as document:
        kept = only(list(document))
    assert kept.action == "skipped"
    assert reason in kept.reason


def test_matte_is_skipped(draw):
    pdf = pikepdf.new()
    scan = draw.picture(pdf, draw.paper(60, 80))
    scan.SMask = draw.picture(pdf, draw.bars(60, 80) * 0 + 255, Matte=[0, 0, 0])
    draw.add_page(pdf, draw.place(), {"Im0": scan})
    with open_pdf(draw.saved(pdf), "t.pdf", ReadOptions()) as document:
        assert "matte" in only(list(document)).reason


def test_inherited_resources_are_found(draw):
    pdf = pikepdf.open(io.BytesIO(draw.scan_pdf()))
    page = pdf.pages[0]
    pdf.Root.Pages.Resources = page.Resources
    del page.obj["/Resources"]
    with open_pdf(draw.saved(pdf), "t.pdf", replace(ReadOptions(), pages=((1, 1),))) as document:
        assert isinstance(only(list(document)), Page)
