import io
import re

import numpy as np
import pikepdf
import pymupdf
import pytest

from scanclean.config import ReadOptions
from scanclean.documents import open_document
from scanclean.errors import InputError, LockedError, RefusedError
from scanclean.page import Page

MORE = {3: {"aes": False, "metadata": False}}


def locked(draw, user, r=6):
    may = pikepdf.Permissions(extract=False)
    lock = pikepdf.Encryption(user=user, owner="boss", R=r, allow=may, **MORE.get(r, {}))
    file = io.BytesIO()
    with pikepdf.open(io.BytesIO(draw.scan_pdf())) as pdf:
        pdf.save(file, encryption=lock, compress_streams=False)
    return file.getvalue()


@pytest.mark.parametrize("password", [None, "", "wrong"])
def test_locked_document_needs_its_password(draw, password):
    with pytest.raises(LockedError, match="password") as caught:
        open_document(locked(draw, "sesame"), "in.pdf", ReadOptions(password=password))
    assert caught.value.hint


@pytest.mark.parametrize("r", [3, 4, 6])
@pytest.mark.parametrize("user", ["", "sesame"], ids=["owner", "user"])
def test_lock_stays(draw, user, r, tool):
    before = locked(draw, user, r)
    after = tool.cleaned(before, read=ReadOptions(password=user or None))
    for password in (user, "boss"):
        with (
            pikepdf.open(io.BytesIO(before), password=password) as old,
            pikepdf.open(io.BytesIO(after), password=password) as new,
        ):
            assert new.is_encrypted
            assert (new.allow, new.encryption.R) == (old.allow, old.encryption.R)
            raw = [p.pages[0].Resources.XObject.Im0.read_raw_bytes() for p in (old, new)]
            assert raw[0] != raw[1]
    if user:
        with pytest.raises(pikepdf.PasswordError):
            pikepdf.open(io.BytesIO(after))


def signed(draw):
    pdf = pikepdf.open(io.BytesIO(draw.scan_pdf()))
    value = pikepdf.Dictionary(Type=pikepdf.Name.Sig, ByteRange=[0, 1, 2, 3], Contents=b"\0" * 8)
    field = pikepdf.Dictionary(FT=pikepdf.Name.Sig, T="s", V=pdf.make_indirect(value))
    pdf.Root.AcroForm = pikepdf.Dictionary(
        Fields=pikepdf.Array([pdf.make_indirect(field)]), SigFlags=3
    )
    return draw.saved(pdf)


def test_signed_document_is_refused_unless_asked(draw, tool):
    with pytest.raises(RefusedError, match="signed"):
        open_document(signed(draw), "in.pdf", ReadOptions())
    assert tool.cleaned(signed(draw), read=ReadOptions(allow_signed=True))


def test_empty_signature_field_is_no_signature(draw, tool):
    pdf = pikepdf.open(io.BytesIO(signed(draw)))
    del pdf.Root.AcroForm.Fields[0].V
    assert tool.cleaned(draw.saved(pdf))


@pytest.mark.parametrize("tag", ["", "<dynamicRender>", "<x:dynamicRender xmlns:x='y'>\n "])
def test_dynamic_form_is_refused(draw, tag):
    pdf = pikepdf.open(io.BytesIO(draw.scan_pdf()))
    if not tag:
        pdf.Root.NeedsRendering = True
    else:
        xfa = pdf.make_stream(f"<config>{tag}required\n</dynamicRender></config>".encode())
        pdf.Root.AcroForm = pikepdf.Dictionary(Fields=pikepdf.Array(), XFA=xfa)
    with pytest.raises(RefusedError, match="dynamic"):
        open_document(draw.saved(pdf), "in.pdf", ReadOptions(allow_signed=True))


@pytest.mark.parametrize("count", [-1, 0, 2, 9])
def test_pages_beyond_a_wrong_count_are_not_left_out(draw, tool, count):
    pdf = pikepdf.open(io.BytesIO(draw.scan_pdf(4)))
    pages = pdf.Root.Pages.Kids
    inner = pdf.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.Pages, Count=2))
    inner.Kids, inner.Parent = pikepdf.Array(list(pages)[2:]), pdf.Root.Pages
    for page in inner.Kids:
        page.Parent = inner
    pdf.Root.Pages.Kids = pikepdf.Array([*list(pages)[:2], inner])
    data = draw.saved(pdf)
    assert data.count(b"/Count 4") == 1
    items, encoded = tool.clean(data.replace(b"/Count 4", b"/Count %d" % count), io.BytesIO())
    assert [item.index for item in items] == [0, 1, 2, 3] and len(encoded) == 4
    with open_document(data, "in.pdf", ReadOptions()) as document:
        assert not document.warnings
    with open_document(data.replace(b"/Count 4", b"/Count 2"), "in.pdf", ReadOptions()) as document:
        assert "number of pages" in document.warnings[0]


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_lost_page_takes_no_other_page_with_it(draw, lost):
    """What is damaged is left to the number that the document gives."""
    data = draw.scan_pdf(3)
    kids = data[data.index(b"/Kids") :].split(b"]")[0]
    page = kids[kids.index(b"[") + 1 :].split(b" R")[lost]
    gone = kids.replace(page + b" R", b"0 0".rjust(len(page)) + b" R")
    with open_document(data.replace(kids, gone), "in.pdf", ReadOptions()) as document:
        assert len(document) == 3 and not document.warnings
        items = list(document)
    assert [isinstance(item, Page) for item in items] == [index != lost for index in range(3)]
    assert items[lost].action == "copied" and "nothing is left of it" in items[lost].reason


def test_object_numbers_far_beyond_the_file_are_refused(draw):
    data = draw.scan_pdf()
    for number, fine in ((9_000, True), (5_000_000, False)):
        added = b"\n%d 0 obj\n(more)\nendobj\n" % number
        root, before = data[data.rindex(b"/Root") :].split(b"R")[0], data.split()[-2]
        table = b"xref\n%d 1\n%010d 00000 n \ntrailer\n" % (number, len(data) + 1)
        keys = b"<</Size %d %sR/Prev %s>>\n" % (number + 1, root, before)
        end = b"startxref\n%d\n%%%%EOF\n" % len(data + added)
        sparse = data + added + table + keys + end
        if fine:
            open_document(sparse, "in.pdf", ReadOptions()).__exit__(None, None, None)
            continue
        with pytest.raises(InputError, match="numbered up to 5000000"):
            open_document(sparse, "in.pdf", ReadOptions())


def test_large_page_is_refused_before_it_is_decoded(draw):
    pdf = pikepdf.new()
    bomb = draw.picture(pdf, draw.bars(8, 8), data=b"\0", filter="CCITTFaxDecode", bits=1)
    bomb.Width = bomb.Height = 40_000
    draw.add_page(pdf, draw.place(), {"Im0": bomb})
    data = draw.saved(pdf)
    with pytest.raises(InputError, match="page 1 .* 1600 mpixels"):
        open_document(data, "in.pdf", ReadOptions())
    with open_document(data, "in.pdf", ReadOptions(pages=((2, None),))) as document:
        assert next(iter(document)).action == "skipped"


def test_large_page_of_small_tiles_is_refused(draw):
    pdf = pikepdf.new()
    tiles = {n: draw.picture(pdf, draw.paper(120, 80, seed=s)) for s, n in enumerate("AB")}
    draw.add_page(pdf, draw.place("A", 120, 80, 0, 80) + draw.place("B", 120, 80), tiles)
    with pytest.raises(InputError, match="mpixels"):
        open_document(draw.saved(pdf), "in.pdf", ReadOptions(max_mpixels=0.015))


def test_large_figure_is_no_reason_to_refuse(draw, tool):
    pdf = pikepdf.open(io.BytesIO(draw.scan_pdf()))
    figure = draw.picture(pdf, draw.paper(300, 300))
    draw.add_page(pdf, draw.place("Im0", 30, 30), {"Im0": figure})
    assert tool.cleaned(draw.saved(pdf), read=ReadOptions(max_mpixels=0.05))


def cut_jpeg(draw):
    pdf = pikepdf.open(io.BytesIO(draw.scan_pdf(2)))
    image = pdf.pages[0].Resources.XObject.Im0
    image.write(image.read_raw_bytes()[:1500], filter=pikepdf.Name.DCTDecode)
    return draw.saved(pdf)


def test_cut_off_picture_is_copied_and_the_job_goes_on(draw, tool):
    items, _ = tool.clean(cut_jpeg(draw), io.BytesIO())
    assert (items[0].action, type(items[1])) == ("copied", Page)
    assert "damaged" in items[0].reason
    raw = [
        tool.image_of(d).read_raw_bytes() for d in (cut_jpeg(draw), tool.cleaned(cut_jpeg(draw)))
    ]
    assert raw[0] == raw[1]


def test_strict_makes_a_bad_page_an_error(draw, tool):
    with pytest.raises(InputError, match="page 1"):
        tool.cleaned(cut_jpeg(draw), read=ReadOptions(strict=True))


@pytest.mark.parametrize(
    "data", [b"%PDF-1.4\n", b"%PDF-1.4\n%%EOF\n", b"%PDF-1.4\n1 0 obj\n<<>>\n"]
)
def test_no_document_is_an_input_error(data):
    with pytest.raises(InputError, match=r"in\.pdf"):
        open_document(data, "in.pdf", ReadOptions())


def test_a_page_whose_contents_are_cut_off_is_not_called_blank(draw, tool):
    pdf = pikepdf.open(io.BytesIO(draw.scan_pdf(2)))
    pdf.add_blank_page()
    data = draw.saved(pdf, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    contents = [match.span() for match in re.finditer(rb"\d+ 0 obj.*?endobj", data, re.DOTALL)]
    start, end = [(a, b) for a, b in contents if b" cm" in data[a:b] and b"Do" in data[a:b]][1]
    items, _ = tool.clean(data[:start] + data[end:], io.BytesIO())
    assert [type(items[0]), items[1].action, items[2].reason] == [Page, "copied", "blank page"]


def test_damaged_document_is_mended_and_that_is_said(draw, tool):
    data = draw.scan_pdf(2).replace(b"startxref", b"startxxxx")
    with open_document(data, "in.pdf", ReadOptions()) as document:
        assert any("damaged" in warning for warning in document.warnings)
    assert len(pymupdf.open(stream=tool.cleaned(data))) == 2
    with pytest.raises(InputError, match="damaged"):
        open_document(data, "in.pdf", ReadOptions(strict=True))


@pytest.mark.parametrize("seed", range(30))
def test_mutated_documents_end_with_an_answer(draw, seed, tool):
    rng = np.random.default_rng(seed)
    data = bytearray(draw.scan_pdf(2))
    for at in rng.integers(0, len(data), 12):
        data[at] = rng.integers(256)
    if seed % 3 == 0:
        data = data[: int(rng.integers(1, len(data)))]
    try:
        after = tool.cleaned(bytes(data))
    except (InputError, LockedError, RefusedError):
        return
    assert len(pymupdf.open(stream=after, filetype="pdf")) > 0


def partly(draw, **changes):
    """A locked scan whose lock was changed to leave something readable."""
    data = io.BytesIO()
    with pikepdf.open(io.BytesIO(draw.scan_pdf())) as pdf:
        lock = pikepdf.Encryption(user="", owner="boss", R=4, **changes)
        mode = pikepdf.ObjectStreamMode.disable
        pdf.save(data, encryption=lock, compress_streams=False, object_stream_mode=mode)
    return data.getvalue()


def test_what_is_locked_in_part_is_refused_before_anything_is_written(draw, tool):
    whole = partly(draw, aes=True, metadata=True)
    assert tool.cleaned(whole)
    for data in (
        partly(draw, aes=True, metadata=False),
        whole.replace(b"/StrF /StdCF", b"/StrF /Identity"),
        whole.replace(b"/Filter /DCTDecode", b"/Filter [/Crypt /DCTDecode]"),
    ):
        assert data != whole
        out = io.BytesIO()
        with pytest.raises(LockedError, match="only parts"):
            tool.clean(data, out)
        assert out.getvalue() == b""
