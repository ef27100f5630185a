import numpy as np
import pytest

from scanclean.shapes import box_mean, components, dilate, erode, grown_from, median, pieces


def flooded(mask):
    """Sets of 8-connected pixels, the obvious way."""
    todo, found = set(zip(*np.nonzero(mask), strict=True)), []
    while todo:
        stack, own = [todo.pop()], []
        while stack:
            y, x = stack.pop()
            own.append((y, x))
            near = {(y + i, x + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & todo
            todo -= near
            stack += near
        found.append(own)
    return found


@pytest.mark.parametrize("share", [0.0, 0.1, 0.4, 0.6, 1.0])
def test_components_are_the_flooded_sets(share):
    mask = np.random.default_rng(1).random((40, 53)) < share
    found = components(mask)
    assert sorted(found.area) == sorted(len(s) for s in flooded(mask))
    assert np.array_equal(found.paint(np.ones(found.count, bool), mask.shape), mask)


def test_a_snake_is_one_set():
    mask = np.zeros((41, 41), bool)
    mask[::2] = True
    mask[1::4, -1] = mask[3::4, 0] = True
    assert components(mask).count == 1


def test_values_of_runs_are_gathered_by_set():
    mask = np.array([[1, 1, 0, 1], [0, 0, 0, 1], [1, 0, 0, 0]], bool)
    plane = np.arange(12, dtype=np.uint8).reshape(3, 4)
    found = components(mask)
    highest = found.each(found.run_max(plane), np.maximum)
    total = np.bincount(found.label, found.run_sum(plane), found.count)
    assert sorted(zip(found.area.tolist(), highest.tolist(), total.tolist(), strict=True)) == [
        (1, 8, 8.0),
        (2, 1, 1.0),
        (2, 7, 10.0),
    ]


def test_only_large_sets_are_cut():
    mask = np.zeros((40, 40), bool)
    mask[2:5, 2:5] = True
    mask[10, :] = mask[:, 30] = True
    assert pieces(components(mask), 16).count > components(mask).count == 3 - 1
    assert pieces(components(mask), 64).count == 2


@pytest.mark.parametrize("radius", [0, 1, 3, 8])
def test_filters_agree_with_windows(radius):
    plane = np.random.default_rng(2).integers(0, 256, (20, 31)).astype(np.float32)
    wide = np.pad(plane, radius, mode="edge")
    side = (2 * radius + 1,) * 2
    windows = np.lib.stride_tricks.sliding_window_view(wide, side)
    assert np.array_equal(dilate(plane, radius), windows.max(axis=(2, 3)))
    assert np.array_equal(erode(plane, radius), windows.min(axis=(2, 3)))
    inside = slice(radius, -radius or None)
    assert np.allclose(
        box_mean(plane, radius)[inside, inside], windows.mean(axis=(2, 3))[inside, inside]
    )
    medians = np.median(windows, axis=(2, 3))[inside, inside]
    assert np.array_equal(median(plane, radius)[inside, inside], medians)


def test_growing_keeps_the_sets_with_a_seed():
    mask = np.array([[1, 1, 0, 1], [0, 0, 0, 1]], bool)
    seeds = np.zeros_like(mask)
    seeds[1, 3] = True
    assert grown_from(seeds, mask).tolist() == [[False, False, False, True]] * 2
