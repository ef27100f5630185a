import io
from dataclasses import replace

import numpy as np
import pikepdf
import pytest

from scanclean.config import StoreOptions


def srgb_profile(draw):
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def tint(pdf, inks):
    """A colour space of named inks: as much gray as their mean."""
    code = " ".join(["add"] * (inks - 1)) + f" {inks} div 0 exch 0 exch 0 exch"
    function = pdf.make_stream(f"{{{code}}}".encode())
    function.FunctionType = 4
    function.Domain = pikepdf.Array([0, 1] * inks)
    function.Range = pikepdf.Array([0, 1] * 4)
    names = [pikepdf.Name(f"/Ink{n}") for n in range(inks)]
    if inks == 1:
        return pikepdf.Array([pikepdf.Name.Separation, names[0], pikepdf.Name.DeviceCMYK, function])
    return pikepdf.Array(
        [pikepdf.Name.DeviceN, pikepdf.Array(names), pikepdf.Name.DeviceCMYK, function]
    )


def odd_picture(pdf, draw, kind):  # noqa: C901  # a table with a row for each kind
    gray, rgb = draw.paper(channels=1), draw.paper()
    name = pikepdf.Name
    if kind == "icc":
        profile = pdf.make_stream(srgb_profile(draw), N=3)
        return draw.picture(pdf, rgb, space=pikepdf.Array([name.ICCBased, profile]))
    if kind == "cal":
        white = pikepdf.Dictionary(WhitePoint=[0.9505, 1, 1.089], Gamma=[2.2] * 3)
        white.Matrix = pikepdf.Array(
            [0.4124, 0.2126, 0.0193, 0.3576, 0.7152, 0.1192, 0.1805, 0.0722, 0.9505]
        )
        return draw.picture(pdf, rgb, space=pikepdf.Array([name.CalRGB, white]))
    if kind == "cmyk":
        ink = np.concatenate([255 - rgb, np.zeros_like(rgb[..., :1])], axis=2)
        return draw.picture(pdf, ink, space=name.DeviceCMYK)
    if kind == "lab":
        lab = np.stack([gray, gray * 0 + 130, gray * 0 + 140], axis=2)
        space = pikepdf.Array([name.Lab, pikepdf.Dictionary(WhitePoint=[0.9505, 1, 1.089])])
        return draw.picture(pdf, lab, space=space)
    if kind == "separation":
        return draw.picture(pdf, 255 - gray, space=tint(pdf, 1))
    if kind == "devicen":
        return draw.picture(pdf, np.stack([255 - gray] * 2, axis=2), space=tint(pdf, 2))
    if kind == "palette":
        table = bytes(v for level in range(256) for v in (level, level, level * 3 // 4))
        space = pikepdf.Array([name.Indexed, name.DeviceRGB, 255, pikepdf.String(table)])
        return draw.picture(pdf, gray, space=space)
    if kind == "four bits":
        four = gray // 17
        return draw.picture(pdf, gray, data=(four[:, ::2] << 4 | four[:, 1::2]).tobytes(), bits=4)
    if kind == "sixteen bits":
        return draw.picture(pdf, gray, data=np.repeat(gray, 2, axis=1).tobytes(), bits=16)
    if kind == "inverted":
        return draw.picture(pdf, 255 - gray, Decode=[1, 0])
    return draw.picture(pdf, gray if kind == "gray" else rgb)


KINDS = ["gray", "rgb", "icc", "cal", "cmyk", "lab", "separation", "devicen", "palette"]
KINDS += ["four bits", "sixteen bits", "inverted"]


@pytest.mark.parametrize("codec", ["auto", "jp2", "png"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_colour_space_comes_back_as_it_looked(draw, kind, codec, tool):
    pdf = pikepdf.new()
    draw.add_page(pdf, draw.place(), {"Im0": odd_picture(pdf, draw, kind)})
    before = draw.saved(pdf)
    after = tool.cleaned(before, store=StoreOptions(codec=codec))
    a, b = tool.rendered(before), tool.rendered(after)
    assert not np.array_equal(a[:8, :8], b[:8, :8])
    assert np.abs(a - b)[10:].mean() < 3
    assert np.abs(a[10:].mean((0, 1)) - b[10:].mean((0, 1))).max() < 1.5


@pytest.mark.parametrize("codec", ["jpeg", "png"])
def test_profile_is_kept(draw, codec, tool):
    pdf = pikepdf.new()
    draw.add_page(pdf, draw.place(), {"Im0": odd_picture(pdf, draw, "icc")})
    data = tool.cleaned(draw.saved(pdf), store=StoreOptions(codec=codec))
    space = tool.image_of(data).ColorSpace
    base = space[1] if space[0] == "/Indexed" else space
    assert base[0] == "/ICCBased"
    assert base[1].read_bytes() == srgb_profile(draw)


def test_gray_stays_gray(draw, tool):
    pdf = pikepdf.new()
    draw.add_page(pdf, draw.place(), {"Im0": odd_picture(pdf, draw, "gray")})
    items, _ = tool.clean(draw.saved(pdf), io.BytesIO())
    assert items[0].pixels.ndim == 2
    assert tool.image_of(tool.cleaned(draw.saved(pdf))).ColorSpace == "/DeviceGray"


def two_tone(pdf, draw, kind):
    tones = draw.bars()
    name, string = pikepdf.Name, pikepdf.String
    if kind == "plain":
        return draw.picture(pdf, tones, data=draw.packed(tones), bits=1)
    if kind == "decode":
        return draw.picture(pdf, tones, data=draw.packed(tones, 1), bits=1, Decode=[1, 0])
    if kind == "ink":
        return draw.picture(pdf, tones, data=draw.packed(tones, 1), bits=1, space=tint(pdf, 1))
    table = {"palette": b"\0\0\0\xff\xff\xff", "colours": b"\x20\x20\x80\xf0\xe8\xd0"}[kind]
    space = pikepdf.Array([name.Indexed, name.DeviceRGB, 1, string(table)])
    return draw.picture(pdf, tones, data=draw.packed(tones), bits=1, space=space)


@pytest.mark.parametrize("kind", ["plain", "decode", "ink", "palette", "colours"])
def test_two_tones_stay_one_bit_and_their_colours(draw, kind, tool):
    pdf = pikepdf.new()
    draw.add_page(pdf, draw.place(), {"Im0": two_tone(pdf, draw, kind)})
    before = draw.saved(pdf)
    items, _ = tool.clean(before, io.BytesIO())
    assert items[0].bitonal
    assert np.array_equal(items[0].pixels, draw.bars())
    after = tool.cleaned(before)
    image = tool.image_of(after)
    assert (image.BitsPerComponent, image.Filter) == (1, "/CCITTFaxDecode")
    difference = np.abs(tool.rendered(before, dpi=144) - tool.rendered(after, dpi=144))
    assert np.abs(difference[40:]).mean() < 2
    assert difference[:16, :16].mean() > 20


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("codec", ["png", "jpeg", "jp2", "g4"])
@pytest.mark.parametrize("kind", ["plain", "ink", "palette", "colours"])
def test_two_tones_look_the_same_however_they_are_stored(draw, kind, codec, gray, tool):
    pdf = pikepdf.new()
    draw.add_page(pdf, draw.place(), {"Im0": two_tone(pdf, draw, kind)})
    before = draw.saved(pdf)

    def change(page):
        return replace(tool.touched(page), bitonal=not gray)

    after = tool.cleaned(before, change, store=StoreOptions(codec=codec))
    shown, expected = tool.rendered(after), tool.rendered(before)
    if gray and kind == "colours":  # its two colours are black and white then
        expected = np.where(expected.mean(axis=2, keepdims=True) < 128, 0, 255)
    assert np.abs(shown - expected)[20:].mean() < 12


@pytest.mark.parametrize("space", ["name", "array", "calibrated", "profile"])
def test_three_components_of_one_bit_are_eight_colours_not_two_tones(draw, tool, space):
    pdf = pikepdf.new()
    white = np.full((160, 128, 3), 255, np.uint8)
    for k, colour in enumerate([(255, 0, 0), (0, 0, 255), (0, 255, 0), (0, 0, 0)]):
        white[20 + 30 * k : 40 + 30 * k, 20:100] = colour
    bits = np.packbits(white.reshape(160, -1) > 0, axis=1).tobytes()
    profile = pdf.make_stream(srgb_profile(draw))
    profile.N = 3
    point = pikepdf.Dictionary(WhitePoint=pikepdf.Array([0.95, 1, 1.09]))
    spaces = {
        "name": pikepdf.Name.DeviceRGB,
        "array": pikepdf.Array([pikepdf.Name.DeviceRGB]),
        "calibrated": pikepdf.Array([pikepdf.Name.CalRGB, point]),
        "profile": pikepdf.Array([pikepdf.Name.ICCBased, pdf.make_indirect(profile)]),
    }
    picture = draw.picture(pdf, white, data=bits, bits=1, space=spaces[space])
    draw.add_page(pdf, draw.place(), {"Im0": picture})
    before = draw.saved(pdf)
    after = tool.cleaned(before, store=StoreOptions(codec="png"))
    old, new = (tool.rendered(data)[10:, 10:] for data in (before, after))
    assert np.ptp(old, axis=2).max() > 200 and np.abs(new - old).max() <= 8


def test_neutral_colours_that_a_page_means_otherwise_look_the_same(draw, tool):
    pdf = pikepdf.new()
    pixels = np.repeat(draw.paper(channels=1)[..., None], 3, axis=2)
    page = draw.add_page(pdf, draw.place(), {"Im0": draw.picture(pdf, pixels)})
    white = pikepdf.Dictionary(WhitePoint=[0.9505, 1, 1.089], Gamma=[1.2] * 3)
    page.Resources.ColorSpace = pikepdf.Dictionary(
        DefaultRGB=pikepdf.Array([pikepdf.Name.CalRGB, white])
    )
    before = draw.saved(pdf)
    after = tool.cleaned(before)
    difference = np.abs(tool.rendered(before) - tool.rendered(after))[20:]
    assert difference.mean() < 3
    assert tool.image_of(after).ColorSpace == "/DeviceRGB"


@pytest.mark.parametrize("intent", [False, True])
def test_inks_become_srgb_that_is_declared_where_the_document_is_made_for_others(
    draw, tool, intent
):
    pdf = pikepdf.new()
    inks = np.zeros((160, 120, 4), np.uint8)
    inks[..., 3] = 255 - draw.paper(channels=1)
    inks[..., 0] = 30
    image = draw.picture(pdf, inks, space=pikepdf.Name.DeviceCMYK)
    draw.add_page(pdf, draw.place(), {"Im0": image})
    if intent:
        made_for = pikepdf.Dictionary(Type=pikepdf.Name.OutputIntent, S=pikepdf.Name.GTS_PDFA1)
        pdf.Root.OutputIntents = pikepdf.Array([pdf.make_indirect(made_for)])
    before = draw.saved(pdf)
    after = tool.cleaned(before)
    space = tool.image_of(after).ColorSpace
    if intent:
        assert space[0] == "/ICCBased"
        assert (space[1].N, space[1].read_bytes()[16:20]) == (3, b"RGB ")
    else:
        assert space == "/DeviceRGB"
    assert np.abs(tool.rendered(before) - tool.rendered(after))[20:].mean() < 3
