import numpy as np
import pytest

from scanclean.tiling import Blender, Grid, starts, window


@pytest.mark.parametrize("length", [1, 63, 64, 65, 100, 128, 129, 1000])
@pytest.mark.parametrize("overlap", [0, 8, 32])
def test_starts_cover_everything_with_enough_overlap(length, overlap):
    offsets = starts(length, 64, overlap)
    covered = np.zeros(max(length, 64), int)
    for offset in offsets:
        covered[offset : offset + 64] += 1
    assert covered.min() >= 1 and len(covered) == max(length, 64)
    assert all(b - a <= 64 - overlap for a, b in zip(offsets, offsets[1:], strict=False))


def test_window_is_an_exact_cross_fade():
    rising, falling = window(64, 16)[:16], window(64, 16)[-16:]
    assert rising + falling == pytest.approx(1)
    assert (window(64, 16)[16:-16] == 1).all()


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (3, 5), (7, 300), (255, 256), (257, 256), (500, 131)]
)
@pytest.mark.parametrize("overlap", [0, 9, 32])
def test_cut_and_blend_give_the_page_back(height, width, overlap, noise):
    page = noise(height, width, 3)
    grid = Grid(height, width, 64, overlap)
    blender = Blender(grid, 3)
    for y, x in grid:
        tile = grid.cut(page, y, x)
        assert tile.shape == (64, 64, 3)
        blender.add(y, x, tile / np.float32(255))
    assert np.array_equal(blender.page(), page)


def test_a_tile_that_is_off_by_a_level_fades_out_over_the_overlap():
    grid = Grid(64, 112, 64, 16)
    blender = Blender(grid, 1)
    for (y, x), level in zip(grid, (100, 150), strict=True):
        blender.add(y, x, np.full((64, 64, 1), level / 255, np.float32))
    row = blender.page()[30, :, 0].astype(int)
    assert row[0] == 100 and row[-1] == 150
    assert np.abs(np.diff(row)).max() <= 4  # 50 levels over 17 steps


def test_values_beyond_black_and_white_are_clipped():
    grid = Grid(8, 8, 8, 0)
    blender = Blender(grid, 1)
    blender.add(0, 0, np.linspace(-1, 2, 64, dtype=np.float32).reshape(8, 8, 1))
    assert blender.page().min() == 0 and blender.page().max() == 255
