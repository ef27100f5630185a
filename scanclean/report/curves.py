"""Learning curves as PNG; drawn by matplotlib, or not at all where it is missing."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from scanclean.atomic import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

logger = logging.getLogger(__name__)

SMOOTH = 50
"""Curves of many noisy points are shown as means of so many parts of them."""
TO_GRAY_LEVELS = 255


@dataclass(frozen=True)
class Curve:
    """A line to draw."""

    name: str
    """What it is, for the legend."""
    steps: Sequence[float] = field(default=())
    """Where its points are, ascending."""
    values: Sequence[float] = field(default=())
    """How high they are; infinite values and not-a-numbers are left out."""


def smoothed(curve: Curve, parts: int = SMOOTH) -> Curve:
    """The means of `parts` equal stretches of a curve; a shorter curve stays as it is."""
    points = [p for p in zip(curve.steps, curve.values, strict=True) if math.isfinite(p[1])]
    count = min(parts, len(points))
    steps, values = [], []
    for n in range(count):
        part = points[n * len(points) // count : (n + 1) * len(points) // count]
        steps.append(part[-1][0])
        values.append(sum(value for _, value in part) / len(part))
    return Curve(curve.name, steps, values)


def draw_run(path: Path, loss: Curve, rate: Curve, rmse: Curve) -> bool:
    """Draw one run: the loss, the validation error and the rate below each other.

    Returns:
        Whether there was matplotlib to draw with.
    """
    rows = [
        ("loss", [smoothed(loss)], True),
        ("RMSE of validation, gray levels", [_in_levels(rmse)], False),
        ("learning rate", [rate], False),
    ]
    return _draw(path, rows)


def draw_study(path: Path, groups: Sequence[tuple[str, Sequence[Curve]]]) -> bool:
    """Draw the validation errors of many runs, one picture a group.

    Returns:
        Whether there was matplotlib to draw with.
    """
    rows = [(f"{title}: RMSE", [_in_levels(c) for c in curves], True) for title, curves in groups]
    return _draw(path, rows)


def _in_levels(curve: Curve) -> Curve:
    return Curve(curve.name, curve.steps, [v * TO_GRAY_LEVELS for v in curve.values])


def _draw(path: Path, rows: Sequence[tuple[str, Sequence[Curve], bool]]) -> bool:
    figure = _figure(len(rows))
    if figure is None:
        logger.info("%s is not drawn: matplotlib is not installed", path.name)
        return False
    for number, (title, curves, logarithmic) in enumerate(rows):
        axes = figure.add_subplot(len(rows), 1, number + 1)
        _plot(axes, title, curves, logarithmic=logarithmic)
    figure.supxlabel("step")
    with replacing(path, force=True) as temporary:
        figure.savefig(temporary, format="png", dpi=100)
    return True


def _plot(axes: Axes, title: str, curves: Sequence[Curve], *, logarithmic: bool) -> None:
    axes.set_title(title, loc="left", fontsize=10)
    axes.grid(alpha=0.3)
    drawn = [curve for curve in curves if curve.steps]
    for curve in drawn:
        mark = "." if len(curve.steps) < SMOOTH else None
        axes.plot(curve.steps, curve.values, marker=mark, label=curve.name)
    if logarithmic and any(value > 0 for curve in drawn for value in curve.values):
        axes.set_yscale("log")
    if len(drawn) > 1:
        axes.legend(fontsize=7, ncols=2)


def _figure(rows: int) -> Figure | None:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return None
    figure = Figure(figsize=(8, 3 * rows))  # not pyplot: no window, no global state
    figure.subplots_adjust(0.1, 0.18 / rows, 0.97, 1 - 0.12 / rows, hspace=0.3)
    return figure
