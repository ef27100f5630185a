"""A network that restores pictures of any size, tile by tile."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from scanclean.backends import Backend
from scanclean.blocks import spread
from scanclean.classical import classical
from scanclean.config import CLASSICAL, DEFAULT_WEIGHTS, SMALLEST_TILE
from scanclean.errors import DeviceError, UsageError
from scanclean.fidelity import Ink, guard
from scanclean.ink import colour_kept, darkened, halfway_back, paleness
from scanclean.page import Pixels, Tiles, darkest, differ
from scanclean.paper import SMALLEST_PAGE, Mask, Paper, bare, evened, examine, tone_kept
from scanclean.parallel import in_order
from scanclean.progress import SILENT, Progress, look
from scanclean.shapes import dilate, erode
from scanclean.specks import painted_over, specks
from scanclean.tiling import Blender, Plane, Tile, cover, cut, grid, moved, needing

EDGE = 16
"""Pixels around marks that the network works on as well, and width of the mirrored margin that a
page gets for that. Twice as much gave a result no nearer to that of the page as a whole."""
CLEAN_GRAIN = 0.001
"""Paper with less grain than this, as a share of its brightness, was drawn or is clipped white."""
MENDED = 40
"""A pixel that the network changes by more levels was dirty, or worn."""
MENDED_SHARE = 1e-4
"""Share of such pixels up to which a page without grain counts as clean."""
MENDED_BESIDE = 12
"""So are fewer levels away from the edges of letters, where a network sharpens what is smooth."""
MENDED_BESIDE_SHARE = 0.0025
"""Share of such pixels up to which a page without grain counts as clean."""
EDGE_RANGE = 100
"""Gray levels between a pixel's neighbours at the edge of a letter."""
RETRY_OVERLAP = 16
"""Overlap of the quarters of a failed tile, in pixels."""
PLACES = ((0, 0), (1, 1), (0, 1), (1, 0))
"""Rows and columns by which the tiles of each pass are moved: all that differ to a network on a
grid of two pixels, those first that differ most. Larger steps, or turned pages, gain no more."""


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
        passes: times that the network looks, 1 to 4, each from another place; the mean is taken.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        tile: int = 0,
        overlap: int | None = None,
        use_guard: bool = True,
        passes: int = 1,
    ) -> None:
        self.backend = backend
        self._guard = use_guard
        if not 1 <= passes <= len(PLACES):
            raise UsageError(f"passes {passes}: is not within 1 to {len(PLACES)}")
        self._places = PLACES[:passes]
        spec = backend.spec
        self._tile = _side(tile or spec.tile, spec.multiple_of)
        if spec.fixed_tile and tile and self._tile != spec.tile:
            raise UsageError(
                f"--tile {tile}: these weights see a tile as a whole and need {spec.tile}",
                hint="leave --tile out",
            )
        wanted = min(spec.overlap if overlap is None else overlap, self._tile // 2)
        if not spec.fixed_tile:
            wanted = min(_side(wanted, spec.multiple_of), self._tile - spec.multiple_of)
        self._overlap = wanted
        self._pool = ThreadPoolExecutor(backend.lanes, thread_name_prefix="tile")

    @classmethod
    def load(
        cls, weights: str = DEFAULT_WEIGHTS, *, device: str = "auto", backend: str = "auto"
    ) -> Restorer:
        """Open weights by catalogue name or path.

        Raises:
            WeightsError: unknown, damaged, or not there.
            DeviceError: the device is not there.
            UsageError: it is the filter that has no weights.
        """
        if weights == CLASSICAL:
            raise UsageError(
                f"{CLASSICAL}: is a filter, not a network",
                hint="call scanclean.restorer.clean_classical(pixels)",
            )
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
            TypeError: it is no picture of bytes.
        """
        if pixels.dtype != np.uint8 or (pixels.ndim, *pixels.shape[2:]) not in ((2,), (3, 3)):
            raise TypeError(
                f"a picture is uint8 of shape (H, W) or (H, W, 3), not {pixels.dtype} of shape "
                f"{pixels.shape}"
            )
        warnings: list[str] = []
        paper = examine(pixels) if min(pixels.shape[:2]) >= SMALLEST_PAGE else None
        known = paper if self.backend.spec.even_paper else None
        even, count = (evened(pixels, known), 0) if known else (pixels, 0)
        if known and (dirt := specks(even, known)):
            pixels, count = painted_over(pixels, dirt.pixels, known), dirt.count
            even = evened(pixels, known)
        restored = self._restore_ink(even, known, warnings, progress)
        if known and clean_already(even, restored, known):
            restored = even
        if not self._guard:
            return Cleaned(restored, None, tuple(warnings))
        if known:
            restored = tone_kept(even, restored, known)
            restored = colour_kept(pixels, even, restored, known)
        del even  # a page
        look(progress)
        guarded = guard(pixels, restored, paper=paper)
        return Cleaned(guarded.pixels, replace(guarded.ink, specks=count), tuple(warnings))

    def _restore_ink(
        self, even: Pixels, paper: Paper | None, warnings: list[str], progress: Progress
    ) -> Pixels:
        times = paleness(even, paper) if paper else 1.0
        if not paper or times == 1:
            return self._restore(even, paper, warnings, progress)
        as_print = self._restore(darkened(even, paper, times), paper, warnings, progress)
        return halfway_back(even, as_print, paper, times)

    def _restore(
        self, pixels: Pixels, paper: Paper | None, warnings: list[str], progress: Progress
    ) -> Pixels:
        # A convolution sees zeros beyond a tile. Where tiles meet, the fade hides what that does;
        # a margin of mirrored page does so at the page's own edges, alike for every size of tile.
        height, width = pixels.shape[:2]
        spec = self.backend.spec
        framed = (
            _side(height + 2 * EDGE, spec.multiple_of),
            _side(width + 2 * EDGE, spec.multiple_of),
        )
        blank = bare(pixels, paper) if paper else None
        tiles = moved(self._tiles(framed, pixels.shape, blank, paper), self._places)
        progress.start(len(tiles), "tile")
        blender = Blender(np.full((*framed, spec.channels), 255, np.uint8), tiles, self._overlap)

        def work(tile: Tile) -> Plane:
            look(progress)  # tiles of many pages may wait for an engine: none begins in vain
            onpage = tile._replace(y=tile.y - EDGE, x=tile.x - EDGE)
            return self._tile_at(cut(pixels, onpage), onpage, warnings)

        for tile, restored in in_order(self._pool, work, tiles, ahead=2 * self.backend.lanes):
            blender.add(tile, restored)
            progress.advance()
        page = blender.page()[EDGE : EDGE + height, EDGE : EDGE + width]
        if blank is not None:  # the same white inside a tile as where there is none
            for channel in range(spec.channels):
                np.copyto(page[..., channel], 255, where=blank)
        return _as_channels_of(pixels, page)

    def _tiles(
        self,
        framed: tuple[int, int],
        shape: tuple[int, ...],
        blank: Mask | None,
        paper: Paper | None,
    ) -> list[Tile]:
        """Where the network has to look: at all of a page of this shape that is not blank."""
        spec = self.backend.spec
        inside = np.s_[EDGE : EDGE + shape[0], EDGE : EDGE + shape[1]]
        needed = np.zeros(framed, np.bool_)
        needed[inside] = True if blank is None else ~blank
        if spec.fixed_tile:
            return needing(grid(*framed, self._tile, self._overlap), needed)
        picture = np.zeros(framed, np.bool_)
        if paper:
            picture[inside] = spread(paper.picture, paper.block, slice(0, shape[0]), shape[1])
        return cover(needed, self._tile, self._overlap, EDGE, spec.multiple_of, picture)

    def _tile_at(self, scan: Pixels, tile: Tile, warnings: list[str]) -> Plane:
        """Restore a tile: float32 `(h, w, C)`. Smaller tiles where the engine fails on it."""
        try:
            (out,) = self.backend(_as_tiles(scan, self.backend.spec.channels))
            problem = "" if np.isfinite(out).all() else "the network gave no finite number"
        except DeviceError as error:
            problem = str(error)
        if not problem:
            whole: Plane = out.transpose(1, 2, 0)
            return whole
        where = f"tile at row {max(0, tile.y)}, column {max(0, tile.x)}"
        longest = max(tile.height, tile.width)
        half = _side(longest // 2 + RETRY_OVERLAP, self.backend.spec.multiple_of)
        if half >= longest or half < SMALLEST_TILE or self.backend.spec.fixed_tile:
            raise DeviceError(f"{where} failed in every size: {problem}", hint="type --device cpu")
        warnings.append(f"{where} failed ({problem}) and was retried in smaller tiles")
        total = np.zeros((*scan.shape[:2], self.backend.spec.channels), np.float32)
        weight = np.zeros((*scan.shape[:2], 1), np.float32)
        for part in grid(tile.height, tile.width, half, RETRY_OVERLAP):
            place = Tile(tile.y + part.y, tile.x + part.x, half, half)
            again = self._tile_at(cut(scan, part), place, warnings)
            inside = np.s_[part.y : part.y + half, part.x : part.x + half]
            high, wide = total[inside].shape[:2]
            total[inside] += again[:high, :wide]
            weight[inside] += 1
        mended: Plane = np.divide(total, weight, dtype=np.float32)
        return mended


def clean_already(even: Pixels, restored: Pixels, paper: Paper) -> bool:
    """Whether a page needs no restoring: paper white or without grain, and next to nothing to mend.

    Pages that never were on paper are so. What a network still changes there are the smooth edges
    of letters, by a few levels: no gain, and not what was drawn.

    Args:
        even: the page before the network, uint8 `(H, W)` or `(H, W, 3)`.
        restored: the page behind it, of the same shape.
        paper: of the same page.
    """
    known = ~paper.picture
    if not known.any():
        return False
    # small dense print leaves no bare block to see the grain in
    if not paper.white and np.median(paper.grain[known]) > CLEAN_GRAIN:
        return False
    if differ(even, restored, MENDED, MENDED_SHARE):
        return False
    plane = darkest(even)
    edge = dilate(dilate(plane, 1) - erode(plane, 1) > EDGE_RANGE, 1)
    return not differ(even, restored, MENDED_BESIDE, MENDED_BESIDE_SHARE, apart_from=edge)


def clean_classical(
    pixels: Pixels, progress: Progress = SILENT, *, use_guard: bool = True
) -> Cleaned:
    """Restore with the filter that needs no network."""
    filtered = classical(pixels, progress)
    if not use_guard:
        return Cleaned(filtered)
    look(progress)
    guarded = guard(pixels, filtered)
    return Cleaned(guarded.pixels, guarded.ink)


def _side(wanted: int, multiple: int) -> int:
    """The smallest multiple that is at least `wanted`."""
    return max(1, -(-wanted // multiple)) * multiple


def _as_tiles(scan: Pixels, channels: int) -> Tiles:
    """uint8 `(h, w[, 3])` to float32 `(1, channels, h, w)`: gray repeated, or colour averaged."""
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
