"""Figures of a crop follow what was done to it."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from scanclean.training import reality


def page(paper=(240, 235, 200), ink=30, blur=0.0, noise=0.0, seed=1):
    """Lines of bars on paper, 400 pixels square."""
    picture = Image.new("RGB", (400, 400), paper)
    pen = ImageDraw.Draw(picture)
    for y in range(30, 380, 40):
        for x in range(30, 370, 14):
            pen.rectangle((x, y, x + 4, y + 16), fill=(ink, ink, ink))
    if blur:
        picture = picture.filter(ImageFilter.GaussianBlur(blur))
    grain = np.random.default_rng(seed).normal(0, noise, (400, 400, 1))
    return np.clip(np.rint(np.asarray(picture) + grain), 0, 255).astype(np.uint8)


def test_paper_and_ink_are_read_off():
    found = reality.measure(page())
    assert found.paper == pytest.approx(225, abs=3)
    assert found.yellow == pytest.approx(1.2, abs=0.02)
    assert found.ink == pytest.approx(1 - 30 / 200, abs=0.05)
    assert found.spread < 0.01


@pytest.mark.parametrize("noise", [2.0, 5.0])
def test_noise_is_its_standard_deviation(noise):
    assert reality.measure(page(noise=noise)).noise_light == pytest.approx(noise, rel=0.2)


def test_a_blurred_page_has_wider_edges():
    widths = [reality.measure(page(blur=blur)).edge for blur in (0.6, 1.0, 1.6)]
    assert widths == sorted(widths)
    assert widths[2] > 1.4 * widths[0]


def test_faint_marks_are_structure_of_the_paper():
    plain = page(noise=1)
    marked = plain.astype(np.int16)
    marked[60:66, ::9] -= 12
    for y in range(52, 390, 40):
        marked[y : y + 14 : 5, 20:380] -= 14
    marked = marked.clip(0, 255).astype(np.uint8)
    assert reality.measure(marked).structure > 1.5 * reality.measure(plain).structure


def test_pictures_and_empty_pages_are_not_measured():
    assert reality.measure(np.full((200, 200, 3), 30, np.uint8)) is None
    assert reality.measure(np.full((200, 200, 3), 240, np.uint8)) is None


@pytest.mark.parametrize("quality", [20, 50, 75, 92])
def test_jpeg_quality_is_that_of_the_file(tmp_path, quality):
    Image.fromarray(page()).save(tmp_path / "a.jpg", quality=quality)
    assert reality.jpeg_quality(tmp_path / "a.jpg") == pytest.approx(quality, abs=1.5)
    Image.fromarray(page()).save(tmp_path / "a.png")
    assert np.isnan(reality.jpeg_quality(tmp_path / "a.png"))


def test_crops_come_from_pages_and_skip_what_cannot_be_read(tmp_path):
    Image.fromarray(page()).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    assert [c.shape for c in reality.crops(tmp_path / "a.png", 3)] == [(400, 400, 3)]
    assert list(reality.crops(tmp_path / "b.png", 3)) == []
