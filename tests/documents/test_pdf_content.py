import io

import pikepdf
import pymupdf
import pytest

from scanclean.documents._pdf_content import drawing
from scanclean.documents._pdf_library import mupdf


@pytest.fixture
def drawn(draw):
    """What a page with this content paints; Im0 is a picture, St a stencil, Fm a form with Im0."""

    def of(content, **more):
        pdf = pikepdf.new()
        image = draw.picture(pdf, draw.paper(8, 8))
        stencil = draw.picture(pdf, draw.bars(8, 8), data=b"\0" * 8, bits=1, ImageMask=True)
        form = pdf.make_stream(b"/Inner Do (seen) Tj")
        form.Subtype, form.Matrix = pikepdf.Name.Form, pikepdf.Array([2, 0, 0, 2, 1, 1])
        form.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Inner=image))
        page = draw.add_page(pdf, "", {"Im0": image, "St": stencil, "Fm": form, "A B": image})
        page.Contents = pdf.make_stream(content)
        page.Resources.ExtGState = pikepdf.Dictionary(
            Faint=pikepdf.Dictionary(ca=0.5),
            Plain=pikepdf.Dictionary(ca=1),
            Clear=pikepdf.Dictionary(ca=0),
        )
        for key, value in more.items():
            page[f"/{key}"] = value
        document = pymupdf.open(stream=draw.saved(pdf), filetype="pdf")
        return drawing(mupdf().pdf_lookup_page_obj(pymupdf._as_pdf_document(document), 0))

    return of


def test_matrix_is_followed_through_the_stack(drawn):
    found = drawn(b"q 2 0 0 3 0 0 cm q 1 0 0 1 10 20 cm /Im0 Do Q Q /Im0 Do").placements
    assert [p.matrix for p in found] == [(2, 0, 0, 3, 20, 60), (1, 0, 0, 1, 0, 0)]


def test_form_is_entered_with_its_matrix(drawn):
    (found,) = drawn(b"q 10 0 0 10 0 0 cm /Fm Do Q").placements
    assert found.path == ("Fm", "Inner")
    assert found.matrix == (20, 0, 0, 20, 10, 10)


def test_form_that_paints_itself_ends(draw):
    pdf = pikepdf.new()
    form = pdf.make_stream(b"/Fm Do /Fm Do")
    form.Subtype = pikepdf.Name.Form
    draw.add_page(pdf, "/Fm Do", {"Fm": form})
    document = pymupdf.open(stream=draw.saved(pdf), filetype="pdf")
    page = mupdf().pdf_lookup_page_obj(pymupdf._as_pdf_document(document), 0)
    assert drawing(page).placements == []


@pytest.mark.parametrize(
    ("content", "characters"),
    [
        (b"BT (abc) Tj ET", 3),
        (b"BT 3 Tr (abc) Tj ET", 0),
        (b"BT 3 Tr (abc) Tj 0 Tr [(de) -20 (f)] TJ ET", 3),
        (b"q 3 Tr Q (abc) Tj", 3),
        (b"<616263> Tj", 3),
        (b"(a(b)c) Tj", 5),
        (rb"(a\)) Tj (/Im0 Do) Tj", 10),
    ],
)
def test_visible_characters_are_counted(drawn, content, characters):
    found = drawn(content)
    assert found.characters == characters
    assert not found.placements


def test_inline_picture_is_skipped(drawn):
    data = b"BI /W 2 /H 2 /BPC 8 /CS /G ID \x00 EI\xff/Im0 Do EI Q\n/Im0 Do"
    found = drawn(data)
    assert found.inline == 1
    assert len(found.placements) == 1


def test_stencils_and_blended_pictures_are_told_apart(drawn):
    found = drawn(b"/St Do /Faint gs /Im0 Do /Plain gs /Im0 Do").placements
    assert [(p.stencil, p.see_through) for p in found] == [
        (True, False),
        (False, True),
        (False, False),
    ]


def test_odd_tokens_do_no_harm(drawn):
    found = drawn(b"q -0 --5 1.2.3 .5 4 5 6 cm % /Im0 Do\n/A#20B Do ]]>> ) Q Q /Nothing Do /St")
    assert [p.path for p in found.placements] == [("A B",)]


def test_contents_in_pieces_are_one_stream(draw):
    pdf = pikepdf.new()
    page = draw.add_page(pdf, "", {"Im0": draw.picture(pdf, draw.paper(8, 8))})
    page.Contents = pikepdf.Array(
        [pdf.make_stream(b"q 5 0 0 5"), pdf.make_stream(b"0 0 cm /Im0 Do")]
    )
    document = pymupdf.open(stream=io.BytesIO(draw.saved(pdf)), filetype="pdf")
    page = mupdf().pdf_lookup_page_obj(pymupdf._as_pdf_document(document), 0)
    assert drawing(page).placements[0].matrix == (5, 0, 0, 5, 0, 0)


def layered(draw, off, content, state="ON", **dictionary):
    """What a page with this content paints; layers A and B, of which those in `off` are off."""
    pdf = pikepdf.new()
    layers = {
        name: pdf.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.OCG, Name=name))
        for name in "AB"
    }
    both = pikepdf.Dictionary(
        Type=pikepdf.Name.OCMD, OCGs=pikepdf.Array(list(layers.values())), **dictionary
    )
    listed = {"OFF" if state == "ON" else "ON": pikepdf.Array([layers[name] for name in off])}
    settings = pikepdf.Dictionary(BaseState=pikepdf.Name(f"/{state}"), **listed)
    pdf.Root.OCProperties = pikepdf.Dictionary(
        OCGs=pikepdf.Array(list(layers.values())), D=settings
    )
    image = draw.picture(pdf, draw.paper(8, 8))
    image.OC = layers["A"]
    page = draw.add_page(pdf, content, {"Im0": image})
    page.Resources.Properties = pikepdf.Dictionary(**layers, AB=both)
    with pymupdf.open(stream=draw.saved(pdf)) as document:
        return drawing(mupdf().pdf_lookup_page_obj(pymupdf._as_pdf_document(document), 0))


WORDS = "/OC /{} BDC /Span BMC BT /F 9 Tf 9 9 Td (words) Tj ET EMC EMC BT (of) Tj ET"


@pytest.mark.parametrize(
    ("name", "off", "state", "characters"),
    [
        ("A", "", "ON", 7),
        ("A", "A", "ON", 2),
        ("A", "B", "ON", 7),
        ("A", "B", "OFF", 2),
        ("A", "A", "OFF", 7),
        ("AB", "A", "ON", 7),
        ("AB", "AB", "ON", 2),
    ],
)
def test_what_lies_in_a_layer_that_is_off_does_not_count(draw, name, off, state, characters):
    found = layered(draw, off, WORDS.format(name), state)
    assert found.characters == characters


@pytest.mark.parametrize("policy", ["AllOn", "AnyOn", "AnyOff", "AllOff"])
@pytest.mark.parametrize("off", ["", "A", "AB"])
def test_policies_of_several_layers(draw, policy, off):
    found = layered(draw, off, WORDS.format("AB"), P=pikepdf.Name(f"/{policy}"))
    on = 2 - len(off)
    shown = {"AllOn": on == 2, "AnyOn": on > 0, "AnyOff": on < 2, "AllOff": on == 0}[policy]
    assert found.characters == (7 if shown else 2)


@pytest.mark.parametrize(("off", "count"), [("", 1), ("A", 0), ("B", 1)])
def test_a_picture_in_a_layer_that_is_off_does_not_count(draw, off, count):
    found = layered(draw, off, "/Im0 Do")
    assert len(found.placements) == count


def test_text_without_opacity_is_not_seen(drawn):
    assert drawn(b"/Clear gs (words) Tj").characters == 0
