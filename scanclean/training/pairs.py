"""Pairs of scans and their clean originals on disk, and patches cut from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scanclean.config import ReadOptions
from scanclean.documents import open_document
from scanclean.errors import DataError, InputError
from scanclean.page import Page, Pixels

if TYPE_CHECKING:
    from PIL.Image import Image

LAYOUTS = (("scan", "clean"), ("train", "train_cleaned"))
"""Names of the two folders, in the order in which they are looked for."""
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp"})
"""Endings of pictures that can be half of a pair."""
_ORIENTATION, _ON_ITS_SIDE = 0x0112, range(5, 9)
"""Exif's tag of how a picture is held, and the values at which width and height change places."""
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
        f"{left[name][0].name} has no partner in {cleans.name}/" for name in left.keys() - right
    ]
    problems += [
        f"{right[name][0].name} has no partner in {scans.name}/" for name in right.keys() - left
    ]
    problems += _twins(left) + _twins(right)
    pairs = [Pair(left[name][0], right[name][0]) for name in sorted(left.keys() & right.keys())]
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


def _pictures(folder: Path) -> dict[str, list[Path]]:
    """Pictures of a folder by their names without endings."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in PICTURES:
            found.setdefault(path.stem, []).append(path)
    return found


def _twins(found: Mapping[str, Sequence[Path]]) -> list[str]:
    several = [paths for paths in found.values() if len(paths) > 1]
    return [
        f"{' and '.join(path.name for path in paths)} in {paths[0].parent.name}/ have one name"
        for paths in several
    ]


def _size_problem(pair: Pair) -> str | None:
    from PIL import Image

    sizes = []
    for path in (pair.scan, pair.clean):
        try:
            with Image.open(path) as picture:
                if getattr(picture, "n_frames", 1) > 1 and picture.format != "TIFF":
                    return f"{path.name} is an animation"
                sizes.append(picture.size[::-1] if _lies(picture) else picture.size)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            return f"{path.name} cannot be read ({error})"
    if sizes[0] != sizes[1]:
        (w, h), (v, g) = sizes
        return f"{pair.scan.name} is {w}x{h} but its clean page is {v}x{g}"
    return None


def _lies(picture: Image) -> bool:
    """Whether a picture is stored on its side."""
    if picture.format == "PNG" and "exif" not in picture.info:
        return False  # Pillow would decode all of it to look behind the pixels
    return picture.getexif().get(_ORIENTATION, 1) in _ON_ITS_SIDE


def load(path: Path) -> Pixels:
    """A picture as it is seen, uint8 `(H, W)` or `(H, W, 3)`: what `restore` would read.

    Raises:
        DataError: it is damaged, or no picture of a page.
    """
    try:
        with open_document(path, str(path), ReadOptions(strict=True)) as document:
            page = next(iter(document))
    except InputError as error:
        raise DataError(str(error), hint=error.hint or "mend or remove it") from error
    if not isinstance(page, Page):
        raise DataError(f"{path}: {page.reason}", hint="mend or remove it")
    return page.pixels


def load_rgb(path: Path) -> Pixels:
    """What `load` gives, with three channels: uint8 `(H, W, 3)`.

    Raises:
        DataError: it is damaged, or no picture of a page.
    """
    pixels = load(path)
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)


def stated_dpi(path: Path) -> float:
    """Resolution that a picture states, in dots per inch across; 0 if it states none."""
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return float(picture.info.get("dpi", (0, 0))[0])
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return 0.0


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
