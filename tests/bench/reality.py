"""Made scans beside real ones: the same figures of both, as a table and as a picture.

python tests/bench/reality.py REAL_FOLDER -o reality.png [--clean FOLDER] [--texts FOLDER] [--fonts FOLDER]
"""  # noqa: E501

import argparse
from dataclasses import fields
from pathlib import Path

import numpy as np

from scanclean.documents import suffixes
from scanclean.training import reality
from scanclean.training._processing import Jpeg
from scanclean.training.degradation import apply, sample, traits
from scanclean.training.pages import clean_pages

PAGES = 3  # of a document
SHOWN = (5, 25, 50, 75, 95)
SCREEN = ("identity", "recoded")  # no scans
QUALITY = "jpeg"


def real(folder: Path) -> dict[str, list[float]]:
    """Figures of all documents below a folder; every document counts alike."""
    found = table()
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in suffixes()):
        measures = [reality.measure(rgb(crop)) for crop in reality.crops(path, PAGES)]
        for name in names():
            values = [getattr(m, name) for m in measures if m]
            if np.isfinite(values).any():
                found[name].append(float(np.nanmedian(values)))
        found[QUALITY].append(reality.jpeg_quality(path) if path.suffix != ".pdf" else np.nan)
    return found


def made(count: int, clean: list[Path], texts: Path | None, fonts: list[Path]) -> dict:
    """The same of `count` made scans."""
    found = table()
    rng = np.random.default_rng(1)
    pages = clean_pages(clean, rng, texts, fonts=fonts, size=(reality.CROP, reality.CROP))
    while len(found["paper"]) < count:
        page, other = next(pages), next(pages)
        drawn = sample(rng, page.dpi, **traits(page.pixels))
        if drawn.profile in SCREEN:
            continue
        measures = reality.measure(rgb(apply(drawn, page.pixels, rng, other.pixels)))
        if measures:
            for name in names():
                found[name].append(getattr(measures, name))
            found[QUALITY] += [s.quality for s in drawn.steps if isinstance(s, Jpeg)]
    return found


def names() -> list[str]:
    return [field.name for field in fields(reality.Measures)]


def table() -> dict[str, list[float]]:
    return {name: [] for name in [*names(), QUALITY]}


def rgb(pixels: np.ndarray) -> np.ndarray:
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)


def show(ours: dict, theirs: dict) -> None:
    print(f"{'':12}   " + " ".join(f"{p:>7}%" for p in SHOWN) + "      n")
    for name in ours:
        for label, figures in (("real", theirs[name]), ("made", ours[name])):
            values = np.array(figures)[np.isfinite(figures)]
            line = (
                " ".join(f"{v:8.3g}" for v in np.percentile(values, SHOWN)) if len(values) else ""
            )
            print(f"{name:12} {label} {line} {len(values):6}")


def draw(ours: dict, theirs: dict, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(3, 3, figsize=(12, 9))
    for axis, name in zip(axes.flat, ours, strict=True):
        both = [np.array(f)[np.isfinite(f)] for f in (theirs[name], ours[name])]
        low, high = np.percentile(np.concatenate(both), (1, 99))
        bins = np.linspace(low, high, 24)
        for values, label in zip(both, ("real", "made"), strict=True):
            weights = np.full(len(values), 1 / max(1, len(values)))
            axis.hist(values, bins, weights=weights, alpha=0.5, label=f"{label} ({len(values)})")
        axis.set_title(name)
        axis.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=70)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("real", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("reality.png"))
    parser.add_argument("--clean", type=Path, action="append", default=[])
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--fonts", type=Path, action="append", default=[])
    parser.add_argument("--count", type=int, default=300)
    given = parser.parse_args()
    theirs = real(given.real)
    ours = made(given.count, given.clean, given.texts, given.fonts)
    show(ours, theirs)
    draw(ours, theirs, given.output)
