import io
import pickle
import resource
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pikepdf
import pymupdf
import pytest

from scanclean.config import ReadOptions, StoreOptions
from scanclean.documents import _pdf_output, create, open_document
from scanclean.documents._pdf_output import SMALL, Spool
from scanclean.documents._pdf_save import verify
from scanclean.documents.pdf import join, recognises
from scanclean.errors import InputError, OutputError
from scanclean.page import Kept, Page


def test_kind_is_told_by_content():
    assert recognises(b"%PDF-1.4\n")
    assert recognises(b"rubbish first\n%PDF-1.4\n")
    assert not recognises(b"\x89PNG\r\n")


# ------------------------------------------------------------------ what is not cleaned stays


def test_nothing_changed_gives_the_same_bytes(draw, tmp_path, tool):
    data = draw.scan_pdf(2) + b"% trailing words\n"
    assert tool.cleaned(data, tool.same) == data
    (tmp_path / "in.pdf").write_bytes(data)
    _, encoded = tool.clean(tmp_path / "in.pdf", tmp_path / "out.pdf", tool.same)
    assert (tmp_path / "out.pdf").read_bytes() == data
    assert all(page.bytes_after == page.bytes_before > 0 for page in encoded)


def book(draw):
    pdf = pikepdf.open(io.BytesIO(draw.scan_pdf(2)))
    pdf.pages[0].Rotate = 90
    pdf.pages[1].UserUnit = 2
    pdf.pages[1].CropBox = pikepdf.Array([5, 5, 110, 150])
    document = pymupdf.open(stream=draw.saved(pdf), filetype="pdf")
    document[0].insert_text((20, 60), "hidden words", render_mode=3)
    document.new_page(width=120, height=160).insert_text((20, 60), "born digital", fontname="tiro")
    link = {"kind": pymupdf.LINK_URI, "from": pymupdf.Rect(5, 5, 50, 20), "uri": "https://a.b/"}
    document[0].insert_link(link)
    page = document[1]
    page.add_highlight_annot(pymupdf.Rect(10, 10, 50, 20)).set_info(content="look")
    document.set_toc([[1, "One", 1], [2, "Two", 3]])
    document.set_page_labels([{"startpage": 0, "style": "r", "prefix": "", "firstpagenum": 1}])
    document.embfile_add("a.csv", b"1,2")
    document.set_metadata({"title": "Bück", "author": "Nobody"})
    document.set_xml_metadata("<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")
    return document.tobytes()


def structure(data):
    document = pymupdf.open(stream=data, filetype="pdf")
    catalog = document.pdf_catalog()
    return {
        "outline": document.get_toc(),
        "labels": document.get_page_labels(),
        "metadata": document.metadata,
        "xmp": document.get_xml_metadata(),
        "files": [document.embfile_get(name) for name in document.embfile_names()],
        "mode": document.xref_get_key(catalog, "PageMode"),
        "id": document.xref_get_key(-1, "ID"),
        "pages": [
            (
                page.rotation,
                list(page.rect),
                list(page.mediabox),
                list(page.cropbox),
                page.get_text("words"),
                [(entry["uri"], list(entry["from"])) for entry in page.get_links()],
                [(note.info["content"], list(note.rect)) for note in page.annots()],
                [font[3] for font in page.get_fonts()],
            )
            for page in document
        ],
    }


def test_structure_is_kept(draw, tool):
    before = book(draw)
    after = tool.cleaned(before)
    assert structure(after) == structure(before)
    assert tool.image_of(after).read_raw_bytes() != tool.image_of(before).read_raw_bytes()
    difference = np.abs(tool.rendered(after) - tool.rendered(before))
    assert 0 < np.count_nonzero(difference > 40) < 0.1 * difference.size


def test_objects_keep_their_numbers_and_none_is_added(draw, tool):
    before = draw.scan_pdf(3)
    after = tool.cleaned(before)
    old, new = (pymupdf.open(stream=data, filetype="pdf") for data in (before, after))
    assert new.xref_length() == old.xref_length()
    assert [page.get_images() for page in new] == [page.get_images() for page in old]
    assert len(after) <= 1.1 * len(before)


def test_object_streams_stay_packed(draw, tool):
    before = draw.scan_pdf(8, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    after = tool.cleaned(before)
    assert b"/ObjStm" in after
    assert len(after) <= 1.05 * len(before)


def test_unchosen_pages_keep_their_bytes(draw, tool):
    before = draw.scan_pdf(3)
    read = ReadOptions(pages=((2, 2),))
    items, _ = tool.clean(before, io.BytesIO(), read=read)
    assert [type(item) for item in items] == [Kept, Page, Kept]
    assert items[0] == Kept(0, "skipped", "not in --pages")
    after = tool.cleaned(before, read=read)
    raw = [[tool.image_of(d, n).read_raw_bytes() for n in range(3)] for d in (before, after)]
    assert [a == b for a, b in zip(*raw, strict=True)] == [True, False, True]


def test_mask_stays_on_its_picture(draw, tool):
    pdf = pikepdf.new()
    scan = draw.picture(pdf, draw.paper())
    mask = draw.bars(120, 160) * 0 + 255
    mask[:4] = 0
    scan.SMask = draw.picture(pdf, mask)
    draw.add_page(pdf, draw.place(), {"Im0": scan})
    after = tool.image_of(tool.cleaned(draw.saved(pdf)))
    assert after.SMask.read_bytes() == mask.tobytes()


# ------------------------------------------------------------------ sharing


def test_shared_picture_is_cleaned_once(draw, tool):
    pdf = pikepdf.open(io.BytesIO(draw.scan_pdf()))
    pdf.pages.append(pdf.pages[0])
    before = draw.saved(pdf)
    items, encoded = tool.clean(before, io.BytesIO())
    assert items[1] == Kept(1, "restored", "same picture as page 1", same_as=0)
    assert len(encoded) == 1


def shared(draw, *, form):
    """Three pages that inherit one resource dictionary and show one picture."""
    pdf = pikepdf.new()
    pixels = draw.paper()
    image = draw.picture(pdf, pixels, data=draw.jpeg(pixels), filter="DCTDecode")
    things = {"Im0": image}
    if form:
        wrapper = pdf.make_stream(b"/Im0 Do")
        wrapper.Subtype, wrapper.Type = pikepdf.Name.Form, pikepdf.Name.XObject
        wrapper.BBox = pikepdf.Array([0, 0, 1, 1])
        wrapper.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=image))
        things = {"Im0": wrapper}
    for _ in range(3):
        draw.add_page(pdf, draw.place(), things)
    pdf.Root.Pages.Resources = pdf.make_indirect(pdf.pages[0].Resources)
    for page in pdf.pages:
        del page.obj["/Resources"]
    return draw.saved(pdf)


@pytest.mark.parametrize("form", [False, True], ids=["picture", "in a form"])
def test_picture_shared_with_an_unchosen_page_is_copied(draw, form, tool):
    before = shared(draw, form=form)
    after = tool.cleaned(before, read=ReadOptions(pages=((2, 3),)))
    changed = [
        not np.array_equal(tool.rendered(before, n), tool.rendered(after, n)) for n in range(3)
    ]
    assert changed == [False, True, True]
    assert np.array_equal(tool.rendered(after, 1), tool.rendered(after, 2))
    pictures = [page.get_images(full=True)[0][0] for page in pymupdf.open(stream=after)]
    assert pictures[1] == pictures[2] != pictures[0]


def test_resources_that_all_pages_share_are_not_copied(draw, tool):
    """Only what a page that was not chosen paints is kept for it."""
    pdf = pikepdf.open(io.BytesIO(draw.scan_pdf(6)))
    names = {f"/Im{n}": page.Resources.XObject.Im0 for n, page in enumerate(pdf.pages)}
    shared = pdf.make_indirect(pikepdf.Dictionary(XObject=pikepdf.Dictionary(names)))
    for n, page in enumerate(pdf.pages):
        page.Resources = shared
        page.Contents = pdf.make_stream(draw.place(f"Im{n}").encode())
    before = draw.saved(pdf)
    after = tool.cleaned(before, read=ReadOptions(pages=((1, 3),)))
    changed = [
        not np.array_equal(tool.rendered(before, n), tool.rendered(after, n)) for n in range(6)
    ]
    assert changed == [True] * 3 + [False] * 3
    with pikepdf.open(io.BytesIO(after)) as pdf:
        assert len({page.Resources.objgen for page in pdf.pages}) == 1
        kinds = [
            thing.get("/Subtype") for thing in pdf.objects if isinstance(thing, pikepdf.Stream)
        ]
        assert kinds.count("/Image") == 6


def inside(kind, pdf, page, image):
    """Show a picture on a page inside something else."""
    box, resources = [0, 0, 60, 80], pikepdf.Dictionary(XObject=pikepdf.Dictionary(X=image))

    def made(**keys):
        data = b"60 0 0 80 0 0 cm /X Do"
        return pdf.make_stream(data, BBox=box, Resources=resources, **keys)

    own = page.Resources = pikepdf.Dictionary()
    if kind == "pattern":
        pattern = made(Type=pikepdf.Name.Pattern, PatternType=1, PaintType=1, TilingType=1)
        pattern.XStep, pattern.YStep = 60, 80
        own.Pattern = pikepdf.Dictionary(P=pattern)
        page.Contents = pdf.make_stream(b"/Pattern cs /P scn 10 10 60 80 re f")
    elif kind == "note":
        look = made(Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Form)
        note = pikepdf.Dictionary(Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Stamp, F=4)
        note.Rect, note.AP = [10, 10, 70, 90], pikepdf.Dictionary(N=look)
        page.Annots = pdf.make_indirect([pdf.make_indirect(note)])
    elif kind == "glyph":
        font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type3)
        font.update({"/FontBBox": box, "/FontMatrix": [0.01, 0, 0, 0.01, 0, 0], "/FirstChar": 97})
        font.update({"/LastChar": 97, "/Widths": [60], "/Resources": resources})
        font.Encoding = pikepdf.Dictionary(Differences=[97, pikepdf.Name.a])
        font.CharProcs = pikepdf.Dictionary(a=pdf.make_stream(b"60 0 d0 60 0 0 80 0 0 cm /X Do"))
        own.Font = pikepdf.Dictionary(F=pdf.make_indirect(font))
        page.Contents = pdf.make_stream(b"BT /F 100 Tf 10 10 Td (a) Tj ET")
    elif kind == "mask of a picture":
        black = pdf.make_stream(bytes(3), ColorSpace=pikepdf.Name.DeviceRGB, BitsPerComponent=8)
        black.update({"/Subtype": pikepdf.Name.Image, "/Width": 1, "/Height": 1, "/SMask": image})
        own.XObject = pikepdf.Dictionary(B=black)
        page.Contents = pdf.make_stream(b"q 60 0 0 80 10 10 cm /B Do Q")
    else:
        group = made(Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Form)
        group.Group = pikepdf.Dictionary(S=pikepdf.Name.Transparency, CS=pikepdf.Name.DeviceGray)
        mask = pikepdf.Dictionary(S=pikepdf.Name.Luminosity, G=group)
        own.ExtGState = pikepdf.Dictionary(G=pikepdf.Dictionary(SMask=mask))
        page.Contents = pdf.make_stream(b"/G gs 0 0 100 100 re f")


@pytest.mark.parametrize("pages", [None, ((1, 1),)], ids=["all", "the first"])
@pytest.mark.parametrize("kind", ["pattern", "note", "glyph", "mask of a picture", "soft mask"])
def test_a_scan_that_is_also_shown_inside_something_else_stays_there(draw, tool, kind, pages):
    pdf = pikepdf.new()
    image = draw.picture(pdf, draw.paper())
    draw.add_page(pdf, draw.place(), {"Im0": image})
    pdf.add_blank_page(page_size=(120, 160))
    inside(kind, pdf, pdf.pages[1], image)
    before = draw.saved(pdf)
    assert len(np.unique(tool.rendered(before, 1))) > 9  # the picture can be seen
    after = tool.cleaned(before, read=ReadOptions(pages=pages) if pages else None)
    assert not np.array_equal(tool.rendered(before, 0), tool.rendered(after, 0))
    assert np.array_equal(tool.rendered(before, 1), tool.rendered(after, 1))


def test_only_the_changed_strip_is_stored_again(draw, tool):
    pdf = pikepdf.new()
    strips = [draw.paper(120, 80, seed=n) for n in range(2)]
    images = {n: draw.picture(pdf, s) for n, s in zip("AB", strips, strict=True)}
    content = draw.place("A", 120, 80, 0, 80) + draw.place("B", 120, 80)
    draw.add_page(pdf, content, images)
    before = draw.saved(pdf)
    after = tool.cleaned(before)
    assert tool.image_of(after, name="A").read_raw_bytes() != strips[0].tobytes()
    assert tool.image_of(after, name="B").read_raw_bytes() == strips[1].tobytes()
    assert np.abs(tool.rendered(before) - tool.rendered(after))[10:].mean() < 3


# ------------------------------------------------------------------ outputs


def test_in_place(draw, tmp_path, tool):
    path = tmp_path / "f.pdf"
    path.write_bytes(draw.scan_pdf(2))
    before = path.read_bytes()
    tool.clean(path, path)
    assert path.read_bytes() != before
    assert len(pymupdf.open(path)) == 2
    assert list(tmp_path.iterdir()) == [path]


def test_existing_output_is_refused(draw, tmp_path, tool):
    (tmp_path / "out.pdf").write_text("mine")
    with pytest.raises(OutputError, match="exists"):
        tool.clean(draw.scan_pdf(), tmp_path / "out.pdf")
    assert (tmp_path / "out.pdf").read_text() == "mine"


def test_failure_leaves_nothing(draw, tmp_path, tool):
    def fail(page):
        raise RuntimeError("page lost")

    with pytest.raises(RuntimeError, match="page lost"):
        tool.clean(draw.scan_pdf(), tmp_path / "out.pdf", fail)
    assert list(tmp_path.iterdir()) == []


@contextmanager
def largest_file(size):
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


@pytest.mark.parametrize("change", ["same", "touched"])
def test_file_size_limit_is_an_output_error(draw, tmp_path, change, tool):
    data = draw.scan_pdf(4)
    with largest_file(4096), pytest.raises(OutputError):
        tool.clean(data, tmp_path / "out.pdf", getattr(tool, change))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_full_stream_is_an_output_error(draw, tool):
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OutputError):
        tool.clean(draw.scan_pdf(), full)


def test_same_input_gives_the_same_bytes(draw, tool):
    data = book(draw)
    assert tool.cleaned(data) == tool.cleaned(data)


def test_encoded_pages_survive_pickling(draw, tool):
    data = draw.scan_pdf()
    _, encoded = tool.clean(data, io.BytesIO())
    kept = pickle.loads(pickle.dumps(encoded))
    out = io.BytesIO()
    with (
        open_document(data, "in.pdf", ReadOptions()) as document,
        create(out, document, ".pdf", StoreOptions()) as writer,
    ):
        for page in kept:
            writer.add(page)
    assert out.getvalue() == tool.cleaned(data)


def test_growth_is_said(draw, tool):
    store = StoreOptions(codec="png", max_growth=1.0)
    _, encoded = tool.clean(draw.scan_pdf(), io.BytesIO(), store=store)
    assert any("grows" in words for words in encoded[0].warnings)


def test_growth_of_the_whole_is_said(draw, tool):
    data = draw.scan_pdf()
    for limit, said in ((1.0, True), (9.0, False)):
        store = StoreOptions(codec="png", max_growth=limit)
        with (
            open_document(data, "in.pdf", ReadOptions()) as document,
            create(io.BytesIO(), document, ".pdf", store) as writer,
        ):
            for page in document:
                writer.add(writer.encode(tool.touched(page)))
        assert any("the PDF grows from" in words for words in document.warnings) == said


@pytest.mark.parametrize("chain", [False, True])
def test_quality_of_a_jpeg_is_known(draw, chain):
    pdf = pikepdf.new()
    pixels = draw.paper()
    image = draw.picture(pdf, pixels, data=draw.jpeg(pixels, 44), filter="DCTDecode")
    if chain:
        image.Filter = pikepdf.Array([image.Filter])
    draw.add_page(pdf, draw.place(), {"Im0": image})
    with open_document(draw.saved(pdf), "in.pdf", ReadOptions()) as document:
        (page,) = document
    assert page.origin.tiles[0].before.quality == 44


def test_result_with_missing_pages_does_not_pass(draw, tmp_path):
    path = tmp_path / "f.pdf"
    path.write_bytes(draw.scan_pdf(2))
    verify(path, "in.pdf", password=None, pages=2, streams={})
    for damage in (b"", path.read_bytes()[:-60]):
        path.write_bytes(damage or path.read_bytes())
        with pytest.raises(InputError, match="read back"):
            verify(path, "in.pdf", password=None, pages=2 if damage else 3, streams={})


def test_spool_gives_back_what_it_got():
    spool = Spool()
    pieces = [bytes([n]) * (SMALL * 2 + n) for n in range(5)] + [b"small"]
    held = [spool.keep(piece) for piece in pieces]
    spool.close()
    assert [bytes(piece) for piece in held] == pieces


def test_spool_needs_no_open_file_for_each_piece(monkeypatch):
    monkeypatch.setattr(_pdf_output, "MAPPED", 4 * SMALL)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    spool, pieces = Spool(), [bytes([n]) * (SMALL + 1) for n in range(100)] + [b"x" * (9 * SMALL)]
    highest = max(int(file.name) for file in Path("/dev/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 60, hard))
    try:
        held = [spool.keep(piece) for piece in pieces]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    spool.close()
    assert [bytes(piece) for piece in held] == pieces


def test_pages_can_be_drawn(draw):
    with open_document(book(draw), "in.pdf", ReadOptions(max_mpixels=0.05)) as document:
        turned, _, digital = (document.render(index) for index in range(3))
    assert turned.pixels.shape[1] > turned.pixels.shape[0]
    assert digital.pixels.size <= 50_000 * 1.02
    assert digital.pixels.min() < 100


def test_several_become_one(draw, tmp_path):
    parts = [tmp_path / "a.pdf", tmp_path / "b.pdf"]
    parts[0].write_bytes(book(draw))
    parts[1].write_bytes(book(draw))
    join(parts, tmp_path / "all.pdf")
    with pymupdf.open(tmp_path / "all.pdf") as whole:
        assert whole.page_count == 6
        assert [entry[2] for entry in whole.get_toc()] == [1, 3, 4, 6]


def test_symbols_that_nobody_uses_go(draw, tool):
    from scanclean.codecs import _jbig2

    pdf = pikepdf.new()
    tones = draw.bars()
    data = _jbig2.encode(tones).data
    symbols = pdf.make_stream(b"")
    parms = pikepdf.Dictionary(JBIG2Globals=symbols)
    for _ in range(2):
        keys = {"filter": "JBIG2Decode", "bits": 1, "DecodeParms": parms}
        draw.add_page(pdf, draw.place(), {"Im0": draw.picture(pdf, tones, data=data, **keys)})
    before = draw.saved(pdf)
    number = tool.image_of(before).DecodeParms.JBIG2Globals.objgen[0]

    def is_there(data):
        return pymupdf.open(stream=data).xref_is_stream(number)

    assert is_there(tool.cleaned(before, read=ReadOptions(pages=((1, 1),))))
    assert not is_there(tool.cleaned(before))


@pytest.mark.parametrize("change", [True, False], ids=["restored", "kept"])
def test_pdf_that_is_written_to_before_it_is_saved_gives_no_mixture(draw, tmp_path, change):
    source, target = tmp_path / "in.pdf", tmp_path / "out.pdf"
    source.write_bytes(draw.scan_pdf(2))
    with (
        pytest.raises(InputError, match="was changed while it was read"),
        open_document(source, "in.pdf", ReadOptions()) as document,
        create(target, document, ".pdf", StoreOptions()) as writer,
    ):
        for page in document:
            if change:
                writer.add(writer.encode(replace(page, pixels=255 - page.pixels)))
        source.write_bytes(source.read_bytes() + b"% more")
    assert [path.name for path in tmp_path.iterdir()] == ["in.pdf"]
