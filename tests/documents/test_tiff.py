import io
import struct
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from scanclean.config import ReadOptions, StoreOptions
from scanclean.documents import image, tiff
from scanclean.errors import InputError, OutputError
from scanclean.page import Kept, Page

READ = ReadOptions()
STORE = StoreOptions()


def picture(seed=0, width=90, height=70, mode="RGB"):
    rng = np.random.default_rng(seed)
    ramp = np.linspace(60, 240, width)[None, :, None] + rng.normal(0, 4, (height, width, 3))
    return Image.fromarray(np.clip(ramp, 0, 255).astype(np.uint8)).convert(mode)


def stored(*frames, **settings):
    file = io.BytesIO()
    frames[0].save(file, "TIFF", save_all=True, append_images=frames[1:], **settings)
    return file.getvalue()


def chained(*files):
    """One TIFF of frames that were each stored in a way of its own."""
    from PIL.TiffImagePlugin import AppendingTiffWriter

    out = io.BytesIO()
    with AppendingTiffWriter(out) as writer:
        for data in files:
            writer.write(data)
            writer.newFrame()
        writer.finalize()
        return out.getvalue()


def lighter(pixels):
    return pixels // 2 + 127


def written(data, change=lighter, options=READ, target=None):
    """A TIFF sent through reader and writer; gives the bytes and what came out of the reader."""
    out = target or io.BytesIO()
    seen = []
    with (
        tiff.open(data, "in.tif", options) as document,
        tiff.create(out, document, ".tif", STORE) as writer,
    ):
        for page in document:
            seen.append(page)
            if isinstance(page, Kept):
                writer.keep(page)
            else:
                writer.add(writer.encode(replace(page, pixels=change(page.pixels))))
    return (b"" if target else out.getvalue()), seen


def resolution(im):
    return [float(value) for value in im.info["dpi"]]


def frames(data):
    im = Image.open(io.BytesIO(data))
    found = []
    for index in range(im.n_frames):
        im.seek(index)
        im.load()
        found.append((im.copy(), dict(im.tag_v2)))
    return found


def test_every_frame_keeps_mode_size_resolution_and_compression():
    data = chained(
        stored(picture(0, mode="1"), compression="group4", dpi=(300, 300)),
        stored(picture(1, 50, 40, "L"), compression="tiff_lzw", dpi=(200, 100)),
        stored(picture(2, 33, 70), compression="tiff_adobe_deflate", dpi=(150, 150)),
        stored(picture(3), compression="jpeg", dpi=(72, 72)),
        stored(picture(4, mode="RGBA"), dpi=(96, 96)),
        stored(picture(5).quantize(9), compression="packbits", dpi=(96, 96)),
    )
    after, seen = written(data, lambda p: 255 - p)
    assert all(isinstance(page, Page) for page in seen)
    for (old, before), (new, tags) in zip(frames(data), frames(after), strict=True):
        assert (new.mode, new.size) == (old.mode, old.size)
        assert tags[259] == before[259]
        assert resolution(new) == pytest.approx(resolution(old), abs=0.01)
        assert new.convert("RGB").tobytes() != old.convert("RGB").tobytes()


def test_unchanged_frames_keep_their_stored_bytes():
    data = stored(picture(0), picture(1, mode="L"), picture(2), compression="jpeg", dpi=(99, 99))
    after, _ = written(data, options=ReadOptions(pages=((2, 2),)))
    same = [
        np.array_equal(np.asarray(a[0]), np.asarray(b[0]))
        for a, b in zip(frames(data), frames(after), strict=True)
    ]
    assert same == [True, False, True]
    assert written(data, lambda p: p)[0] == data


def test_deep_gray_whose_zero_is_white_is_no_negative():
    deep = Image.fromarray((255 - np.asarray(picture(mode="L")).astype(np.uint16)) * 257)
    (page,) = written(stored(deep, tiffinfo={262: 0}))[1]
    assert np.array_equal(page.pixels, np.asarray(picture(mode="L")))


def test_deep_frames_of_a_big_endian_file_pass_unharmed():
    deep = Image.fromarray(np.arange(6000, dtype=np.uint16).reshape(60, 100) * 7)
    pixels = np.asarray(deep).astype(">u2").tobytes()
    gray = bytes(range(200, 220)) * 5
    data = big_endian([(100, 60, 16, pixels), (10, 10, 8, gray)])
    after, _ = written(data, options=ReadOptions(pages=((2, 2),)))
    first, second = (frame for frame, _ in frames(after))
    assert np.array_equal(np.asarray(first), np.asarray(deep))
    assert np.array_equal(np.asarray(second).ravel(), lighter(np.frombuffer(gray, np.uint8)))


def big_endian(pictures):
    """An uncompressed gray TIFF in Motorola order."""
    out = bytearray(b"MM\0*" + struct.pack(">I", 8))
    for number, (width, height, bits, pixels) in enumerate(pictures):
        tags = [(256, width), (257, height), (258, bits), (259, 1), (262, 1), (273, 0)]
        tags += [(277, 1), (278, height), (279, len(pixels))]
        end = len(out) + 2 + 12 * len(tags) + 4
        out += struct.pack(">H", len(tags))
        for tag, value in tags:
            out += struct.pack(">HHII", tag, 4, 1, end if tag == 273 else value)
        more = number + 1 < len(pictures)
        out += struct.pack(">I", end + len(pixels) if more else 0) + pixels
    return bytes(out)


def test_big_tiff_stays_big():
    data = stored(picture(), picture(1), big_tiff=True)
    after, _ = written(data)
    assert after[:4] == data[:4] == b"II+\0"
    assert len(frames(after)) == 2


def test_names_and_makers_stay_with_a_cleaned_frame():
    data = stored(picture(), tiffinfo={270: "a page", 271: "Maker", 285: "iv"}, dpi=(99, 99))
    _, tags = frames(written(data)[0])[0]
    assert (tags[270], tags[271], tags[285]) == ("a page", "Maker", "iv")


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_map_keeps_its_place_unless_it_is_turned(orientation):
    place = TiffImagePlugin.ImageFileDirectory_v2()
    place.tagtype.update({33550: 12, 33922: 12, 34735: 3})
    place[33550], place[33922] = (1.5, 1.5, 0.0), (0.0, 0.0, 0.0, 5e5, 5e6, 0.0)
    place[34735], place[274] = (1, 1, 0, 1, 3072, 0, 1, 32632), orientation
    _, before = frames(stored(picture(), tiffinfo=place, dpi=(99, 99)))[0]
    _, after = frames(written(stored(picture(), tiffinfo=place, dpi=(99, 99)))[0])[0]
    kept = {tag: after.get(tag) for tag in (33550, 33922, 34735)}
    assert kept == ({tag: before[tag] for tag in kept} if orientation == 1 else dict.fromkeys(kept))


def test_resolution_in_centimetres_stays_so():
    data = stored(picture(), tiffinfo={282: 118.11, 283: 118.11, 296: 3})
    after, (page,) = written(data)
    assert np.allclose(page.dpi, 300, atol=0.1)
    im, tags = frames(after)[0]
    assert tags[296] == 3
    assert resolution(im) == pytest.approx([300, 300], abs=0.1)


def test_bitonal_goes_to_g4_with_white_paper_as_zero():
    im = Image.new("1", (1000, 800), 1)
    im.paste(0, (100, 100, 300, 110))
    after, (page,) = written(stored(im), lambda p: p[::-1].copy())
    assert page.bitonal
    new, tags = frames(after)[0]
    assert (new.mode, tags[259], tags[262]) == ("1", 4, 0)
    assert np.array_equal(np.asarray(new), np.asarray(im)[::-1])


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_orientation_is_applied_once(orientation):
    undo = {3: Image.Transpose.ROTATE_180, 6: 2, 8: 4}[orientation]
    upright = picture()
    data = stored(upright.transpose(undo), tiffinfo={274: orientation}, dpi=(200, 100))
    after, (page,) = written(data)
    assert np.array_equal(page.pixels, np.asarray(upright))
    assert np.allclose(page.dpi, (100, 200) if orientation > 4 else (200, 100))
    new, tags = frames(after)[0]
    assert tags.get(274, 1) == 1
    assert np.array_equal(np.asarray(new), lighter(np.asarray(upright)))


def test_impossible_orientation_is_said():
    with tiff.open(stored(picture(), tiffinfo={274: 9}), "in.tif", READ) as document:
        list(document)
        assert "orientation" in "".join(document.warnings)


def broken(compression, keep):
    """Two frames, the first with random bytes after the first `keep` of its strip."""
    data = bytearray(stored(picture(0), picture(1), compression=compression, dpi=(99, 99)))
    with Image.open(io.BytesIO(data)) as im:
        (at,), (length,) = im.tag_v2[273], im.tag_v2[279]
    rng = np.random.default_rng(5)
    data[at + keep : at + length] = rng.integers(0, 256, length - keep).astype(np.uint8).tobytes()
    return bytes(data)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate"])
def test_a_broken_frame_goes_out_as_far_as_it_can_be_read(compression):
    data = broken(compression, 6000)
    after, seen = written(data)
    assert seen[0].action == "copied"
    assert "as far as it can be read" in seen[0].reason
    first, second = (np.asarray(frame) for frame, _ in frames(after))
    assert np.array_equal(first[:15], np.asarray(picture(0))[:15])
    assert np.array_equal(second, lighter(np.asarray(picture(1))))
    with pytest.raises(InputError, match="page 1"):
        written(data, options=ReadOptions(strict=True))


def test_a_frame_of_which_nothing_can_be_read_keeps_its_place():
    after, seen = written(broken("jpeg", 0))
    assert seen[0].action == "copied"
    assert "empty page" in seen[0].reason
    first, second = (frame for frame, _ in frames(after))
    assert first.size == (90, 70)
    assert np.asarray(first).all()
    assert second.size == (90, 70)


def test_a_frame_left_out_of_pages_is_not_even_decoded():
    data = broken("jpeg", 0)
    after, _ = written(data, options=ReadOptions(pages=((2, 2),)))
    with Image.open(io.BytesIO(data)) as im:
        (at,), (length,) = im.tag_v2[273], im.tag_v2[279]
    assert data[at : at + length] in after


def test_frames_that_cannot_be_found_are_said():
    frame = (10, 10, 8, bytes(range(100)))
    data = big_endian([frame, frame, frame])
    end = data.rindex(struct.pack(">H", 9))  # the directory of the last frame is cut off
    data = data[: end + 20]
    after, seen = written(data)
    assert [getattr(page, "action", "page") for page in seen] == ["page", "copied"]
    assert "cannot be found" in seen[1].reason
    assert len(frames(after)) == 2
    with pytest.raises(InputError, match="what follows page 2"):
        tiff.open(data, "in.tif", ReadOptions(strict=True))


def test_a_circle_of_frames_ends():
    data = bytearray(big_endian([(10, 10, 8, bytes(100))]))
    data[8 + 2 + 12 * 9 : 8 + 2 + 12 * 9 + 4] = struct.pack(">I", 8)
    with tiff.open(bytes(data), "in.tif", READ) as document:
        assert len(document) == 1


def test_too_large_is_refused_before_decoding():
    with pytest.raises(InputError, match="page 2.*mpixel"):
        tiff.open(stored(picture(), picture(0, 2000, 600)), "in.tif", ReadOptions(max_mpixels=1))
    keep_it = ReadOptions(max_mpixels=1, pages=((1, 1),))
    with tiff.open(stored(picture(), picture(0, 2000, 600)), "in.tif", keep_it) as document:
        assert [type(page).__name__ for page in document] == ["Page", "Kept"]


def test_host_limit_does_not_matter(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with tiff.open(stored(picture(), compression="tiff_lzw"), "in.tif", READ) as document:
        assert next(iter(document)).pixels.shape == (70, 90, 3)


@pytest.mark.parametrize("data", [b"II*\0", b"II*\0\x08\0\0\0", b"MM\0*\xff\xff\xff\xff"])
def test_damaged_from_the_start_is_an_input_error(data):
    with pytest.raises(InputError, match=r"in\.tif"):
        tiff.open(data, "in.tif", READ)


def test_small_copies_of_a_page_are_kept():
    data = chained(stored(picture()), stored(picture(1, 9, 7), tiffinfo={254: 1}))
    assert [getattr(page, "action", "page") for page in written(data)[1]] == ["page", "kept"]


def test_pages_of_another_kind_become_frames(tmp_path):
    png = io.BytesIO()
    picture(mode="1").save(png, "PNG", dpi=(300, 300))
    target = tmp_path / "out.tif"
    with (
        image.open(png.getvalue(), "in.png", READ) as document,
        tiff.create(target, document, ".tif", STORE) as writer,
    ):
        for page in document:
            writer.add(writer.encode(page))
            writer.add(writer.encode(replace(page, bitonal=False)))
    found = frames(target.read_bytes())
    assert [frame.mode for frame, _ in found] == ["1", "L"]
    assert found[0][1][259] == 4


def test_errors_and_existing_files_leave_all_as_it_was(tmp_path):
    target = tmp_path / "out.tif"
    with pytest.raises(RuntimeError, match="stop"):
        written(stored(picture()), lambda p: stop(), target=target)
    assert not list(tmp_path.iterdir())
    target.write_text("mine")
    with pytest.raises(OutputError, match="exists"):
        written(stored(picture()), target=target)
    assert [p.read_text() for p in tmp_path.iterdir()] == ["mine"]


def stop():
    raise RuntimeError("stop")


def test_frames_can_be_written_as_pictures(tmp_path):
    data = stored(picture(0), picture(1), compression="tiff_lzw", dpi=(99, 99))
    with (
        tiff.open(data, "in.tif", READ) as document,
        image.create_numbered(tmp_path, document, ".tif", STORE) as writer,
    ):
        writer.keep(Kept(0, "skipped", "not asked for"))
        page = list(document)[1]
        writer.add(writer.encode(replace(page, pixels=lighter(page.pixels))))
    first, second = (frames((tmp_path / f"in-00{n}.tif").read_bytes())[0][0] for n in (1, 2))
    assert np.array_equal(np.asarray(first), np.asarray(picture(0)))
    assert np.array_equal(np.asarray(second), lighter(np.asarray(picture(1))))


def test_same_bytes_every_time():
    data = stored(picture(0), picture(1, mode="1"), compression="tiff_lzw")
    assert written(data)[0] == written(data)[0]
