"""The report of pruning: Markdown, and accuracy against time as a picture beside it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev

from scanclean import __version__
from scanclean.atomic import replacing
from scanclean.pruning.measure import ROUNDS
from scanclean.pruning.options import TILE, PruneConfig
from scanclean.pruning.results import Gain, Row
from scanclean.training.metrics import psnr

logger = logging.getLogger(__name__)


def write(
    config: PruneConfig,
    rows: Sequence[Row],
    gains: Sequence[Gain],
    *,
    pages: int,
    minutes: float,
) -> Path:
    """Write report.md and curve.png.

    Args:
        config: what was asked for; `config.run` is the folder.
        rows: all networks, the one that was pruned first.
        gains: of DSD over its control.
        pages: validation pages.
        minutes: of training.

    Returns:
        The report.
    """
    folder = Path(config.run)
    drawn = draw(folder / "curve.png", rows)
    parts = [
        _head(config, pages, minutes),
        table(rows),
        "![PSNR over milliseconds of a tile](curve.png)\n" if drawn else "",
        _gains(gains, config),
        _zeros(rows),
    ]
    report = folder / "report.md"
    with replacing(report, force=True) as temporary:
        temporary.write_text("\n".join(part for part in parts if part), "utf-8")
    return report


def _head(config: PruneConfig, pages: int, minutes: float) -> str:
    train = config.train
    kinds = []
    if config.dsd:
        kinds.append(f"dense-sparse-dense, {config.cycles} time(s)")
    if config.sparsity is not None:
        kinds.append(f"{config.sparsity:.0%} zeros in each layer while sparse")
    kinds += [f"kernel bases: {one.name}" for one in config.budgets]
    kinds += ["light convolutions"] if config.light else []
    return f"""# Pruning

Data: `{Path(train.data).name}`. {"; ".join(kinds)}. {train.steps} steps of {train.batch} patches of
{train.patch} pixels in each phase, rate {train.rate:g}, seeds {", ".join(map(str, config.seeds))};
{minutes:.0f} minutes of training. scanclean {__version__}.

Errors are those of {pages} validation pages that these runs did not learn from, without the guard,
as mean ± standard deviation over the seeds, of the last weights of each run. Time is that of ONNX
Runtime for a tile of {TILE} x {TILE} on one thread, the best of {ROUNDS}; work is counted in
multiply-accumulate operations, zeros like any number.
"""


def table(rows: Sequence[Row]) -> str:
    """All networks as Markdown; the first is what others are compared with."""
    lines = [
        "| network | bases | zeros | GMAC | ms | faster | parameters | file, MB | RMSE, 0..255 "
        "| PSNR, dB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cost = row.cost
        bases = f"{cost.bases:.3g}" if cost.bases else ""
        cells = [
            row.name, bases, f"{cost.zeros:.0%}", f"{cost.gmac:.2f}", f"{cost.ms:.0f}",
            f"{rows[0].cost.ms / cost.ms:.2f}x", f"{cost.parameters / 1e6:.3f} M",
            f"{cost.file_mb:.2f}", spread([255 * e for e in row.rmse]),
            spread([psnr(e) for e in row.rmse]),
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation."""
    if not values:
        return "not known"
    deviation = f" ± {stdev(values):.2f}" if len(values) > 1 else ""
    return f"{mean(values):.2f}{deviation}"


def _gains(gains: Sequence[Gain], config: PruneConfig) -> str:
    if not gains:
        return ""
    lines = ["| network | gain of DSD, dB | by seed | |", "|---|---|---|---|"]
    for gain in gains:
        each = ", ".join(f"{s}: {db:+.2f}" for s, db in zip(gain.seeds, gain.db, strict=True))
        deviation = f" ± {stdev(gain.db):.2f}" if len(gain.db) > 1 else ""
        name = gain.name or "as given"
        lines.append(f"| {name} | {mean(gain.db):+.2f}{deviation} | {each} | **{gain.word}** |")
    return f"""## Dense-sparse-dense against its control

The control has the same {2 * config.cycles} phases with the same steps, rates and patches, and no
masks. A gain counts if 0 lies outside the 95 % interval of its mean (Student's t over the seeds).

{chr(10).join(lines)}
"""


def _zeros(rows: Sequence[Row]) -> str:
    sparse = [row for row in rows if row.cost.zeros > 0.01]
    if not sparse:
        return ""
    times = ", ".join(f"{row.name} {row.cost.ms:.0f} ms" for row in sparse)
    return f"""## Zeros and speed

Zeros that are scattered over the weights make a file smaller, not a network faster: engines
multiply by them as by any number. Measured here: {rows[0].name} {rows[0].cost.ms:.0f} ms, {times}.
Fewer kernel bases (`--bases`) are what saves time.
"""


def draw(path: Path, rows: Sequence[Row]) -> bool:
    """Draw PSNR over milliseconds, one point a network.

    Returns:
        Whether there was matplotlib to draw with, and something to draw.
    """
    shown = [row for row in rows if row.rmse]
    try:
        from matplotlib.figure import Figure
    except ImportError:
        logger.info("%s is not drawn: matplotlib is not installed", path.name)
        return False
    if not shown:
        return False
    figure = Figure(figsize=(8, 5), layout="constrained")  # not pyplot: no window
    axes = figure.add_subplot()
    for row in shown:
        values = [psnr(error) for error in row.rmse]
        error = stdev(values) if len(values) > 1 else None
        axes.errorbar([row.cost.ms], [mean(values)], yerr=error, marker="o", label=row.name)
    axes.set_xlabel(f"ms for a tile of {TILE} x {TILE}, one thread")
    axes.set_ylabel("PSNR of validation, dB")
    axes.set_xlim(0, 1.08 * max(row.cost.ms for row in rows))  # the slowest not on the frame
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    with replacing(path, force=True) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
    return True
