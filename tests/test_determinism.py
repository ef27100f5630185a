"""The same input and options give the same bytes, however many pages are in flight."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from scanclean.restoration import restore


def page(seed: int) -> Image.Image:
    """Pages of different sizes, so that they do not end in the order in which they began."""
    height = 260 if seed % 2 else 90
    picture = Image.new("RGB", (150, height), (230, 224, 210))
    ImageDraw.Draw(picture).multiline_text((9, 9), f"page {seed}\nof five\n" * 3, (50, 40, 60))
    noise = np.random.default_rng(seed).normal(0, 4, (height, 150, 3))
    return Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("pages") / "in.tif"
    pages = [page(seed) for seed in range(5)]
    pages[0].save(
        path, save_all=True, append_images=pages[1:], compression="tiff_lzw", dpi=(90, 90)
    )
    return path


@pytest.fixture(scope="module")
def pdf(source):
    restore(source, source.with_suffix(".pdf"), weights="classical", strength=0, jobs=1)
    return source.with_suffix(".pdf")


def files(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


OUTPUTS = {
    "pdf": ("pdf", "o.pdf"),
    "new pdf": ("source", "o.pdf"),
    "tiff": ("source", "o.tif"),
    "pictures": ("source", "%02d.png"),
    "drawn pictures": ("pdf", "%02d.jpg"),
}


@pytest.mark.parametrize(("given", "output"), OUTPUTS.values(), ids=OUTPUTS)
def test_bytes_do_not_depend_on_the_jobs(request, tmp_path, given, output):
    made = []
    for run, jobs in enumerate((1, 1, 2, 3)):
        folder = tmp_path / str(run)
        folder.mkdir()
        restore(request.getfixturevalue(given), folder / output, weights="classical", jobs=jobs)
        made.append(files(folder))
    assert made[0] and all(other == made[0] for other in made[1:])
