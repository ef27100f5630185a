import io

import numpy as np
import pytest
from PIL import Image

from scanclean.config import ReadOptions
from scanclean.documents import open_document
from scanclean.documents._libtiff import listening
from scanclean.page import Kept, Page


@pytest.fixture
def fax(noise):
    """A G4 picture of which some codes make no sense."""
    picture = Image.fromarray(noise(60, 80) > 128)
    buffer = io.BytesIO()
    picture.save(buffer, "TIFF", compression="group4")
    data = bytearray(buffer.getvalue())
    for at in range(200, len(data) - 200, 41):
        data[at] ^= 0x5A
    return bytes(data)


def test_errors_are_collected_and_nothing_is_printed(fax, capfd):
    with listening() as errors, Image.open(io.BytesIO(fax)) as picture:
        picture.load()
    assert errors and "Bad code word" in errors[0]
    assert capfd.readouterr().err == ""


def test_handlers_are_given_back(fax, capfd):
    with listening():
        pass
    with Image.open(io.BytesIO(fax)) as picture:
        picture.load()
    assert "Bad code word" in capfd.readouterr().err


def test_damage_that_pillow_does_not_notice_is_said(fax, capfd):
    with open_document(fax, "fax", ReadOptions()) as document:
        (item,) = document
    assert isinstance(item, Kept) and item.action == "copied" and "bad code word" in item.reason
    assert capfd.readouterr().err == ""


def test_sound_pictures_raise_no_complaint(noise):
    for compression in ("group4", "tiff_lzw", "jpeg"):
        picture = Image.fromarray(noise(60, 80))
        buffer = io.BytesIO()
        (picture.convert("1") if compression == "group4" else picture).save(
            buffer, "TIFF", compression=compression
        )
        with open_document(buffer.getvalue(), "sound", ReadOptions()) as document:
            (item,) = document
        assert isinstance(item, Page) and item.pixels.dtype == np.uint8
