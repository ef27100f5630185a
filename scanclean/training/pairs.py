"""Pairs of scans and their clean originals on disk, and patches cut from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scanclean.errors import DataError
from scanclean.page import Pixels

LAYOUTS = (("scan", "clean"), ("train", "train_cleaned"))
"""Names of the two folders, in the order in which they are looked for."""
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp"})
"""Endings of pictures that can be half of a pair."""
SHOWN = 8
"""Problems named in an error message; the rest is counted."""


@dataclass(frozen=True)
class Pair:
    """A scan and the same page clean."""

    scan: Path
    """The degraded picture."""
    clean: Path
    """Its clean original: same name without suffix, same size."""


def find_pairs(data: Path) -> list[Pair]:
    """All pairs of a data folder, sorted by name.

    Raises:
        DataError: no pairs, a picture without a partner, or sizes that differ; every problem named.
    """
    for scans, cleans in LAYOUTS:
        if (data / scans).is_dir() and (data / cleans).is_dir():
            return _match(data / scans, data / cleans)
    raise DataError(
        f"{data}: holds no pairs",
        hint="put pictures of equal names into scan/ and clean/ (or train/ and train_cleaned/)",
    )


def _match(scans: Path, cleans: Path) -> list[Pair]:
    left, right = _pictures(scans), _pictures(cleans)
    problems = [
        f"{left[name].name} has no partner in {cleans.name}/" for name in left.keys() - right
    ]
    problems += [
        f"{right[name].name} has no partner in {scans.name}/" for name in right.keys() - left
    ]
    pairs = [Pair(left[name], right[name]) for name in sorted(left.keys() & right.keys())]
    problems += [problem for pair in pairs if (problem := _size_problem(pair))]
    if problems:
        more = f" and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise DataError(
            f"{scans.parent}: " + "; ".join(sorted(problems)[:SHOWN]) + more,
            hint="mend or remove these files",
        )
    if not pairs:
        raise DataError(f"{scans.parent}: {scans.name}/ and {cleans.name}/ hold no pictures")
    return pairs


def _pictures(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in folder.iterdir() if path.suffix.lower() in PICTURES}


def _size_problem(pair: Pair) -> str | None:
    from PIL import Image

    sizes = []
    for path in (pair.scan, pair.clean):
        try:
            with Image.open(path) as picture:
                sizes.append(picture.size)
        except OSError:
            return f"{path.name} cannot be read"
    if sizes[0] != sizes[1]:
        (w, h), (v, g) = sizes
        return f"{pair.scan.name} is {w}x{h} but its clean page is {v}x{g}"
    return None


def load_rgb(path: Path) -> Pixels:
    """A picture as uint8 `(H, W, 3)`.

    Raises:
        DataError: it is damaged.
    """
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except (OSError, ValueError, SyntaxError) as error:  # what PIL raises for damaged pictures
        raise DataError(f"{path}: cannot be read: {error}", hint="mend or remove it") from error


def paired_patch(
    scan: Pixels, clean: Pixels, side: int, rng: np.random.Generator, *, augment: bool = True
) -> tuple[Pixels, Pixels]:
    """Cut the same random square from both, and with `augment` turn and mirror both alike.

    Turns are quarter turns, so no pixel is resampled. A picture smaller than the square is padded
    with its edge.

    Returns:
        Two uint8 arrays `(side, side, 3)`.
    """
    height, width = scan.shape[:2]
    if height < side or width < side:
        margin = ((0, max(side - height, 0)), (0, max(side - width, 0)), (0, 0))
        scan, clean = np.pad(scan, margin, "edge"), np.pad(clean, margin, "edge")
        height, width = scan.shape[:2]
    y = int(rng.integers(height - side + 1))
    x = int(rng.integers(width - side + 1))
    turns, mirror = (int(rng.integers(4)), bool(rng.integers(2))) if augment else (0, False)
    return tuple(_turned(p[y : y + side, x : x + side], turns, mirror) for p in (scan, clean))  # type: ignore[return-value]  # two


def _turned(patch: Pixels, turns: int, mirror: bool) -> Pixels:
    patch = np.rot90(patch, turns)
    return patch[:, ::-1] if mirror else patch
