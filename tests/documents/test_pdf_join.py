"""What several PDFs bring along when they become one."""

import io
import itertools

import pikepdf
import pymupdf
import pytest

from scanclean.documents.pdf import differences, join, refuse_locked
from scanclean.errors import LockedError

Name, Array, Dictionary = pikepdf.Name, pikepdf.Array, pikepdf.Dictionary


def book(draw, title, *, labels=True):
    """A scan and a written page, with all that can hang on pages."""
    document = pymupdf.open(stream=draw.scan_pdf(), filetype="pdf")
    page = document.new_page(width=120, height=160)
    page.insert_text((20, 60), title, fontname="tiro")
    box = pymupdf.Rect(5, 5, 50, 20)
    document[0].insert_link({"kind": pymupdf.LINK_GOTO, "from": box, "page": 1})
    document[0].insert_link({"kind": pymupdf.LINK_URI, "from": box, "uri": "https://a.b/"})
    document[0].add_highlight_annot(box)
    field = pymupdf.Widget()
    field.field_name, field.field_type, field.rect = "name", 7, pymupdf.Rect(10, 90, 90, 110)
    field.field_value = title
    page.add_widget(field)
    document.set_toc([[1, title, 1], [2, "Below", 2], [1, "End", 2]])
    if labels:
        style = {"startpage": 0, "style": "r", "prefix": "", "firstpagenum": 3}
        document.set_page_labels([style])
    document.embfile_add("a.csv", title.encode())
    document.set_metadata({"title": title})
    document.set_xml_metadata(f"<x>{title}</x>")
    document.add_ocg(f"layer {title}")
    return document.tobytes()


def with_name(data, draw, page):
    """The document with a destination called "place" on a page, and a link to it."""
    with pikepdf.open(io.BytesIO(data)) as pdf:
        place = Array([pdf.pages[page].obj, Name.Fit])
        pdf.Root.Names.Dests = Dictionary(Names=Array([pikepdf.String("place"), place]))
        link = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([0, 0, 9, 9]))
        link.Dest = pikepdf.String("place")
        link.Contents = pikepdf.String("place")
        pdf.pages[0].Annots.append(pdf.make_indirect(link))
        return draw.saved(pdf)


@pytest.fixture
def joined(tmp_path):
    def of(*parts):
        paths = [tmp_path / f"{n}.pdf" for n in range(len(parts))]
        for path, data in zip(paths, parts, strict=True):
            path.write_bytes(data)
        join(paths, tmp_path / "all.pdf")
        return (tmp_path / "all.pdf").read_bytes()

    return of


def test_everything_comes_along(draw, joined):
    with pymupdf.open(stream=joined(book(draw, "One"), book(draw, "Two", labels=False))) as whole:
        assert not whole.is_repaired
        assert whole.get_toc() == [
            [1, "One", 1], [2, "Below", 2], [1, "End", 2],
            [1, "Two", 3], [2, "Below", 4], [1, "End", 4],
        ]  # fmt: skip
        assert [page.get_label() for page in whole] == ["iii", "iv", "3", "4"]
        assert [whole[n].get_text().split()[0] for n in (1, 3)] == ["One", "Two"]
        assert [link["page"] for page in whole for link in page.get_links() if "page" in link] == [
            1,
            3,
        ]
        assert [len(list(page.annots())) for page in whole] == [1, 0, 1, 0]
        assert [w.field_value for page in whole for w in page.widgets()] == ["One", "Two"]
        assert [w.field_name for page in whole for w in page.widgets()] == ["name", "name 2"]
        assert [whole.embfile_get(name) for name in whole.embfile_names()] == [b"One", b"Two"]
        assert whole.metadata["title"] == "One"
        assert whole.get_xml_metadata() == "<x>One</x>"
        assert sorted(layer["name"] for layer in whole.get_ocgs().values()) == [
            "layer One",
            "layer Two",
        ]


def test_an_independent_reader_finds_the_same(draw, joined):
    data = joined(book(draw, "One"), book(draw, "Two"))
    with pikepdf.open(io.BytesIO(data)) as pdf:
        assert pdf.check_pdf_syntax() == []
        assert len(pdf.pages) == 4
        with pdf.open_outline() as outline:
            assert [item.title for item in outline.root] == ["One", "End", "Two", "End"]
        assert len(pdf.attachments) == 2
        assert len(pdf.Root.AcroForm.Fields) == 2


def test_one_part_is_the_same_document(draw, joined):
    data = book(draw, "One")
    said = differences(data, joined(data), unchanged=range(2), draw=True)
    # The trees are the same, but written in one piece.
    assert {line.split(":")[0] for line in said} <= {"names (attachments, destinations, scripts)",
        "outline", "page labels", "form fields", "layers"}  # fmt: skip


def test_names_that_meet_lead_to_their_own_pages(draw, joined):
    parts = [with_name(book(draw, title), draw, n) for n, title in enumerate(("One", "Two"))]
    with pymupdf.open(stream=joined(*parts)) as whole:
        named = [list(page.get_links())[-1] for page in whole if page.number in (0, 2)]
        assert [entry["page"] for entry in named] == [0, 3]
    with pikepdf.open(io.BytesIO(joined(*parts))) as pdf:
        assert [str(pdf.pages[n].Annots[-1].Contents) for n in (0, 2)] == ["place", "place"]


def test_old_names_that_meet_lead_to_their_own_pages(draw, joined):
    """In PDF 1.1 destinations are names; here with one that must be escaped."""

    def part(page):
        pdf = pikepdf.open(io.BytesIO(draw.scan_pdf(2)))
        pdf.Root.Dests = Dictionary({"/my place": Array([pdf.pages[page].obj, Name.Fit])})
        place = Name("/my place")
        leads = [Dictionary(Dest=place), Dictionary(A=Dictionary(S=Name.GoTo, D=place))]
        for link in leads:
            link.Type, link.Subtype, link.Rect = Name.Annot, Name.Link, Array([0, 0, 9, 9])
        pdf.pages[0].Annots = Array([pdf.make_indirect(link) for link in leads])
        return draw.saved(pdf)

    with pymupdf.open(stream=joined(part(0), part(1), part(0))) as whole:
        links = [[link["page"] for link in whole[n].get_links()] for n in (0, 2, 4)]
    assert links == [[0, 0], [3, 3], [4, 4]]


def test_names_in_other_files_stay(draw, joined):
    def part():
        with pikepdf.open(io.BytesIO(with_name(book(draw, "One"), draw, 0))) as pdf:
            action = Dictionary(F=pikepdf.String("o.pdf"), D=pikepdf.String("place"))
            action.Next = Dictionary(S=Name.GoTo, D=pikepdf.String("place"))
            for kind in (Name.GoToR, Name.GoToE):
                link = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([0, 0, 9, 9]))
                link.A = Dictionary({**action, "/S": kind})
                pdf.pages[0].Annots.append(pdf.make_indirect(link))
            return draw.saved(pdf)

    with pikepdf.open(io.BytesIO(joined(part(), part()))) as pdf:
        actions = [[link.A for link in list(pdf.pages[n].Annots)[-2:]] for n in (0, 2)]
        assert [str(action.D) for action in actions[0] + actions[1]] == ["place"] * 4
        assert str(pdf.pages[2].Annots[-3].Dest) != "place"


def test_hidden_layers_stay_hidden(draw, joined):
    def part(off):
        pdf = pikepdf.open(io.BytesIO(draw.scan_pdf()))
        layers = [pdf.make_indirect(Dictionary(Type=Name.OCG, Name=name)) for name in "ab"]
        shown = Dictionary(BaseState=Name.OFF, ON=Array(layers[:1]))
        base = shown if off else Dictionary(OFF=Array(layers[:1]))
        pdf.Root.OCProperties = Dictionary(OCGs=Array(layers), D=base)
        return draw.saved(pdf)

    with pikepdf.open(io.BytesIO(joined(part(True), part(False)))) as pdf:
        layers, base = pdf.Root.OCProperties.OCGs, pdf.Root.OCProperties.D
        assert "/BaseState" not in base
        hidden = [layer.objgen in [off.objgen for off in base.OFF] for layer in layers]
        assert hidden == [False, True, True, False]


def test_fields_of_every_part_find_their_fonts(draw, joined):
    def part(font):
        with pikepdf.open(io.BytesIO(book(draw, font))) as pdf:
            form = pdf.Root.AcroForm
            look = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name(f"/{font}"))
            form.DR = Dictionary(Font=Dictionary({f"/{font}": look}))
            form.DA = pikepdf.String(f"/{font} 9 Tf")
            del form.Fields[0]["/DA"]
            return draw.saved(pdf)

    with pikepdf.open(io.BytesIO(joined(part("Courier"), part("Symbol")))) as pdf:
        form = pdf.Root.AcroForm
        assert {str(font.BaseFont) for font in form.DR.Font.values()} == {"/Courier", "/Symbol"}
        looks = [str(field.get("/DA", form.DA)) for field in form.Fields]
        assert looks == ["/Courier 9 Tf", "/Symbol 9 Tf"]


def test_forms_of_later_parts_are_calculated_and_drawn(draw, joined):
    def part(title, need):
        with pikepdf.open(io.BytesIO(book(draw, title))) as pdf:
            form = pdf.Root.AcroForm
            form.NeedAppearances = need
            form.CO = pdf.make_indirect(Array([form.Fields[0]]))
            return draw.saved(pdf)

    for first, second in ((False, True), (True, False)):
        with pikepdf.open(io.BytesIO(joined(part("a", first), part("b", second)))) as pdf:
            form = pdf.Root.AcroForm
            assert form.NeedAppearances is True
            assert [field.objgen for field in form.CO] == [f.objgen for f in form.Fields]


def test_places_by_page_number_are_in_their_own_part(draw, joined):
    """Not standard, except in `GoToR`, where they count in the other file; readers follow them."""
    with pikepdf.open(io.BytesIO(book(draw, "b"))) as pdf:
        pdf.Root.Outlines.First.Dest = Array([1, Name.Fit])
        link, other = pdf.pages[0].Annots[0], pdf.pages[0].Annots[1]
        del link["/A"]
        link.Dest = Array([1, Name.XYZ, 0, 0, 0])
        link.BS = Dictionary(D=Array([3, 2]))
        other.A = Dictionary(S=Name.GoToR, F=pikepdf.String("else.pdf"), D=Array([1, Name.Fit]))
        other.Contents = pikepdf.String("[1/Fit]")
        far = pdf.make_indirect(Array([1, Name.Fit]))
        third = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([0, 0, 9, 9]))
        third.A = Dictionary(S=Name.GoToR, F=pikepdf.String("else.pdf"), D=far)
        pdf.pages[0].Annots.append(pdf.make_indirect(third))
        numbered = draw.saved(pdf)
    with pikepdf.open(io.BytesIO(joined(book(draw, "a"), numbered))) as pdf:
        link, other = pdf.pages[2].Annots[0], pdf.pages[2].Annots[1]
        assert link.Dest[0].objgen == pdf.pages[3].objgen
        assert list(link.BS.D) == [3, 2]
        assert (other.A.D[0], str(other.Contents)) == (1, "[1/Fit]")
        assert pdf.pages[2].Annots[-1].A.D[0] == 1
        last = pdf.Root.Outlines.First.Next
        while "/Next" in last and str(last.Title) != "b":
            last = last.Next
        assert last.Dest[0].objgen == pdf.pages[3].objgen


def test_title_and_metadata_are_of_the_same_part(draw, joined):
    with pikepdf.open(io.BytesIO(book(draw, "a"))) as pdf:
        del pdf.Root["/Metadata"]
        bare = draw.saved(pdf)
    with pikepdf.open(io.BytesIO(joined(bare, book(draw, "b")))) as pdf:
        assert pdf.docinfo["/Title"] == "a"
        assert "/Metadata" not in pdf.Root


def test_inherited_and_shared_pages_are_kept(draw, joined):
    pdf = pikepdf.open(io.BytesIO(draw.scan_pdf(2)))
    pdf.Root.Pages.MediaBox, pdf.Root.Pages.Rotate = Array([0, 0, 120, 160]), 90
    del pdf.pages[0].obj["/MediaBox"]
    pdf.Root.Pages.Kids.append(pdf.pages[0].obj)
    pdf.Root.Pages.Count = 3
    with pymupdf.open(stream=joined(draw.saved(pdf), draw.scan_pdf())) as whole:
        assert [page.rotation for page in whole] == [90, 90, 90, 0]
        assert {tuple(page.mediabox) for page in whole} == {(0, 0, 120, 160)}
        assert len({whole.page_xref(n) for n in range(4)}) == 4


def test_tags_of_the_only_tagged_part_are_kept(draw, joined):
    pdf = pikepdf.open(io.BytesIO(draw.scan_pdf()))
    tree = pdf.make_indirect(Dictionary(Type=Name.StructTreeRoot))
    tree.K = pdf.make_indirect(Dictionary(S=Name.P, P=tree, Pg=pdf.pages[0].obj, K=0))
    pdf.Root.StructTreeRoot, pdf.Root.MarkInfo = tree, Dictionary(Marked=True)
    tagged, plain = draw.saved(pdf), draw.scan_pdf()
    for parts, kept in (((plain, tagged), True), ((tagged, tagged), False)):
        with pikepdf.open(io.BytesIO(joined(*parts))) as whole:
            assert ("/StructTreeRoot" in whole.Root, "/MarkInfo" in whole.Root) == (kept, kept)
            if kept:
                assert whole.Root.StructTreeRoot.K.Pg.objgen == whole.pages[1].obj.objgen


def test_same_parts_give_the_same_bytes(draw, joined):
    parts = [book(draw, "One"), draw.scan_pdf(2)]
    assert joined(*parts) == joined(*parts)


def test_packed_objects_and_circles_are_read(draw, joined):
    packed = draw.scan_pdf(3, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    pdf = pikepdf.open(io.BytesIO(book(draw, "One")))
    first = pdf.Root.Outlines.First
    first.Next.Next = first
    with pymupdf.open(stream=joined(packed, draw.saved(pdf))) as whole:
        assert whole.page_count == 5
        assert [entry[1] for entry in itertools.islice(whole.get_toc(), 3)] == [
            "One",
            "Below",
            "End",
        ]


def test_locked_parts_are_refused_by_name(draw, tmp_path):
    with pikepdf.open(io.BytesIO(draw.scan_pdf())) as pdf:
        pdf.save(tmp_path / "locked.pdf", encryption=pikepdf.Encryption(user="", owner="boss"))
    (tmp_path / "open.pdf").write_bytes(draw.scan_pdf())
    (tmp_path / "scan.png").write_bytes(b"no PDF")
    parts = {name: tmp_path / name for name in ("open.pdf", "scan.png", "gone.pdf")}
    refuse_locked(parts)
    with pytest.raises(LockedError, match=r"^locked\.pdf: .* joined"):
        refuse_locked({**parts, "locked.pdf": tmp_path / "locked.pdf"})
