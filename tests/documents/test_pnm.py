import io
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from scanclean import documents
from scanclean.config import ReadOptions, StoreOptions
from scanclean.documents import pnm
from scanclean.errors import InputError, OutputError
from scanclean.page import Kept

STORE = StoreOptions()
READ = ReadOptions()

RAW = {
    "bits": b"P4 # made by hand\n11 3\n" + bytes([85, 64] * 3),
    "gray": b"P5\n# two\n# lines\n11 3\n255\n" + bytes(range(33)),
    "colour": b"P6 11 3 255\n" + bytes(range(99)),
    "sixteen bits": b"P6 11 3 65535\n" + bytes(range(198)),
}
GRAY, COLOUR = RAW["gray"], RAW["colour"]


def read(data, **options):
    with documents.open_document(data, "in.pnm", ReadOptions(**options)) as document:
        return list(document), document.warnings


def written(data, suffix=".pnm", change=None, options=READ):
    """The pictures sent through reader and writer, `change` for those that it is asked for."""
    out = io.BytesIO()
    with (
        documents.open_document(data, "in.pnm", options) as document,
        documents.create(out, document, suffix, STORE) as writer,
    ):
        for page in document:
            if isinstance(page, Kept):
                writer.keep(page)
            else:
                after = change(page.pixels) if change else page.pixels
                writer.add(writer.encode(replace(page, pixels=after)))
    return out.getvalue()


@pytest.mark.parametrize("between", [b"", b"\n", b" \r\n"])
@pytest.mark.parametrize("one", RAW.values(), ids=RAW)
def test_pictures_lie_one_behind_the_other(one, between):
    alone, *_ = read(one)[0]
    pages, _ = read(one + between + GRAY + between + one + b"\n")
    assert [page.index for page in pages] == [0, 1, 2]
    assert np.array_equal(pages[0].pixels, alone.pixels)
    assert np.array_equal(pages[2].pixels, alone.pixels)
    assert pages[1].pixels.ravel().tolist() == list(range(33))


def test_a_raster_that_looks_like_a_header_is_none():
    raster = (b"P5 3 1 255\n" * 9)[:99]
    pages, _ = read(b"P6 11 3 255\n" + raster + GRAY)
    assert [page.pixels.shape for page in pages] == [(3, 11, 3), (3, 11)]


def test_plain_text_holds_one_picture_as_its_format_says():
    data = b"P2 2 1 255\n1 2\n"
    (page,), _ = read(data)
    assert page.pixels.tolist() == [[1, 2]]
    assert written(data) == data


def test_what_is_not_changed_goes_out_byte_for_byte():
    data = GRAY + b"\n" + COLOUR + RAW["bits"] + b"\nthe end"
    assert written(data) == data


def test_cleaned_pictures_take_their_places_among_the_others():
    def lighter(pixels):
        return pixels // 2 + 127 if pixels.ndim == 2 else pixels

    made = written(GRAY + COLOUR + GRAY, change=lighter)
    pages, _ = read(made)
    expected = [n // 2 + 127 for n in range(33)]
    assert pages[0].pixels.ravel().tolist() == pages[2].pixels.ravel().tolist() == expected
    assert COLOUR in made


def test_pages_option_leaves_the_others_as_they_are():
    made = written(
        GRAY * 3, change=lambda pixels: pixels // 2, options=ReadOptions(pages=((2, 2),))
    )
    assert made.startswith(GRAY)
    assert made.endswith(GRAY)
    assert made[len(GRAY) : -len(GRAY)].endswith(bytes(n // 2 for n in range(33)))


def test_other_kinds_of_document_hold_the_same_pages(tmp_path):
    with Image.open(io.BytesIO(written(GRAY + COLOUR, ".tif"))) as made:
        assert made.n_frames == 2
        assert np.asarray(made).ravel().tolist() == list(range(33))
    assert read(written(written(GRAY + COLOUR, ".tif"), ".ppm"))[0][1].pixels.ravel().tolist() == (
        list(range(99))
    )


def test_the_last_picture_may_be_cut_off():
    pages, _ = read(GRAY + COLOUR[:-20])
    assert isinstance(pages[1], Kept)
    assert pages[1].action == "copied"
    after, _ = read(written(GRAY + COLOUR[:-20]))
    assert after[1].pixels.shape == (3, 11, 3)  # whole again, with nothing where nothing was
    assert after[1].pixels.ravel()[:66].tolist() == list(range(66))
    with pytest.raises(InputError, match="page 2: is damaged"):
        read(GRAY + COLOUR[:-20], strict=True)


@pytest.mark.parametrize("part", [b"P5 300 200 255\n", b"P5 300 200 255\n" + bytes(900)])
def test_an_empty_page_stands_for_one_of_which_nothing_can_be_read(part):
    pages, _ = read(GRAY + part)
    assert isinstance(pages[1], Kept)
    assert "empty page" in pages[1].reason
    after, _ = read(written(GRAY + part, change=lambda pixels: pixels // 2))
    assert after[0].pixels.ravel().tolist() == [n // 2 for n in range(33)]
    assert after[1].pixels.shape == (200, 300)
    assert (after[1].pixels == 255).all()
    with pytest.raises(InputError, match="in.pnm: is damaged"):
        read(part)


@pytest.mark.parametrize(
    "rest", [b"P6 11 3", b"P5 0 0 255\n", b"P5 3 1 99999\nabc", b"P7\n", b"no"]
)
def test_what_follows_and_is_no_picture_is_told(rest):
    pages, warnings = read(GRAY * 2 + rest)
    assert len(pages) == 2
    assert any("what follows page 2 is no picture" in words for words in warnings)
    assert written(GRAY * 2 + rest) == GRAY * 2 + rest
    with pytest.raises(InputError, match="what follows page 2"):
        read(GRAY * 2 + rest, strict=True)


def test_pictures_are_found_behind_blanks_and_long_comments():
    pages, warnings = read(GRAY + b"\n" * 3000 + b"P5\n#" + b"c" * 3000 + b"\n2 1 255\nab" + GRAY)
    assert [page.pixels.shape for page in pages] == [(3, 11), (1, 2), (3, 11)]
    assert len(warnings) == 1


def test_sizes_are_checked_before_any_page_is_read():
    large = b"P5 9000 9000 255\n"
    with pytest.raises(InputError, match=r"in.pnm: page 2: has 9000 x 9000 pixels"):
        documents.open_document(GRAY + large, "in.pnm", ReadOptions(max_mpixels=50))
    documents.open_document(GRAY + large, "in.pnm", ReadOptions(max_mpixels=50, pages=((1, 1),)))
    with pytest.raises(InputError, match=r"in.pnm: page 1: has 11 x 3 pixels"):
        documents.open_document(GRAY * 2, "in.pnm", ReadOptions(max_mpixels=1e-6))


def test_that_no_resolution_is_stated_is_said_once_and_the_rest_for_each_page():
    _, warnings = read(GRAY * 2 + RAW["sixteen bits"])
    assert sum("states no resolution" in words for words in warnings) == 1
    assert [words[:7] for words in warnings if "bits" in words] == ["page 3:"]
    _, warnings = read(RAW["sixteen bits"])
    assert not any(words.startswith("page") for words in warnings)


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    with documents.open_document(GRAY * 2, "in.pnm", READ) as document:
        target = tmp_path / "out.pgm"
        with pytest.raises(KeyboardInterrupt), pnm.create(target, document, ".pgm", STORE) as out:
            out.add(out.encode(document.render(0)))
            raise KeyboardInterrupt
        assert not list(tmp_path.iterdir())
        with (
            pytest.raises(OutputError, match="no page"),
            pnm.create(target, document, ".pgm", STORE),
        ):
            pass
        with pnm.create(target, document, ".pgm", STORE) as out:
            for index in range(2):
                out.add(out.encode(document.render(index)))
    assert target.read_bytes() == GRAY * 2


@pytest.mark.skipif(not shutil.which("pamfile"), reason="netpbm is not installed")
def test_netpbm_finds_the_same_pictures():
    made = written(GRAY + COLOUR + RAW["bits"], change=lambda pixels: pixels // 2)
    listed = subprocess.run(
        ["pamfile", "-allimages"], input=made, capture_output=True, check=True
    ).stdout.decode()
    assert listed.count("11 by 3") == 3
