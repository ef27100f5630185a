from itertools import pairwise

import numpy as np
import pytest

from scanclean.tiling import (
    TILE_COST,
    Blender,
    Tile,
    cover,
    cut,
    grid,
    lay,
    moved,
    needing,
    parts,
    starts,
    window,
)


def blended(page, tiles, overlap, under=255):
    """A page that was cut and put together again."""
    blender = Blender(np.full_like(page, under), tiles, overlap)
    for tile in tiles:
        part = cut(page, tile)
        assert part.shape[:2] == (tile.height, tile.width)
        blender.add(tile, part / np.float32(255))
    return blender.page()


@pytest.mark.parametrize("length", [1, 2, 5, 40])
def test_cut_mirrors_the_page_beyond_every_edge(length, noise):
    page = noise(length, 7, 3)
    mirrored = np.pad(page, [(50, 60), (20, 90), (0, 0)], "symmetric")
    assert np.array_equal(cut(page, Tile(-50, -20, length + 110, 117)), mirrored)


@pytest.mark.parametrize("length", [1, 63, 64, 65, 100, 128, 129, 1000])
@pytest.mark.parametrize("overlap", [0, 8, 32])
def test_starts_cover_everything_with_enough_overlap(length, overlap):
    offsets = starts(length, 64, overlap)
    covered = np.zeros(max(length, 64), int)
    for offset in offsets:
        covered[offset : offset + 64] += 1
    assert covered.min() >= 1 and len(covered) == max(length, 64)
    assert all(b - a <= 64 - overlap for a, b in pairwise(offsets))


def test_window_is_an_exact_cross_fade():
    rising, falling = window(64, 16)[:16], window(64, 16)[-16:]
    assert rising + falling == pytest.approx(1)
    assert (window(64, 16)[16:-16] == 1).all()


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (3, 5), (7, 300), (255, 256), (257, 256), (500, 131)]
)
@pytest.mark.parametrize("overlap", [0, 9, 32])
def test_grid_cut_and_blend_give_the_page_back(height, width, overlap, noise):
    page = noise(height, width, 3)
    tiles = grid(height, width, 64, overlap)
    assert {tile[2:] for tile in tiles} == {(64, 64)}
    assert np.array_equal(blended(page, tiles, overlap), page)


def test_tiles_that_lie_at_several_places_still_give_the_page_back(noise):
    page = noise(300, 131, 3)
    tiles = moved(grid(300, 131, 64, 16), [(0, 0), (1, 1), (0, 3)])
    assert len(tiles) == 3 * len(grid(300, 131, 64, 16))
    assert np.array_equal(blended(page, tiles, 16), page)


def marks(seed, length, most=5):
    """A line with a few needed stretches, some of them close together."""
    rng = np.random.default_rng(seed)
    line = np.zeros(length, np.bool_)
    for _ in range(int(rng.integers(1, most))):
        at = int(rng.integers(0, length))
        line[at : at + int(rng.integers(1, length // 2))] = True
        line[at : at + int(rng.integers(0, 12))] = False
    return line


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize(("side", "overlap"), [(16, 0), (64, 16), (128, 32), (512, 64)])
def test_lay_covers_what_is_needed_and_shares_the_overlap_where_it_cuts_it(seed, side, overlap):
    line = marks(seed, 1024)
    found = lay(line, side, overlap, 16, 16, side)
    assert found == sorted(found)
    assert all(n % 16 == 0 for part in found for n in part)
    assert all(0 < size <= side and at >= 0 and at + size <= 1024 for at, size in found)
    covered = np.zeros(1024, np.bool_)
    for at, size in found:
        covered[at : at + size] = True
    assert covered[line].all()
    for (a, size), (b, _) in pairwise(found):
        apart = b >= a + size and not line[b]
        assert apart or not line[b : a + size].all() or a + size - b >= overlap


def cheapest(line, side, margin):
    """What `lay` should cost with cuts at bare places only, by trying them all."""
    edges = np.flatnonzero(np.diff(line.astype(int), prepend=0, append=0)).reshape(-1, 2).tolist()
    best = np.inf
    for chosen in range(2 ** (len(edges) - 1)):
        groups = [[edges[0]]]
        for n, edge in enumerate(edges[1:]):
            groups.append([]) if chosen >> n & 1 else None
            groups[-1].append(edge)
        sizes = []
        for group in groups:
            start = max(0, group[0][0] - margin) // 16 * 16
            stop = min(len(line), -(-(group[-1][1] + margin) // 16) * 16)
            sizes.append(stop - start)
        if max(sizes) <= side:
            best = min(best, sum(sizes) + TILE_COST**2 / side * len(sizes))
    return best


@pytest.mark.parametrize("seed", range(40))
def test_lay_is_never_dearer_than_the_best_of_all_cuts_at_bare_places(seed):
    line = marks(seed, 1024, 8)
    found = lay(line, 256, 32, 16, 16, 256)
    ours = sum(size for _, size in found) + TILE_COST**2 / 256 * len(found)
    assert ours <= cheapest(line, 256, 16)


def test_lay_cuts_between_lines_of_text_rather_than_through_them():
    line = np.zeros(768, np.bool_)
    for top in range(32, 736, 64):
        line[top : top + 32] = True
    found = lay(line, 256, 32, 16, 16, 256)
    assert all(not line[at] for at, _ in found) and len(found) == 3


def test_a_line_without_anything_needs_nothing():
    assert lay(np.zeros(64, np.bool_), 64, 16, 16, 16, 64) == []


@pytest.mark.parametrize("seed", range(12))
def test_cover_gives_back_what_is_needed_and_leaves_the_rest(seed, noise):
    rng = np.random.default_rng(seed)
    page = noise(544, 480, 3)
    needed = np.zeros(page.shape[:2], np.bool_)
    for _ in range(int(rng.integers(0, 5))):
        y, x = rng.integers(0, 470, 2)
        needed[y : y + int(rng.integers(1, 200)), x : x + int(rng.integers(1, 200))] = True
    tiles = cover(needed, 128, 32, 16, 16)
    assert all(n % 16 == 0 for tile in tiles for n in tile)
    out = blended(page, tiles, 32, under=7)
    assert np.array_equal(out[needed], page[needed])
    touched = np.zeros_like(needed)
    for tile in tiles:
        touched[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width] = True
    assert (out[~touched] == 7).all()


def test_cover_takes_in_a_margin_but_not_the_whole_page():
    needed = np.zeros((1024, 1024), np.bool_)
    needed[500:520, 480:500] = True
    assert cover(needed, 512, 64, 32, 16) == [Tile(464, 448, 96, 96)]
    assert cover(np.zeros((64, 64), np.bool_), 512, 64, 32, 16) == []


def area(tiles):
    return sum(tile.height * tile.width for tile in tiles)


def test_specks_beside_the_text_do_not_stretch_its_tiles():
    needed = np.zeros((2048, 2048), np.bool_)
    needed[400:1600, 600:1600] = True
    alone = area(cover(needed, 512, 32, 16, 16))
    specks = [(40, 80), (900, 100), (1300, 1960), (1990, 1000)]
    for y, x in specks:
        needed[y : y + 5, x : x + 5] = True
    assert area(cover(needed, 512, 32, 16, 16)) - alone <= len(specks) * 64 * 64


@pytest.mark.parametrize("seed", range(8))
def test_parts_are_all_that_is_needed_and_share_nothing(seed):
    rng = np.random.default_rng(seed)
    needed = np.zeros((640, 512), np.bool_)
    for _ in range(int(rng.integers(1, 60))):
        y, x = rng.integers(0, 500, 2)
        needed[y : y + int(rng.integers(1, 30)), x : x + int(rng.integers(1, 30))] = True
    found = parts(needed, 16, 16)
    total = np.zeros(needed.shape, np.uint8)
    for y, x, mask in found:
        assert mask.any()
        total[y : y + mask.shape[0], x : x + mask.shape[1]] += mask
    assert (total == needed).all()  # each pixel in one part and no more


def test_marks_are_worked_on_together_where_that_is_less_work():
    needed = np.zeros((320, 960), np.bool_)
    needed[100:140, 100:400] = needed[100:140, 450:700] = True  # words of a line, 50 pixels apart
    needed[300, 900] = True
    assert len(parts(needed, 16, 16)) == 2


def test_dirt_everywhere_is_one_part():
    needed = np.zeros((4096, 2048), np.bool_)
    needed[::80, ::80] = True
    assert len(parts(needed, 16, 16)) == 1
    assert parts(np.zeros((64, 64), np.bool_), 16, 16) == []


def test_needing_drops_tiles_without_work():
    needed = np.zeros((128, 128), np.bool_)
    needed[70, 3] = True
    assert needing(grid(128, 128, 64, 0), needed) == [Tile(64, 0, 64, 64)]


def test_a_tile_that_is_off_by_a_level_fades_out_over_the_overlap():
    tiles = grid(64, 112, 64, 16)
    blender = Blender(np.zeros((64, 112, 1), np.uint8), tiles, 16)
    for tile, level in zip(tiles, (100, 150), strict=True):
        blender.add(tile, np.full((64, 64, 1), level / 255, np.float32))
    row = blender.page()[30, :, 0].astype(int)
    assert row[0] == 100 and row[-1] == 150
    assert np.abs(np.diff(row)).max() <= 4  # 50 levels over 17 steps


def test_values_beyond_black_and_white_are_clipped():
    (tile,) = grid(8, 8, 8, 0)
    blender = Blender(np.zeros((8, 8, 1), np.uint8), [tile], 0)
    blender.add(tile, np.linspace(-1, 2, 64, dtype=np.float32).reshape(8, 8, 1))
    assert blender.page().min() == 0 and blender.page().max() == 255


@pytest.mark.parametrize("edge", range(16, 1024, 48))
def test_no_two_tiles_fade_beside_the_edge_of_a_picture(edge):
    """Else each of them would take what it sees of the picture for something else."""
    needed = np.ones((256, 1024), np.bool_)
    picture = np.zeros_like(needed)
    picture[:, edge:] = True
    tiles = cover(needed, 448, 32, 16, 16, picture)
    ends = [end for tile in tiles for end in (tile.x, tile.x + tile.width) if 0 < end < 1024]
    assert ends and min(abs(end - edge) for end in ends) >= 64


def test_a_picture_that_nothing_fades_beside_costs_nothing():
    needed = np.zeros((256, 1024), np.bool_)
    needed[:, 100:300] = needed[:, 440:900] = True
    picture = np.zeros_like(needed)
    picture[:, 440:900] = True
    assert cover(needed, 512, 32, 16, 16, picture) == cover(needed, 512, 32, 16, 16)
