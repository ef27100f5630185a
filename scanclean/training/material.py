"""What a data folder offers to a run: pairs, clean pages, and pairs held out to judge by."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scanclean.config import TrainConfig
from scanclean.errors import DataError
from scanclean.progress import SILENT, Progress
from scanclean.training.pairs import LAYOUTS, PICTURES, Pair, find_pairs, load_rgb, stated_dpi

HELD_OUT = 6
"""One of this many clean pages is held out to choose the best weights by."""
MOST_HELD_OUT = 16
"""Pairs that are enough to judge by; more would only take time."""
POOL = 400
"""Crops that are rendered from clean pages."""
HELD_CROPS = 8
"""Of these so many are degraded once and for all, to choose the best weights by."""
LEAST_POOL = 4 * HELD_CROPS
"""Crops that the shortest run has, so that a longer one is judged by the same ones."""
SCANNED = "scanned"
"""Folder beside the crops with those that were degraded."""
RUN_FILES = ("config.json", "log.csv")
"""What the folder of a training run is told by."""


@dataclass(frozen=True)
class Material:
    """Everything a run learns from and is judged by."""

    train: tuple[Pair, ...] = ()
    """Pairs to learn from."""
    validation: tuple[Pair, ...] = ()
    """Pairs that share no clean page with those; or of clean pages, other crops than `pages`."""
    pages: tuple[Path, ...] = ()
    """Clean crops that are degraded on the fly; none of them is in `validation`."""


def has_pairs(data: Path) -> bool:
    """Whether a data folder has pairs; else its pages are taken as clean, and degraded."""
    return any((data / scans).is_dir() for scans, _ in LAYOUTS)


def require(data: Path) -> None:
    """Look before anything is written whether there is something to learn from.

    Raises:
        DataError: there is not, or the pairs have faults.
    """
    _require_folder(data)
    if has_pairs(data):
        find_pairs(data)
    else:
        clean_sources(data)


def gather(config: TrainConfig, progress: Progress = SILENT, pool: int = POOL) -> Material:
    """Look through a data folder: pairs, or else clean pages and PDFs.

    Args:
        config: names the data, and the run that crops of clean pages are kept in.
        progress: told of crops.
        pool: crops to render at most; a short run gets fewer.

    Raises:
        DataError: neither is there, or the pairs have faults.
    """
    data = Path(config.data)
    _require_folder(data)
    if has_pairs(data):
        train, validation = split(find_pairs(data))
        return Material(train, validation)
    wanted = max(LEAST_POOL, config.steps * config.batch)
    pages = _render(data, config, progress, min(pool, wanted))
    held = pages[::4][: min(HELD_CROPS, len(pages) // 4)]  # the same ones if there are more
    rest = tuple(page for page in pages if page not in held)
    return Material(pages=rest, validation=_scanned(held, config.seed))


def split(pairs: Sequence[Pair]) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """Hold out pairs to judge by, without a leak.

    A clean page is often scanned several times. All pairs of one clean page, found by the bytes of
    the clean file, go to the same side.

    Returns:
        (train, validation); no validation if there is only one clean page.
    """
    groups: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        groups[hashlib.sha256(pair.clean.read_bytes()).hexdigest()].append(pair)
    ordered = list(groups.values())
    held = ordered[HELD_OUT - 1 :: HELD_OUT] or ordered[1:2]
    validation = [pair for group in held for pair in group][:MOST_HELD_OUT]
    train = [pair for group in ordered if group not in held for pair in group]
    return tuple(train), tuple(validation)


def clean_sources(data: Path) -> list[Path]:
    """Pictures and PDFs of a data folder without pairs: all are taken as clean.

    What is hidden, or lies in the folder of a training run, is not: samples of runs are dirty.

    Raises:
        DataError: there are none, or no such folder.
    """
    _require_folder(data)
    kinds = PICTURES | {".pdf"}
    sources = sorted(path for path in _visible(data) if path.suffix.lower() in kinds)
    if not sources:
        raise DataError(
            f"{data}: holds neither pairs nor clean pages",
            hint="put pictures of equal names into scan/ and clean/, or clean PDFs into the folder",
        )
    return sources


def _scanned(pages: Sequence[Path], seed: int) -> tuple[Pair, ...]:
    """Clean crops beside what a scanner makes of them, kept in a folder beside the crops."""
    from scanclean.training.degradation import degrade
    from scanclean.training.pages import CleanPage, write_png

    pairs = [Pair(page.parent / SCANNED / page.name, page) for page in pages]
    for number, pair in enumerate(pairs):
        if not pair.scan.exists():
            clean, dpi = load_rgb(pair.clean), stated_dpi(pair.clean)
            behind = load_rgb(pages[number - 1])
            scan = degrade(clean, np.random.default_rng([seed, number]), behind, dpi=dpi)
            pair.scan.parent.mkdir(exist_ok=True)
            write_png(pair.scan, CleanPage(scan, dpi, "scan"))
    return tuple(pairs)


def _visible(data: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(data):
        seen = [name for name in folders if not name.startswith(".")]
        folders[:] = [name for name in seen if not _is_run(Path(place, name))]
        yield from (Path(place, name) for name in names if not name.startswith("."))


def _is_run(folder: Path) -> bool:
    return all((folder / name).is_file() for name in RUN_FILES)


def _require_folder(data: Path) -> None:
    if not data.is_dir():
        raise DataError(f"{data}: no such folder", hint="give a folder with scan/ and clean/")


def _render(data: Path, config: TrainConfig, progress: Progress, count: int) -> tuple[Path, ...]:
    from scanclean.training.pages import render_pool

    sources = clean_sources(data)
    pool = Path(config.run) / "pages"
    found = sorted(pool.glob("*.png"))
    if len(found) < count:  # a longer run begins with the same ones
        shutil.rmtree(pool / SCANNED, ignore_errors=True)
        render_pool(pool, sources, None, count, config.seed, progress=progress)
        found = sorted(pool.glob("*.png"))
    return tuple(found)
