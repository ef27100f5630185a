"""Real scans whose truth is known: historical pages with their ink, photographs without shadow.

python tests/bench/truth.py ink FOLDER         # a mask of the same name for each scan: DIBCO
python tests/bench/truth.py shadow FOLDER      # the same page photographed without a shadow

Below FOLDER, at any depth, `degraded/` holds the scans and `gt/` beside it the truth.

`ink`: share of the true ink that is dark behind Otsu's threshold (recall), share of what is dark
that is ink (precision), and F. `shadow`: PSNR between both pages of a pair, as they are and as they
come out: what is left of the shadow, and whatever else differs between two photographs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from scanclean.page import Pixels
from scanclean.restorer import Restorer, clean_classical

Mask = npt.NDArray[np.bool_]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("ink", "shadow"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", default="scanclean")
    given = parser.parse_args()
    restorers: dict[str, Callable[[Pixels], Pixels]] = {
        "nothing": lambda pixels: pixels,
        "classical": lambda pixels: clean_classical(pixels).pixels,
        given.weights: Restorer.load(given.weights),
    }
    pairs = list(_pairs(given.folder))
    measure = _ink if given.what == "ink" else _shadow
    print(f"{len(pairs)} pages")
    for name, restore in restorers.items():
        figures = np.array([measure(restore, scan, truth) for scan, truth in pairs])
        print(name, " ".join(f"{mean:.1f}" for mean in figures.mean(axis=0)))


def _pairs(folder: Path) -> Iterator[tuple[Pixels, Pixels]]:
    for path in sorted(folder.rglob("degraded/*.*")):
        for truth in sorted((path.parent.parent / "gt").glob(f"{path.stem}.*")):
            yield _read(path), _read(truth)


def _read(path: Path) -> Pixels:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L" if picture.mode in ("1", "L") else "RGB"))


def _ink(restore: Callable[[Pixels], Pixels], scan: Pixels, truth: Pixels) -> tuple[float, ...]:
    """Recall, precision and F in per cent."""
    restored, ink = _gray(restore(scan)), _gray(truth) < 128
    dark = restored <= otsu(restored)
    found = int((dark & ink).sum())
    recall, precision = found / int(ink.sum()), found / max(1, int(dark.sum()))
    return 100 * recall, 100 * precision, 200 * found / int(ink.sum() + dark.sum())


def _shadow(restore: Callable[[Pixels], Pixels], scan: Pixels, truth: Pixels) -> tuple[float]:
    difference = restore(scan).astype(float) - restore(truth)
    return (float(-10 * np.log10(np.mean(difference**2) / 255**2)),)


def otsu(plane: Pixels) -> int:
    """The level that parts a plane into two classes with the most variance between them."""
    counts = np.bincount(plane.ravel(), minlength=256).astype(float)
    below, total = counts.cumsum(), counts.sum()
    mass = (counts * np.arange(256)).cumsum()
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (mass[-1] * below / total - mass) ** 2 / (below * (total - below))
    return int(np.nanargmax(between[:-1]))


def _gray(pixels: Pixels) -> Pixels:
    return pixels if pixels.ndim == 2 else np.asarray(Image.fromarray(pixels).convert("L"))


if __name__ == "__main__":
    main()
