"""The comparison finds what was changed by an independent writer (pikepdf), and only that."""

import io

import pytest

from scanclean.documents._pdf_facts import canonical
from scanclean.documents.pdf import differences

pikepdf = pytest.importorskip("pikepdf")
Name, Array, Dictionary = pikepdf.Name, pikepdf.Array, pikepdf.Dictionary


def rich(draw):
    """Three pages with everything that must be kept."""
    import pymupdf

    document = pymupdf.open(stream=draw.scan_pdf(2), filetype="pdf")
    document.new_page(width=120, height=160).insert_text((20, 60), "born digital", fontname="tiro")
    document[0].insert_text((20, 60), "hidden words", render_mode=3)
    link = {"kind": pymupdf.LINK_URI, "from": pymupdf.Rect(5, 5, 50, 20), "uri": "https://a.b/"}
    document[0].insert_link(link)
    document[1].add_highlight_annot(pymupdf.Rect(10, 10, 50, 20))
    field = pymupdf.Widget()
    field.field_name, field.field_type, field.rect = "name", 7, pymupdf.Rect(10, 90, 90, 110)
    field.field_value = "me"
    document[2].add_widget(field)
    document.set_toc([[1, "One", 1], [2, "Two", 3], [2, "Three", 2]])
    document.set_page_labels([{"startpage": 0, "style": "r", "prefix": "", "firstpagenum": 1}])
    document.embfile_add("a.csv", b"1,2")
    document.set_metadata({"title": "Bück", "author": "Nobody"})
    document.set_xml_metadata("<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")
    document.add_ocg("layer")
    with pikepdf.open(io.BytesIO(document.tobytes())) as pdf:
        page = pdf.pages[0].obj
        tree = pdf.make_indirect(Dictionary(Type=Name.StructTreeRoot))
        leaf = pdf.make_indirect(Dictionary(Type=Name.StructElem, S=Name.P, P=tree, Pg=page, K=0))
        tree.K = leaf
        pdf.Root.StructTreeRoot = tree
        return draw.saved(pdf, fix_metadata_version=False)


def edited(data, draw, change):
    with pikepdf.open(io.BytesIO(data)) as pdf:
        change(pdf)
        options = {"object_stream_mode": pikepdf.ObjectStreamMode.generate}
        return draw.saved(pdf, fix_metadata_version=False, **options)


def test_other_numbers_and_packing_are_no_difference(draw):
    data = rich(draw)
    assert differences(data, edited(data, draw, lambda pdf: None), unchanged=range(3)) == ()


def test_cleaning_is_no_difference(draw, tool):
    data = rich(draw)
    after = tool.cleaned(data)
    assert differences(data, after, unchanged=[2], draw=True) == ()
    said = differences(data, after, unchanged=range(3), draw=True)
    assert "page 1: resources XObject: differs" in said
    assert any(line.startswith("page 1: looks different") for line in said)


def drop_font(pdf):
    pdf.pages[2].Resources.Font = Dictionary()


def turn_mask(pdf):
    pdf.pages[1].Resources.XObject.Im0.SMask = pdf.make_stream(b"\0")


CHANGES = {
    "page": (lambda pdf: pdf.pages.__delitem__(2), "pages: 3 before, 2 after"),
    "box": (lambda pdf: setattr(pdf.pages[1], "CropBox", Array([1, 1, 99, 99])), "page 2: CropBox"),
    "rotation": (lambda pdf: setattr(pdf.pages[0], "Rotate", 90), "page 1: rotation: was 0, is 90"),
    "unit": (lambda pdf: setattr(pdf.pages[0], "UserUnit", 2), "page 1: UserUnit: was 1, is 2"),
    "text": (
        lambda pdf: pdf.pages[2].obj.__delitem__("/Contents"),
        "page 3: words: 3 before, 1 after",
    ),
    "font": (drop_font, "page 3: resources Font: differs"),
    "link": (
        lambda pdf: pdf.pages[0].obj.__delitem__("/Annots"),
        "page 1: links: 1 before, 0 after",
    ),
    "note": (
        lambda pdf: pdf.pages[1].obj.__delitem__("/Annots"),
        "page 2: annotations: 1 before, 0 after",
    ),
    "field": (lambda pdf: setattr(pdf.Root.AcroForm.Fields[0], "V", "you"), "form fields: differs"),
    "outline": (lambda pdf: pdf.Root.__delitem__("/Outlines"), "outline: missing"),
    "entry": (
        lambda pdf: setattr(pdf.Root.Outlines.First, "Title", "Uno"),
        "outline 1: was 'One' to page 1, is 'Uno' to page 1",
    ),
    "labels": (lambda pdf: pdf.Root.__delitem__("/PageLabels"), "page labels: missing"),
    "attachment": (lambda pdf: pdf.attachments.clear(), "attachment a.csv: missing"),
    "title": (lambda pdf: setattr(pdf.docinfo, "Title", "x"), "Info Title: was"),
    "xmp": (lambda pdf: pdf.Root.__delitem__("/Metadata"), "XMP metadata: missing"),
    "tags": (lambda pdf: pdf.Root.StructTreeRoot.K.__delitem__("/Pg"), "structure tree: differs"),
    "layers": (lambda pdf: pdf.Root.__delitem__("/OCProperties"), "layers: missing"),
    "mask": (turn_mask, "page 2: resources XObject: differs"),
    "anything": (lambda pdf: setattr(pdf.pages[0], "Tabs", Name.S), "page 1: Tabs: new"),
}


@pytest.mark.parametrize(("change", "said"), CHANGES.values(), ids=CHANGES)
def test_each_change_is_said(draw, change, said):
    data = rich(draw)
    found = differences(data, edited(data, draw, change))
    assert [line for line in found if line.startswith(said)], found


def test_lost_lock_is_said(draw):
    data = draw.scan_pdf()
    allow = pikepdf.Permissions(extract=False)
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(data)) as pdf:
        pdf.save(out, encryption=pikepdf.Encryption(user="", owner="boss", allow=allow))
    locked = out.getvalue()
    said = differences(locked, data)
    assert any(line.startswith("encryption: was") for line in said)
    assert any(line.startswith("permissions: was") for line in said)
    assert differences(locked, locked) == ()


def test_private_copies_of_what_was_shared_are_no_difference(draw):
    pdf = pikepdf.open(io.BytesIO(draw.scan_pdf(2)))
    shared = pdf.make_indirect(pdf.pages[0].Resources)
    pdf.pages[0].Resources = pdf.pages[1].Resources = shared
    before = draw.saved(pdf)
    pdf.pages[1].Resources = Dictionary(XObject=Dictionary(Im0=shared.XObject.Im0))
    assert differences(before, draw.saved(pdf), unchanged=range(2)) == ()


def test_long_list_is_cut(draw):
    one, other = draw.scan_pdf(1), draw.scan_pdf(1)
    many = edited(
        one, draw, lambda pdf: [pdf.docinfo.__setitem__(f"/K{n}", "") for n in range(150)]
    )
    said = differences(other, many)
    assert len(said) == 101
    assert said[-1] == "and 50 more"


def test_canonical_form_does_not_depend_on_order():
    assert canonical("<</B[1 2]/A<</C(<<)/D 3>>>>") == canonical("<</A<</D 3/C(<<)>>/B[1 2]>>")
    assert canonical("<</A 1/B 2>>") != canonical("<</A 2/B 1>>")
