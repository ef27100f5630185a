"""Batches for training: patches of pairs and of clean pages that are degraded on the fly.

Item number n of a run depends on the seed and on n only, so a run that is resumed sees exactly what
an uninterrupted one would have seen, whatever the number of workers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from scanclean.config import TrainConfig
from scanclean.page import Pixels
from scanclean.paper import block_side, evened, examine
from scanclean.training.degradation import degrade
from scanclean.training.pairs import Pair, load_rgb, paired_patch

TOGETHER = 2
"""Patches cut from one degraded crop: more would save work and make a batch less varied."""
CROP = 640
"""Side of a degraded crop in pixels: shadows and folds need room, and so does judging the paper."""
DPI = (110.0, 350.0)
"""Resolutions that made scans pretend to have."""
PAGE_WIDTH_INCH = 8.27
"""Width of the page that a crop pretends to come from: A4."""


class Patches(Dataset[tuple[Tensor, Tensor]]):
    """Endless patches by number: each item is `TOGETHER` of them, `(TOGETHER, 3, side, side)`."""

    def __init__(self, pairs: Sequence[Pair], pages: Sequence[Path], config: TrainConfig) -> None:
        self._pairs = pairs
        self._pages = pages
        self._config = config
        share = config.pages_share if pairs else 1.0
        self._pages_share = share if pages else 0.0

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng([self._config.seed, number])
        made = rng.random() < self._pages_share
        scan, clean = self._made(rng) if made else self._paired(rng)
        side = self._config.patch
        patches = [paired_patch(scan, clean, side, rng) for _ in range(TOGETHER)]
        scans, cleans = zip(*patches, strict=True)
        return _tensor(scans), _tensor(cleans)

    def _paired(self, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
        pair = self._pairs[int(rng.integers(len(self._pairs)))]
        if self._config.even_paper:
            return load_even(pair.scan), load_even(pair.clean)
        return load_rgb(pair.scan), load_rgb(pair.clean)

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
        page = load_rgb(self._pages[int(rng.integers(len(self._pages)))])
        side = min(max(CROP, self._config.patch), *page.shape[:2])
        return paired_patch(page, page, side, rng)[0]


def batches(
    data: Dataset[tuple[Tensor, Tensor]], config: TrainConfig, first: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches (scan, clean) of `(N, 3, patch, patch)` in [0, 1], for steps `first` to the last."""
    items = max(1, config.batch // TOGETHER)
    loader = DataLoader(
        data,
        batch_size=items,
        sampler=range(first * items, config.steps * items),
        num_workers=config.workers,
        prefetch_factor=8 if config.workers else None,
        persistent_workers=config.workers > 0,
    )
    for scan, clean in loader:
        yield scan.flatten(0, 1), clean.flatten(0, 1)


def block_at(dpi: float) -> int:
    """Block in which the paper of an A4 page of that resolution is judged, pixels."""
    width = round(dpi * PAGE_WIDTH_INCH)
    return block_side(width, width)


@lru_cache(maxsize=8192)
def load_even(path: Path) -> Pixels:
    """A picture whose paper was made even; a crop that states its resolution as a part of A4."""
    from PIL import Image

    with Image.open(path) as picture:
        dpi = float(picture.info.get("dpi", (0, 0))[0])
        pixels = np.asarray(picture.convert("RGB"))
    block = max(block_at(dpi), block_side(*pixels.shape[:2]))
    return evened(pixels, examine(pixels, block))


def _tensor(patches: Sequence[Pixels]) -> Tensor:
    stacked = np.stack(patches).transpose(0, 3, 1, 2)
    return torch.from_numpy(np.ascontiguousarray(stacked)).float() / 255
