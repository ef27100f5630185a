import numpy as np
import pytest

from scanclean.config import StoreOptions
from scanclean.documents._storage import Before, store


def noise(height=200, width=200):
    return np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)


def text(height=200, width=200):
    page = np.full((height, width), 255, np.uint8)
    page[20:180:10, 20:150] = 40
    page[25:180:10, 20:100] = 120
    return page


def test_bitonal_becomes_g4():
    page = np.where(noise() > 128, 255, 0).astype(np.uint8)
    for codec in ("auto", "jpeg", "jp2", "g4"):
        stream, _ = store(page, bitonal=True, before=Before(), options=StoreOptions(codec=codec))
        assert (stream.filter, stream.bits) == ("CCITTFaxDecode", 1)


def test_bitonal_that_outgrows_its_input_becomes_jbig2():
    page = np.where(noise(500, 500) > 250, 0, 255).astype(np.uint8)
    plain, _ = store(page, bitonal=True, before=Before(), options=StoreOptions())
    small, _ = store(page, bitonal=True, before=Before(100), options=StoreOptions())
    asked, _ = store(page, bitonal=True, before=Before(100), options=StoreOptions(codec="g4"))
    assert [s.filter for s in (plain, small, asked)] == [
        "CCITTFaxDecode",
        "JBIG2Decode",
        "CCITTFaxDecode",
    ]
    assert len(small.data) < len(plain.data)


def test_few_grays_become_a_palette():
    stream, _ = store(text(), bitonal=False, before=Before(5000), options=StoreOptions())
    assert (stream.filter, stream.bits) == ("FlateDecode", 2)


def test_what_came_lossy_is_not_stored_lossless():
    stream, _ = store(text(), bitonal=False, before=Before(5000, True), options=StoreOptions())
    assert stream.filter == "DCTDecode"


def test_photographs_become_jpeg():
    stream, _ = store(noise(), bitonal=False, before=Before(), options=StoreOptions())
    assert stream.filter == "DCTDecode"


def test_quality_falls_until_it_is_no_larger_than_before():
    plain, _ = store(noise(), bitonal=False, before=Before(), options=StoreOptions())
    limit = int(0.9 * len(plain.data))
    stream, warnings = store(
        noise(), bitonal=False, before=Before(limit, True), options=StoreOptions()
    )
    assert len(stream.data) <= limit
    assert not warnings


@pytest.mark.parametrize("quality", [0, 44, 70])
def test_what_came_coarse_may_stay_coarse_to_stay_small(quality):
    def size(at):
        options = StoreOptions(quality=at)
        return len(store(noise(), bitonal=False, before=Before(), options=options)[0].data)

    before = Before(size(48), lossy=True, quality=quality)
    stream, _ = store(noise(), bitonal=False, before=before, options=StoreOptions())
    assert len(stream.data) == size(48 if quality == 44 else 64)


def test_growth_that_cannot_be_helped_is_said():
    options = StoreOptions(codec="png", max_growth=1.0)
    _, warnings = store(noise(), bitonal=False, before=Before(3000, True), options=options)
    assert len(warnings) == 1
    assert "grows from 3.0 kB" in warnings[0]


def test_growth_within_the_budget_is_silent():
    _, warnings = store(text(), bitonal=False, before=Before(10), options=StoreOptions())
    assert warnings == ()


@pytest.mark.parametrize(
    ("codec", "filter"),
    [("jpeg", "DCTDecode"), ("jp2", "JPXDecode"), ("png", "FlateDecode"), ("g4", "CCITTFaxDecode")],
)
def test_codec_is_taken_as_asked(codec, filter):
    stream, _ = store(noise(), bitonal=False, before=Before(), options=StoreOptions(codec=codec))
    assert stream.filter == filter


@pytest.mark.parametrize(
    ("codec", "tint", "told"),
    [("g4", (200, 30, 30), True), ("g4", (90, 90, 90), False), ("png", (200, 30, 30), False)],
)
def test_who_loses_colours_by_g4_is_told(codec, tint, told):
    page = np.repeat(text()[..., None], 3, axis=2)
    page[100:120, 20:60] = tint
    _, said = store(page, bitonal=False, before=Before(), options=StoreOptions(codec=codec))
    assert any("colours" in line for line in said) == told


@pytest.mark.parametrize("codec", ["auto", "jpeg"])
def test_sides_too_long_for_jpeg_are_stored_otherwise(codec):
    page = np.zeros((2, 70_000), np.uint8)
    stream, _ = store(page, bitonal=False, before=Before(), options=StoreOptions(codec=codec))
    assert stream.filter != "DCTDecode"
    assert (stream.width, stream.height) == (70_000, 2)
