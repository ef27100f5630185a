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
            Faint=pikepdf.Dictionary(ca=0.5), Plain=pikepdf.Dictionary(ca=1)
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
