import numpy as np
import pytest
from PIL import Image

from scanclean.errors import DataError
from scanclean.training.pairs import find_pairs, load_rgb, paired_patch


@pytest.mark.parametrize("layout", [("scan", "clean"), ("train", "train_cleaned")])
def test_both_layouts_are_found(pairs_folder, layout):
    for old, new in zip(("scan", "clean"), layout, strict=True):
        (pairs_folder / old).rename(pairs_folder / new)
    pairs = find_pairs(pairs_folder)
    assert [p.scan.name for p in pairs] == ["0.png", "1.png", "2.png", "3.png"]
    assert all(p.clean.parent.name == layout[1] for p in pairs)


def test_partner_may_have_another_ending(pairs_folder):
    with Image.open(pairs_folder / "scan" / "0.png") as picture:
        picture.save(pairs_folder / "scan" / "0.jpg")
    (pairs_folder / "scan" / "0.png").unlink()
    assert find_pairs(pairs_folder)[0].scan.name == "0.jpg"


def test_every_fault_is_named(pairs_folder):
    (pairs_folder / "clean" / "0.png").unlink()
    Image.new("L", (7, 9)).save(pairs_folder / "clean" / "1.png")
    (pairs_folder / "scan" / "2.png").write_text("no picture")
    with pytest.raises(DataError) as caught:
        find_pairs(pairs_folder)
    text = str(caught.value)
    assert "0.png has no partner in clean/" in text
    assert "1.png is 48x40 but its clean page is 7x9" in text
    assert "2.png cannot be read" in text


def test_two_pictures_of_one_name_are_refused(pairs_folder):
    for side in ("scan", "clean"):
        with Image.open(pairs_folder / side / "0.png") as picture:
            picture.save(pairs_folder / side / "0.bmp")
    with pytest.raises(DataError, match=r"0\.bmp and 0\.png in scan/ have one name"):
        find_pairs(pairs_folder)


def test_a_picture_on_its_side_pairs_with_an_upright_one(pairs_folder):
    with Image.open(pairs_folder / "scan" / "0.png") as picture:
        exif = picture.getexif()
        exif[0x0112] = 6
        picture.transpose(Image.Transpose.ROTATE_90).save(
            pairs_folder / "scan" / "0.png", exif=exif
        )
    (pair, *_) = find_pairs(pairs_folder)
    assert load_rgb(pair.scan).shape == load_rgb(pair.clean).shape


def test_a_picture_too_large_is_named(pairs_folder, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 900)  # half of what the pictures have
    with pytest.raises(DataError, match=r"0\.png cannot be read"):
        find_pairs(pairs_folder)


def test_a_picture_is_read_as_it_is_seen(tmp_path):
    deep = np.array([[5000, 60000]], np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert load_rgb(tmp_path / "deep.png")[0, :, 0] == pytest.approx(deep[0] / 257, abs=1)
    clear = np.zeros((1, 2, 4), np.uint8)  # black ink on a ground that is transparent
    clear[0, 0, 3] = 255
    Image.fromarray(clear).save(tmp_path / "clear.png")
    assert load_rgb(tmp_path / "clear.png")[0, :, 0].tolist() == [0, 255]


def test_folder_without_pairs_says_what_to_do(tmp_path):
    with pytest.raises(DataError, match="holds no pairs") as caught:
        find_pairs(tmp_path)
    assert "scan/ and clean/" in caught.value.hint


@pytest.mark.parametrize("side", [16, 40, 64])
def test_patches_stay_aligned_and_unresampled(side):
    rows, columns = np.mgrid[0:40, 0:50]
    page = np.stack([rows, columns, rows * 0], 2).astype(np.uint8)  # every pixel knows its place
    seen = set()
    for n in range(40):
        scan, clean = paired_patch(page, page + 100, side, np.random.default_rng(n))
        assert scan.shape == clean.shape == (side, side, 3)
        assert np.array_equal(scan + 100, clean)
        if side == 16:
            steps = np.diff(scan[..., :2].astype(int), axis=0)
            assert np.abs(steps).sum(2).max() == np.abs(steps).sum(2).min() == 1
            seen.add((*steps[0, 0], *(scan[0, 1, :2].astype(int) - scan[0, 0, :2])))
    assert side != 16 or len(seen) == 8  # four turns, each mirrored or not


def test_gray_is_read_as_three_equal_channels(pairs_folder):
    pixels = load_rgb(pairs_folder / "scan" / "0.png")
    assert pixels.shape == (40, 48, 3) and np.array_equal(pixels[..., 0], pixels[..., 2])
