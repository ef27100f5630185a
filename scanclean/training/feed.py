"""Batches for training: patches of pairs and of clean pages that are degraded on the fly.

Item number n of a run depends on the seed and on n only, so a run that is resumed sees exactly what
an uninterrupted one would have seen, whatever the number of workers.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from scanclean.atomic import replacing
from scanclean.blocks import block_side
from scanclean.config import TrainConfig
from scanclean.errors import DataError
from scanclean.page import Pixels
from scanclean.paper import evened, examine
from scanclean.training.aggravation import aggravated
from scanclean.training.degradation import degrade
from scanclean.training.distributed import ALONE, World
from scanclean.training.pairs import Pair, load_rgb, paired_patch, stated_dpi

TOGETHER = 2
"""Patches cut from one degraded crop: more would save work and make a batch less varied."""
CROP = 640
"""Side of a degraded crop in pixels: shadows and folds need room, and so does judging the paper."""
DPI = (110.0, 350.0)
"""Resolutions that made scans pretend to have."""
PAGE_WIDTH_INCH = 8.27
"""Width of the page that a crop pretends to come from: A4."""
DIGITS = 32
"""Hexadecimal digits in the name of a decoded picture."""
MOST_OPEN = 256
"""Memory maps open at a time: systems limit them."""


class Patches(Dataset[tuple[Tensor, Tensor]]):
    """Endless patches by number: each item is `TOGETHER` of them, `(TOGETHER, C, side, side)`."""

    def __init__(self, pairs: Sequence[Pair], pages: Sequence[Path], config: TrainConfig) -> None:
        self._pairs = pairs
        self._pages = pages
        self._config = config
        self._store = PixelStore(Path(config.run) / "cache")
        share = config.pages_share if pairs else 1.0
        self._pages_share = share if pages else 0.0

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng([self._config.seed, number])
        made = rng.random() < self._pages_share
        scan, clean = self._made(rng) if made else self._paired(rng)
        scans, cleans = zip(*(self._patch(scan, clean, rng) for _ in range(TOGETHER)), strict=True)
        channels = self._config.channels
        return _tensor(scans, channels), _tensor(cleans, channels)

    def _patch(
        self, scan: Pixels, clean: Pixels, rng: np.random.Generator
    ) -> tuple[Pixels, Pixels]:
        config = self._config
        patches = paired_patch(scan, clean, config.patch, rng, augment=config.augment)
        return aggravated(*patches, rng, config)

    def _paired(self, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
        pair = self._pairs[int(rng.integers(len(self._pairs)))]
        load = load_even if self._config.even_paper else load_rgb
        return self._store(pair.scan, load), self._store(pair.clean, load)

    def _made(self, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
        clean = self._crop(rng)
        dpi = float(rng.uniform(*DPI))
        scan = degrade(clean, rng, self._crop(rng), dpi=dpi)
        if self._config.even_paper:
            block = block_at(dpi)
            # The clean page too: a ground that is paper to the one must be paper to the other.
            return evened(scan, examine(scan, block)), evened(clean, examine(clean, block))
        return scan, clean

    def _crop(self, rng: np.random.Generator) -> Pixels:
        page = self._store(self._pages[int(rng.integers(len(self._pages)))], load_rgb)
        side = min(max(CROP, self._config.patch), *page.shape[:2])
        return paired_patch(page, page, side, rng)[0]


def batches(
    data: Dataset[tuple[Tensor, Tensor]], config: TrainConfig, first: int, world: World = ALONE
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches (scan, clean) of `(N, C, patch, patch)` in [0, 1], for steps `first` to the last.

    Of the items of a step, the processes of `world` take equal parts in the order of their ranks.

    Raises:
        DataError: a picture is damaged.
    """
    items = config.batch // TOGETHER
    numbers = [
        range(
            (step * world.size + world.rank) * items, (step * world.size + world.rank + 1) * items
        )
        for step in range(first, config.steps)
    ]
    loader = DataLoader(
        data,
        batch_sampler=numbers,  # type: ignore[arg-type]  # a range is as good as a list
        num_workers=config.workers,
        prefetch_factor=8 if config.workers else None,
        persistent_workers=config.workers > 0,
        worker_init_fn=_set_apart,
        generator=torch.Generator(),  # leaves the global one, which is seeded each step, alone
    )
    try:
        for scan, clean in loader:
            yield scan.flatten(0, 1), clean.flatten(0, 1)
    except DataError as error:  # a worker process wraps its errors into a traceback
        last = str(error).strip().splitlines()[-1]
        raise DataError(last.removeprefix(f"{DataError.__module__}.DataError: ")) from error


def _set_apart(_: int) -> None:
    # ^C goes to all processes of a terminal, so does its end, and `timeout` signals all it started.
    # The main one saves, and ends the workers in its own time; a signal of its own still ends them.
    if hasattr(os, "setpgrp"):
        os.setpgrp()
    else:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def block_at(dpi: float) -> int:
    """Block in which the paper of an A4 page of that resolution is judged, pixels."""
    width = round(dpi * PAGE_WIDTH_INCH)
    return block_side(width, width)


class PixelStore:
    """Decoded pictures on disk, memory-mapped.

    Patches are cut from the same pages many times. A page in memory costs 26 MB (A4 at 300 dpi) in
    each worker; from a map only the rows of a patch are read, and the system shares and drops them
    as it sees fit.

    Args:
        folder: where they are kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[Path, Pixels] = {}

    def __call__(self, path: Path, load: Callable[[Path], Pixels]) -> Pixels:
        """The pixels of a picture, decoded by `load` when it is seen for the first time."""
        facts = path.stat()
        said = f"{path.absolute()} {facts.st_size} {facts.st_mtime_ns} {load.__name__}"
        stored = self._folder / f"{hashlib.sha256(said.encode()).hexdigest()[:DIGITS]}.npy"
        if stored not in self._open:
            if not stored.exists():
                with replacing(stored, force=True) as temporary, temporary.open("wb") as file:
                    np.save(file, load(path))
            if len(self._open) >= MOST_OPEN:
                self._open.pop(next(iter(self._open)))
            self._open[stored] = np.load(stored, mmap_mode="r")
        return self._open[stored]


def drop_pictures(folder: Path) -> None:
    """Remove what a `PixelStore` kept there; what else lies there is somebody else's."""
    with contextlib.suppress(OSError):
        for path in folder.glob("[0-9a-f]" * DIGITS + ".npy"):
            path.unlink(missing_ok=True)
        folder.rmdir()


def load_even(path: Path) -> Pixels:
    """A picture whose paper was made even; a crop that states its resolution as a part of A4."""
    pixels = load_rgb(path)
    block = max(block_at(stated_dpi(path)), block_side(*pixels.shape[:2]))
    return evened(pixels, examine(pixels, block))


def _tensor(patches: Sequence[Pixels], channels: int) -> Tensor:
    stacked = torch.from_numpy(np.ascontiguousarray(np.stack(patches).transpose(0, 3, 1, 2)))
    planes = stacked.float() / 255
    return planes.mean(1, keepdim=True) if channels == 1 else planes
