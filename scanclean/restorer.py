"""A network that restores pictures of any size, tile by tile."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from scanclean.backends import Backend
from scanclean.classical import classical
from scanclean.config import DEFAULT_WEIGHTS
from scanclean.errors import DeviceError, UsageError
from scanclean.fidelity import Ink, guard
from scanclean.page import Pixels, Tiles
from scanclean.paper import SMALLEST_PAGE, evened, examine, tone_kept
from scanclean.parallel import in_order
from scanclean.progress import SILENT, Progress
from scanclean.tiling import Blender, Grid, Plane

EDGE = 32
"""Width of the mirrored margin that a page gets for the network, in pixels."""
SMALLEST_TILE = 64
"""A tile that fails is retried in quarters down to this side, in pixels."""
RETRY_OVERLAP = 16
"""Overlap of the quarters of a failed tile, in pixels."""


@dataclass(frozen=True)
class Cleaned:
    """A restored picture and what is to be said about it."""

    pixels: Pixels
    """Same shape as the scan."""
    ink: Ink | None = None
    """What the guard found; None without it."""
    warnings: tuple[str, ...] = ()
    """What a user should know."""


Cleaner: TypeAlias = Callable[[Pixels], Cleaned]
"""Anything that restores pixels: a `Restorer`'s `clean`, the classical filter, a test's own."""


class Restorer:
    """A network that restores pictures of any size, tile by tile.

    Args:
        backend: the loaded network.
        tile: side of a tile in pixels; 0 takes what suits the network.
        overlap: pixels that neighbouring tiles share; None takes what suits the network.
        use_guard: bring back ink that the network removed and drop ink that it invented.
    """

    def __init__(
        self, backend: Backend, *, tile: int = 0, overlap: int | None = None, use_guard: bool = True
    ) -> None:
        self.backend = backend
        self._guard = use_guard
        spec = backend.spec
        self._tile = _side(tile or spec.tile, spec.multiple_of)
        if spec.fixed_tile and tile and self._tile != spec.tile:
            raise UsageError(
                f"--tile {tile}: these weights see a tile as a whole and need {spec.tile}",
                hint="leave --tile out",
            )
        self._overlap = min(spec.overlap if overlap is None else overlap, self._tile // 2)
        self._pool = ThreadPoolExecutor(backend.lanes, thread_name_prefix="tile")

    @classmethod
    def load(
        cls, weights: str = DEFAULT_WEIGHTS, *, device: str = "auto", backend: str = "auto"
    ) -> Restorer:
        """Open weights by catalogue name or path.

        Raises:
            WeightsError: unknown, damaged, or not there.
            DeviceError: the device is not there.
        """
        from scanclean import backends
        from scanclean.weights import resolve

        found = resolve(weights, kinds=backends.kinds(backend))
        return cls(backends.open_backend(found.path, device=device, backend=backend))

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(cancel_futures=True)

    def __call__(self, pixels: Pixels) -> Pixels:
        """Restore a picture: uint8 `(H, W)` or `(H, W, 3)` to the same."""
        return self.clean(pixels).pixels

    def clean(self, pixels: Pixels, progress: Progress = SILENT) -> Cleaned:
        """Restore a picture and tell what the guard did.

        Raises:
            DeviceError: a tile failed in every size. No pixel of a failed tile is ever used.
        """
        tile = self._tile
        if not self.backend.spec.fixed_tile:  # no work on what lies beyond a small picture
            longest = max(pixels.shape[:2]) + 2 * EDGE
            tile = min(tile, _side(longest, self.backend.spec.multiple_of))
        warnings: list[str] = []
        paper = examine(pixels) if min(pixels.shape[:2]) >= SMALLEST_PAGE else None
        even = evened(pixels, paper) if paper and self.backend.spec.even_paper else pixels
        restored = self._restore(even, tile, warnings, progress)
        if not self._guard:
            return Cleaned(restored, None, tuple(warnings))
        if paper and self.backend.spec.even_paper:
            restored = tone_kept(even, restored, paper)
        guarded = guard(pixels, restored, paper=paper)
        return Cleaned(guarded.pixels, guarded.ink, tuple(warnings))

    def _restore(
        self, pixels: Pixels, tile: int, warnings: list[str], progress: Progress
    ) -> Pixels:
        overlap = min(self._overlap, tile // 2)
        # A convolution sees zeros beyond a tile. Where tiles meet, the fade hides what that does;
        # a margin of mirrored page does so at the page's own edges, alike for every size of tile.
        around = ((EDGE, EDGE), (EDGE, EDGE), (0, 0))[: pixels.ndim]
        framed = np.pad(pixels, around, "symmetric")
        grid = Grid(framed.shape[0], framed.shape[1], tile, overlap)
        progress.start(len(grid), "tile")
        blender = Blender(grid, self.backend.spec.channels)

        def work(corner: tuple[int, int]) -> Plane:
            return self._tile_at(grid.cut(framed, *corner), corner, warnings)

        for (y, x), restored in in_order(self._pool, work, grid, ahead=2 * self.backend.lanes):
            blender.add(y, x, restored)
            progress.advance()
        height, width = pixels.shape[:2]
        page = blender.page()[EDGE : EDGE + height, EDGE : EDGE + width]
        return _as_channels_of(pixels, page)

    def _tile_at(self, scan: Pixels, corner: tuple[int, int], warnings: list[str]) -> Plane:
        """Restore one square: float32 `(T, T, C)`. Smaller squares where the engine fails on it."""
        try:
            (out,) = self.backend(_as_tiles(scan, self.backend.spec.channels))
            problem = "" if np.isfinite(out).all() else "the network gave no finite number"
        except DeviceError as error:
            problem = str(error)
        if not problem:
            restored: Plane = out.transpose(1, 2, 0)
            return restored
        where = f"tile at row {corner[0]}, column {corner[1]}"
        half = _side(len(scan) // 2 + RETRY_OVERLAP, self.backend.spec.multiple_of)
        if half >= len(scan) or half < SMALLEST_TILE or self.backend.spec.fixed_tile:
            raise DeviceError(f"{where} failed in every size: {problem}", hint="type --device cpu")
        warnings.append(f"{where} failed ({problem}) and was retried in smaller tiles")
        height, width = scan.shape[:2]
        parts = Grid(height, width, half, RETRY_OVERLAP)
        total = np.zeros((height, width, self.backend.spec.channels), np.float32)
        weight = np.zeros((height, width, 1), np.float32)
        for y, x in parts:
            part = self._tile_at(parts.cut(scan, y, x), (corner[0] + y, corner[1] + x), warnings)
            total[y : y + half, x : x + half] += part
            weight[y : y + half, x : x + half] += 1
        mended: Plane = total / weight
        return mended


def clean_classical(pixels: Pixels, *, use_guard: bool = True) -> Cleaned:
    """Restore with the filter that needs no network."""
    filtered = classical(pixels)
    if not use_guard:
        return Cleaned(filtered)
    guarded = guard(pixels, filtered)
    return Cleaned(guarded.pixels, guarded.ink)


def _side(wanted: int, multiple: int) -> int:
    """The smallest multiple that is at least `wanted`."""
    return max(1, -(-wanted // multiple)) * multiple


def _as_tiles(scan: Pixels, channels: int) -> Tiles:
    """uint8 `(T, T[, 3])` to float32 `(1, channels, T, T)`: gray repeated, or colour averaged."""
    picture = scan[..., None] if scan.ndim == 2 else scan
    if channels == 1 and picture.shape[2] == 3:
        picture = picture.mean(2, keepdims=True)
    planes = np.broadcast_to(picture.transpose(2, 0, 1), (channels, *picture.shape[:2]))
    return np.multiply(planes[None], np.float32(1 / 255), dtype=np.float32)


def _as_channels_of(scan: Pixels, restored: Pixels) -> Pixels:
    """Give the network's `(H, W, C)` the scan's number of channels.

    A gray network cleans a colour page by its brightness: each pixel's channels are moved by as
    much as their mean was.
    """
    if scan.ndim == 2:
        return restored[..., 0] if restored.shape[2] == 1 else _mean(restored)
    if restored.shape[2] == 3:
        return restored
    shift = restored.astype(np.int16) - _mean(scan)[..., None]
    return np.clip(scan + shift, 0, 255).astype(np.uint8)


def _mean(pixels: Pixels) -> Pixels:
    total = pixels.sum(2, dtype=np.uint16)
    return ((total + 1) // 3).astype(np.uint8)
