"""Pictures of the worst pages: scan, output and truth side by side."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from scanclean.evaluation import data
from scanclean.evaluation.data import Sample
from scanclean.evaluation.score import Restore
from scanclean.evaluation.table import Worst
from scanclean.page import Pixels
from scanclean.training.pages import CleanPage, write_png
from scanclean.training.pairs import load

GAP = 12
"""Pixels between the pictures."""


def write_worst(
    folder: Path,
    worst: Iterable[Worst],
    samples: Sequence[Sample],
    restorers: Mapping[str, Restore],
) -> list[Path]:
    """Restore the worst pages again and write `RESTORER-MEASURE-PAGE.png` for each.

    Only so few pages are worth it: keeping all outputs would take more memory than time.

    Args:
        folder: made if missing.
        worst: what `table.worst` found.
        samples: the pages that were scored.
        restorers: by the names in `worst`.

    Raises:
        OutputError: a file cannot be written.
    """
    by_name = {sample.name: sample for sample in samples}
    written = []
    for item in worst:
        sample = by_name[item.page]
        scan = load(sample.scan)
        shown = [scan, restorers[item.row](scan)]
        if sample.clean:
            shown.append(data.like(load(sample.clean), scan))
        stem = "-".join((Path(item.row).stem, item.measure, Path(item.page).stem))
        path = folder / (re.sub(r"[^\w-]+", "-", stem) + ".png")
        write_png(path, CleanPage(_side_by_side(shown), 150.0, "worst"))
        written.append(path)
    return written


def _side_by_side(shown: Sequence[Pixels]) -> Pixels:
    height = shown[0].shape[0]
    gap = np.full((height, GAP, *shown[0].shape[2:]), 128, np.uint8)
    return np.concatenate([part for picture in shown for part in (picture, gap)][:-1], axis=1)
