"""Unusual ways to put a scan on a page: each comes back in its place, or is left alone.

A row of `KINDS` draws a document whose first page is a scan, and says what has to happen to it.
"""

import base64
import io
import zlib
from dataclasses import replace

import numpy as np
import pikepdf
import pytest
from PIL import Image

from scanclean.config import StoreOptions
from scanclean.documents.pdf import differences
from scanclean.page import Kept

Name, Array, Dictionary, String = pikepdf.Name, pikepdf.Array, pikepdf.Dictionary, pikepdf.String


def one(draw, content=None, name="Im0", prepare=None, size=(120, 160), **picture):
    """A document with one picture on one page."""
    pdf = pikepdf.new()
    pixels = picture.pop("pixels", None)
    pixels = draw.paper() if pixels is None else pixels
    image = draw.picture(pdf, pixels, **picture)
    page = draw.add_page(pdf, content or draw.place(), {name: image}, size)
    if prepare:
        prepare(pdf, page, image)
    return draw.saved(pdf)


# ------------------------------------------------------------------ colour spaces


def indexed(draw, base, bits=8, values=256):
    gray = draw.paper(channels=1)
    index = (gray.astype(int) * (values - 1) // 255).astype(np.uint8)
    levels = [n * 255 // (values - 1) for n in range(values)]
    ink = base == Name.DeviceCMYK
    table = bytes(v for g in levels for v in ((0, 0, 0, 255 - g) if ink else (g, g, g * 3 // 4)))
    fields = np.unpackbits(index[..., None], axis=2)[..., 8 - bits :].reshape(len(index), -1)
    data = np.packbits(fields, axis=1).tobytes()
    space = Array([Name.Indexed, base, values - 1, String(table)])
    return one(draw, pixels=gray, data=data, bits=bits, space=space)


def profiled(draw, components, alternate):
    def prepare(pdf, page, image):
        # A profile that says nothing: readers then take the alternate.
        profile = pdf.make_stream(b"no profile", N=components, Alternate=Name(alternate))
        image.ColorSpace = Array([Name.ICCBased, profile])

    gray = draw.paper(channels=1)
    pixels = gray if components == 1 else np.stack([255 - gray] * components, axis=2)
    return one(draw, pixels=pixels, prepare=prepare, space=Name.DeviceGray)


def named_space(draw):
    def prepare(pdf, page, image):
        page.Resources.ColorSpace = Dictionary(Mine=Name.DeviceRGB, DefaultRGB=cal(3))
        image.ColorSpace = Name.DeviceRGB

    return one(draw, prepare=prepare)


def cal(components):
    white = Dictionary(WhitePoint=Array([0.9505, 1, 1.089]))
    return Array([Name.CalGray if components == 1 else Name.CalRGB, white])


def inks(pdf, names, code):
    function = pdf.make_stream(code)
    function.FunctionType, function.Domain = 4, Array([0, 1] * len(names))
    function.Range = Array([0, 1] * 3)
    kind = [Name.Separation, names[0]] if len(names) == 1 else [Name.DeviceN, Array(names)]
    return Array([*kind, Name.DeviceRGB, function])


def all_inks(draw):
    def prepare(pdf, page, image):
        image.ColorSpace = inks(pdf, [Name.All], b"{1 exch sub dup dup}")

    return one(draw, pixels=255 - draw.paper(channels=1), prepare=prepare)


def three_inks(draw):
    def prepare(pdf, page, image):
        names = [Name("/Pantone 1"), Name.Cyan, Name("/None")]
        image.ColorSpace = inks(pdf, names, b"{pop pop 1 exch sub dup dup}")

    return one(draw, pixels=255 - draw.paper(), prepare=prepare)


SPACES = {
    "palette of 16": lambda draw: indexed(draw, Name.DeviceRGB, 4, 16),
    "palette of 4": lambda draw: indexed(draw, Name.DeviceRGB, 2, 4),
    "palette of inks": lambda draw: indexed(draw, Name.DeviceCMYK),
    "palette of cal": lambda draw: indexed(draw, cal(3)),
    "cal gray": lambda draw: one(draw, pixels=draw.paper(channels=1), space=cal(1)),
    "bad gray profile": lambda draw: profiled(draw, 1, "/DeviceGray"),
    "bad ink profile": lambda draw: profiled(draw, 4, "/DeviceCMYK"),
    "default space": named_space,
    "all inks": all_inks,
    "three inks": three_inks,
    "inverted colours": lambda draw: one(draw, pixels=255 - draw.paper(), Decode=[1, 0] * 3),
    "short range": lambda draw: one(draw, Decode=[0.0, 0.9] * 3),
}

# ------------------------------------------------------------------ filters


def chain(draw, filters, data, **keys):
    pixels = draw.paper()

    def prepare(pdf, page, image):
        image.Filter = Array([Name("/" + f) for f in filters])

    return one(draw, pixels=pixels, data=data(draw, pixels), prepare=prepare, **keys)


def hexed(data):
    return data.hex().encode() + b">"


def run_length(data):
    pieces = (data[n : n + 128] for n in range(0, len(data), 128))
    return b"".join(bytes([len(piece) - 1]) + piece for piece in pieces) + b"\x80"


def lzw(data):
    """Without compression: 9-bit codes, cleared before they would grow."""
    codes = []
    for start in range(0, len(data), 200):
        codes += [256, *data[start : start + 200]]
    bits = "".join(f"{code:09b}" for code in [*codes, 257])
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")


def up_filtered(pixels):
    rows = pixels.reshape(len(pixels), -1)
    above = np.vstack([np.zeros_like(rows[:1]), rows[:-1]])
    return b"".join(b"\2" + row.tobytes() for row in rows - above)


def predicted(draw):
    parms = Dictionary(Predictor=15, Colors=3, BitsPerComponent=8, Columns=120)
    data = zlib.compress(up_filtered(draw.paper()))
    return one(draw, data=data, filter="FlateDecode", DecodeParms=parms)


def fax(draw, group, **parms):
    tones = draw.bars()
    file = io.BytesIO()
    picture = Image.fromarray(tones).convert("1")
    picture.save(file, "TIFF", compression=group, tiffinfo={278: len(tones)})
    with Image.open(file) as opened:
        (start,), (length,) = opened.tag_v2[273], opened.tag_v2[279]
        order = opened.tag_v2.get(266, 1)
    data = file.getvalue()[start : start + length]
    assert order == 1
    keys = Dictionary(Columns=128, Rows=160, BlackIs1=True, **parms)
    return one(
        draw, pixels=tones, data=data, filter="CCITTFaxDecode", bits=1, DecodeParms=keys,
        space=Name.DeviceGray,
    )  # fmt: skip


def jpeg_2000(draw, channels, spaced=True, **keys):
    pixels = draw.paper() if channels > 2 else draw.paper(channels=1)
    if channels in (2, 4):
        pixels = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG2000")

    def prepare(pdf, page, image):
        if not spaced:
            del image["/ColorSpace"]
            del image["/BitsPerComponent"]

    space = Name.DeviceGray if channels < 3 else Name.DeviceRGB
    return one(
        draw, pixels=pixels, data=file.getvalue(), filter="JPXDecode", prepare=prepare,
        space=space, **keys,
    )  # fmt: skip


FILTERS = {
    "hex": lambda d: chain(d, ["ASCIIHexDecode"], lambda d, p: hexed(p.tobytes())),
    "85 over jpeg": lambda d: chain(
        d, ["ASCII85Decode", "DCTDecode"], lambda d, p: base64.a85encode(d.jpeg(p)) + b"~>"
    ),
    "flate over jpeg": lambda d: chain(
        d, ["FlateDecode", "DCTDecode"], lambda d, p: zlib.compress(d.jpeg(p))
    ),
    "short names": lambda d: chain(d, ["Fl", "DCT"], lambda d, p: zlib.compress(d.jpeg(p))),
    "lzw": lambda d: chain(d, ["LZWDecode"], lambda d, p: lzw(p.tobytes())),
    "runs": lambda d: chain(d, ["RunLengthDecode"], lambda d, p: run_length(p.tobytes())),
    "no filter": lambda d: chain(d, [], lambda d, p: p.tobytes()),
    "prediction": predicted,
    "fax group 3": lambda d: fax(d, "group3", K=0),
    "fax group 4": lambda d: fax(d, "group4", K=-1),
    "jpeg 2000": lambda d: jpeg_2000(d, 3),
    "jpeg 2000 gray": lambda d: jpeg_2000(d, 1, spaced=False),
    "jpeg 2000 untold": lambda d: jpeg_2000(d, 3, spaced=False),
    "jpeg 2000 with alpha": lambda d: jpeg_2000(d, 4, spaced=False),
}

# ------------------------------------------------------------------ places


def turned(draw, rotate=0, matrix="120 0 0 160 0 0", **page):
    def prepare(pdf, leaf, image):
        leaf.Rotate = rotate
        for key, value in page.items():
            leaf[f"/{key}"] = value

    return one(draw, f"q {matrix} cm /Im0 Do Q", prepare=prepare)


PLACES = {
    **{f"rotated {n}": lambda d, n=n: turned(d, n) for n in (90, 180, 270, -90, 450)},
    "mirrored": lambda d: turned(d, matrix="-120 0 0 160 120 0"),
    "upside down": lambda d: turned(d, 90, matrix="120 0 0 -160 0 160"),
    "leaning": lambda d: turned(d, matrix="118 6 -6 158 4 -2"),
    "unit": lambda d: turned(d, UserUnit=7.5),
    "reversed box": lambda d: turned(d, MediaBox=Array([120, 160, 0, 0])),
    "far box": lambda d: turned(
        d, matrix="120 0 0 160 -5000 900", MediaBox=Array([-5000, 900, -4880, 1060])
    ),
    "crop outside": lambda d: turned(d, CropBox=Array([-50, -50, 500, 500])),
    "crop inside": lambda d: turned(d, CropBox=Array([10, 10, 100, 140])),
    "box of references": lambda d: one(
        d, prepare=lambda pdf, page, _: page.__setitem__(
            "/MediaBox", pdf.make_indirect(Array([0, 0, 120, pdf.make_indirect(160)]))
        ),
    ),
    "pieces of content": lambda d: one(
        d, prepare=lambda pdf, page, _: page.__setitem__(
            "/Contents",
            Array([pdf.make_stream(b"q 120 0 0"), pdf.make_stream(b"160 0 0 cm/Im0 Do Q")]),
        ),
    ),
}  # fmt: skip

# ------------------------------------------------------------------ names


NAMES = {
    "space": ("Im 0", "/Im#200"),
    "slash": ("Im/0", "/Im#2f0"),
    "unicode": ("Bild ä 像", "/Bild#20#c3#a4#20#e5#83#8f"),
    "raw unicode": ("Bildä", "/Bildä"),
    "hash": ("Im#0", "/Im#230"),
    "digits": ("0", "/0"),
    "long": ("x" * 127, "/" + "x" * 127),
    "signs": ("a.b-c*d", "/a.b-c*d"),
}


def called(draw, name, written):
    pdf = pikepdf.new()
    image = draw.picture(pdf, draw.paper())
    page = draw.add_page(pdf, "", {})
    page.Contents = pdf.make_stream(f"q 120 0 0 160 0 0 cm {written} Do Q".encode())
    page.Resources.XObject[f"/{name}"] = image
    return draw.saved(pdf)


# ------------------------------------------------------------------ trees


def tree(draw, build):
    pdf = pikepdf.open(io.BytesIO(draw.scan_pdf(2)))
    build(pdf, pdf.Root.Pages)
    return draw.saved(pdf)


def inherit(pdf, pages):
    first, second = (page.obj for page in pdf.pages)
    middle = pdf.make_indirect(Dictionary(Type=Name.Pages, Parent=pages, Count=2))
    middle.MediaBox, middle.Rotate = first.MediaBox, 90
    middle.CropBox = Array([0, 0, 110, 150])
    pages.Resources = first.Resources
    for key in ("/MediaBox", "/Resources"):
        del first[key]
    middle.Kids, pages.Kids = Array([first, second]), Array([middle])
    first.Parent = second.Parent = middle


def deepen(pdf, pages):
    first, second = (page.obj for page in pdf.pages)
    node = pages
    for _ in range(60):
        below = pdf.make_indirect(Dictionary(Type=Name.Pages, Parent=node, Count=2))
        node.Kids = Array([below])
        node = below
    node.Kids = Array([first, second])
    first.Parent = second.Parent = node


def widen(pdf, pages):
    for _ in range(150):
        pages.Kids.append(pdf.make_indirect(Dictionary(
            Type=Name.Page, Parent=pages, MediaBox=Array([0, 0, 9, 9]))))  # fmt: skip
    pages.Count = 152


def loop(pdf, pages):
    middle = pdf.make_indirect(Dictionary(Type=Name.Pages, Parent=pages, Count=1))
    middle.Kids = Array([pages])
    pages.Kids.append(middle)


def miscount(pdf, pages):
    pages.Count = 2
    pages.Kids.append(pdf.make_indirect(Dictionary(Type=Name.Font)))


def untyped(pdf, pages):
    for page in pdf.pages:
        del page.obj["/Type"]


TREES = {
    "inherited": inherit,
    "deep": deepen,
    "wide": widen,
    "loop": loop,
    "miscounted": miscount,
    "untyped": untyped,
}

# ------------------------------------------------------------------ forms


def form(pdf, content, things=None, **keys):
    made = pdf.make_stream(content.encode())
    made.Type, made.Subtype, made.BBox = Name.XObject, Name.Form, Array([-999, -999, 999, 999])
    if things:
        made.Resources = Dictionary(XObject=Dictionary(things))
    for key, value in keys.items():
        made[f"/{key}"] = value
    return made


def nested(draw, depth):
    pdf = pikepdf.new()
    inner, content = draw.picture(pdf, draw.paper()), "/X Do"
    for level in range(depth):
        shift = Array([1, 0, 0, 1, 1 if level else 0, 0])
        inner = form(pdf, content, {"/X": inner}, Matrix=shift)
    matrix = f"q 120 0 0 160 {-120 * (depth - 1)} 0 cm /X Do Q"
    draw.add_page(pdf, matrix, {"X": inner})
    return draw.saved(pdf)


def borrowed(draw):
    """A form without resources of its own: old files take those of the page."""
    pdf = pikepdf.new()
    things = {"Im0": draw.picture(pdf, draw.paper()), "F": form(pdf, "/Im0 Do")}
    draw.add_page(pdf, "q 120 0 0 160 0 0 cm /F Do Q", things)
    return draw.saved(pdf)


def twice(draw):
    """One picture painted twice on the page, small and large."""
    return one(draw, draw.place() + draw.place("Im0", 12, 16, 100, 140))


def one_mask(draw):
    """Two pictures that share a soft mask."""
    pdf = pikepdf.new()
    mask = draw.picture(pdf, draw.bars(120, 160) * 0 + 255)
    for seed in range(2):
        image = draw.picture(pdf, draw.paper(seed=seed), SMask=mask)
        draw.add_page(pdf, draw.place(), {"Im0": image})
    return draw.saved(pdf)


def opaque_mask(draw, **keys):
    pdf = pikepdf.new()
    tones = draw.bars(128, 160) * 0
    mask = draw.picture(pdf, tones, data=draw.packed(tones), bits=1, ImageMask=True, **keys)
    draw.add_page(pdf, draw.place(), {"Im0": draw.picture(pdf, draw.paper(), Mask=mask)})
    return draw.saved(pdf)


OTHERS = {
    "form": lambda d: nested(d, 1),
    "forms in forms": lambda d: nested(d, 5),
    "borrowed resources": borrowed,
    "painted twice": twice,
    "shared mask": one_mask,
    "stencil mask": opaque_mask,
}


def stencil(draw, colour="", **keys):
    tones = draw.bars(128, 160)
    keys.setdefault("data", draw.packed(tones))
    content = f"{colour} {draw.place()}"
    return one(draw, content, pixels=tones, bits=1, ImageMask=True, **keys)


def stencil_strips(draw):
    pdf = pikepdf.new()
    tones, content, strips = draw.bars(120, 160), "0 0 0 rg ", {}
    for n in range(4):
        strip = tones[40 * n : 40 * n + 40]
        strips[f"S{n}"] = draw.picture(pdf, strip, data=draw.packed(strip), bits=1, ImageMask=True)
        content += draw.place(f"S{n}", 120, 40, 0, 120 - 40 * n)
    draw.add_page(pdf, content, strips)
    return draw.saved(pdf)


def test_a_stencil_with_no_ink_left_paints_nothing(draw, tool):
    def white(page):
        return replace(page, pixels=page.pixels * 0 + 255)

    for codec in ("auto", "png", "g4", "jpeg"):
        after = tool.cleaned(stencil(draw), white, store=StoreOptions(codec=codec))
        assert (tool.rendered(after) == 255).all()


STENCILS = {
    "black as it begins": stencil,
    "turned": lambda d: stencil(d, data=d.packed(d.bars(128, 160), black=1), Decode=[1, 0]),
    "0 g": lambda d: stencil(d, "1 g 0 g"),
    "0 0 0 1 k": lambda d: stencil(d, "0 0 0 1 k"),
    "strips": stencil_strips,
}

KINDS = {
    **{f"space: {key}": make for key, make in SPACES.items()},
    **{f"filter: {key}": make for key, make in FILTERS.items()},
    **{f"place: {key}": make for key, make in PLACES.items()},
    **{f"name: {key}": lambda d, v=value: called(d, *v) for key, value in NAMES.items()},
    **{f"tree: {key}": lambda d, b=build: tree(d, b) for key, build in TREES.items()},
    **{f"other: {key}": make for key, make in OTHERS.items()},
    **{f"stencil: {key}": make for key, make in STENCILS.items()},
}


def blot(page):
    """The page with a block changed."""
    pixels = page.pixels.copy()
    pixels[34:46, 20:32] = 255 - pixels[34:46, 20:32]
    return replace(page, pixels=pixels)


def readable(data):
    """Whether an independent reader finds no fault."""
    try:
        with pikepdf.open(io.BytesIO(data)) as pdf:
            return not pdf.check_pdf_syntax()
    except pikepdf.PdfError:
        return False


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_a_scan_comes_back_in_its_place(draw, tool, make):
    before = make(draw)
    items, _ = tool.clean(before, io.BytesIO())
    assert not isinstance(items[0], Kept), items[0]
    after = tool.cleaned(before, blot)
    kept = [item.index for item in items if isinstance(item, Kept) and item.action != "restored"]
    assert differences(before, after, unchanged=kept, draw=True) == ()
    difference = np.abs(tool.rendered(before) - tool.rendered(after))
    assert 0.001 < (difference > 30).mean() < 0.05, "only the block was to change"
    assert np.median(difference) < 3
    assert readable(after) or not readable(before)


# ------------------------------------------------------------------ what is left alone


def inline(draw):
    pixels = draw.paper(40, 50, 1)
    pdf = pikepdf.new()
    page = draw.add_page(pdf, "", {})
    head = b"q 120 0 0 160 0 0 cm BI /W 40 /H 50 /BPC 8 /CS /G ID "
    page.Contents = pdf.make_stream(head + pixels.tobytes() + b"\nEI Q")
    return draw.saved(pdf)


def broken(**keys):
    def make(draw):
        def prepare(pdf, page, image):
            for key, value in keys.items():
                if value is None:
                    del image[f"/{key}"]
                else:
                    image[f"/{key}"] = value

        return one(draw, prepare=prepare)

    return make


def lost(draw, *, keep="Resources"):
    pdf = pikepdf.open(io.BytesIO(draw.scan_pdf()))
    gone = pdf.make_indirect(Dictionary())
    page = pdf.pages[0]
    if keep == "Resources":
        page.Resources.XObject.Im0 = gone
    elif keep == "Contents":
        del page.obj["/Resources"]
    else:
        page.Contents = gone
    return draw.saved(pdf)


ALONE = {
    "inline picture": inline,
    "white stencil": lambda d: stencil(d, "1 g"),
    "blue stencil": lambda d: stencil(d, "0 0 1 rg"),
    "stencil in a space of its own": lambda d: stencil(d, "/Spot cs 1 scn"),
    "colour key": broken(Mask=Array([0, 9] * 3)),
    "alpha inside": lambda d: jpeg_2000(d, 4, spaced=False, SMaskInData=1),
    "mask that is none": broken(SMask=Dictionary()),
    "no width": broken(Width=None),
    "width of 0": broken(Width=0),
    "width below 0": broken(Width=-120),
    "unknown filter": broken(Filter=Name.Nonsense),
    "unknown space": broken(ColorSpace=Name.Nonsense),
    "odd bits": broken(BitsPerComponent=7),
    "lost picture": lost,
    "lost content": lambda d: lost(d, keep="page"),
    "lost resources": lambda d: lost(d, keep="Contents"),
}


@pytest.mark.parametrize("make", ALONE.values(), ids=ALONE)
def test_what_cannot_be_cleaned_stays_as_it_is(draw, tool, make):
    before = make(draw)
    items, _ = tool.clean(before, io.BytesIO(), blot)
    assert [type(item) for item in items] == [Kept], items
    assert tool.cleaned(before, blot) == before


# ------------------------------------------------------------------ sharing, strips and tiles


def test_a_scan_that_another_page_shows_as_a_figure_changes_only_where_it_is_a_scan(draw, tool):
    pdf = pikepdf.open(io.BytesIO(draw.scan_pdf()))
    image = pdf.pages[0].Resources.XObject.Im0
    draw.add_page(pdf, draw.place("Im0", 30, 40, 10, 10) + "(words) Tj", {"Im0": image})
    before = draw.saved(pdf)
    items, _ = tool.clean(before, io.BytesIO())
    assert items[1].action == "kept"
    after = tool.cleaned(before, blot)
    assert differences(before, after, unchanged=[1], draw=True) == ()
    assert not np.array_equal(tool.rendered(before), tool.rendered(after))


def test_a_stamp_on_a_scan_is_no_tile(draw, tool):
    pdf = pikepdf.new()
    stamp = draw.picture(pdf, draw.paper(15, 20, seed=1))
    content = draw.place() + draw.place("S", 15, 20, 100, 5)
    draw.add_page(pdf, content, {"Im0": draw.picture(pdf, draw.paper()), "S": stamp})
    (page,), _ = tool.clean(draw.saved(pdf), io.BytesIO())
    assert np.array_equal(page.pixels, draw.paper())


def test_one_picture_on_pages_of_many_sizes_is_cleaned_once(draw, tool):
    pdf = pikepdf.new()
    image = draw.picture(pdf, draw.paper())
    for scale in (1, 2, 0.5):
        size = (120 * scale, 160 * scale)
        draw.add_page(pdf, draw.place("Im0", *size), {"Im0": image}, size)
    before = draw.saved(pdf)
    items, encoded = tool.clean(before, io.BytesIO(), blot)
    assert [getattr(item, "action", "") for item in items] == ["", "restored", "restored"]
    after = tool.cleaned(before, blot)
    assert differences(before, after) == ()
    assert all((tool.rendered(before, n) != tool.rendered(after, n)).any() for n in range(3))


def pieces(draw, places, size=(120, 160), tones=False, gray=()):
    """A page of tiles, each (x, y, width, height) in pixels from the top left."""
    pdf = pikepdf.new()
    whole = draw.bars(*size) if tones else draw.paper(*size)
    content, pictures = "", {}
    for number, (x, y, width, height) in enumerate(places):
        part = np.ascontiguousarray(whole[y : y + height, x : x + width])
        if number in gray:
            part = np.ascontiguousarray(part[..., 1])
        keys = {"data": draw.packed(part), "bits": 1} if tones else {}
        pictures[f"T{number}"] = draw.picture(pdf, part, **keys)
        content += draw.place(f"T{number}", width, height, x, size[1] - y - height)
    draw.add_page(pdf, content, pictures, size)
    return draw.saved(pdf)


TILES = {
    "four": [(0, 0, 60, 80), (60, 0, 60, 80), (0, 80, 60, 80), (60, 80, 60, 80)],
    "uneven": [(0, 0, 100, 33), (100, 0, 20, 33), (0, 33, 7, 127), (7, 33, 113, 127)],
    "overlapping": [(0, 0, 120, 81), (0, 80, 120, 80)],
    "from below": [(0, 120, 120, 40), (0, 80, 120, 40), (0, 40, 120, 40), (0, 0, 120, 40)],
    "rows": [(0, y, 120, 1) for y in range(160)],
}


@pytest.mark.parametrize(("tones", "gray"), [(False, ()), (True, ()), (False, (0, 2))])
@pytest.mark.parametrize("places", TILES.values(), ids=TILES)
def test_tiles_are_cleaned_as_one_and_stored_each(draw, tool, places, tones, gray):
    if tones and any(x % 8 or width % 8 for x, _, width, _ in places):
        places = [(0, y, 120, 40) for y in (0, 40, 80, 120)]
    before = pieces(draw, places, tones=tones, gray=gray)
    items, _ = tool.clean(before, io.BytesIO())
    assert [item.pixels.shape[:2] for item in items] == [(160, 120)]
    assert items[0].bitonal == tones
    after = tool.cleaned(before, blot)
    assert differences(before, after) == ()
    difference = np.abs(tool.rendered(before) - tool.rendered(after))
    assert (difference > 30).mean() < 0.05
    assert (difference[34:46, 20:32] > 30).mean() > 0.5
