"""`scanclean prune`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from scanclean.cli._options import Quiet
from scanclean.config import MOST_THREADS, TrainConfig
from scanclean.pruning import options

DEFAULTS = TrainConfig(data="", run="")


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("prune")(prune)


def prune(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="WEIGHTS|RUN",
            help="Weights by name or file, or the folder of a training run. Left out: the newest "
            "run* below the current folder; if there is none, a network is trained first.",
        ),
    ] = None,
    dsd: Annotated[
        bool,
        typer.Option("--dsd", help="Dense-sparse-dense training, beside a dense control."),
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DATA", help="Data to train on. [default: the run's]"),
    ] = None,
    sparsity: Annotated[
        float | None,
        typer.Option(
            "--sparsity",
            metavar="F",
            help="Share of zeros in each layer, above 0 and below 1; without --dsd they stay. "
            f"[default: {options.DEFAULT_SPARSITY} with --dsd, or else none]",
        ),
    ] = None,
    bases: Annotated[
        str,
        typer.Option(
            "--bases",
            metavar="N,N,...",
            help="Kernel bases of each block: a network for each N. The bundled weights have 2.",
        ),
    ] = "",
    budget: Annotated[
        str,
        typer.Option(
            "--budget",
            metavar="X,X,...",
            help=f"Cost of a tile of {options.TILE} pixels, shared out among the blocks: 2.4GMAC, "
            "90ms (one thread of this processor), or 1.5bases (as much work as 1.5 in each block).",
        ),
    ] = "",
    light: Annotated[
        bool,
        typer.Option(
            "--light",
            help="Depthwise 3x3 convolutions for grouped 5x5 ones; the bundled weights have them.",
        ),
    ] = False,
    steps: Annotated[
        int,
        typer.Option("--steps", min=0, help="Optimiser steps of each phase; 0: do not train on."),
    ] = options.DEFAULT_STEPS,
    cycles: Annotated[
        int, typer.Option("--cycles", min=1, help="Times that sparse and dense follow each other.")
    ] = 1,
    seeds: Annotated[
        str,
        typer.Option(
            "--seeds", metavar="N,N,...", help="Do all with each. [default: 0,1,2 with --dsd or 0]"
        ),
    ] = "",
    rate: Annotated[
        float | None,
        typer.Option(
            "--rate", min=0, help=f"Highest learning rate. [default: {DEFAULTS.rate}, or the run's]"
        ),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option("--batch", min=2, help=f"Patches in a step. [default: {DEFAULTS.batch}]"),
    ] = None,
    patch: Annotated[
        int | None,
        typer.Option("--patch", min=32, help=f"Side, pixels. [default: {DEFAULTS.patch}]"),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=0, help="Processes that prepare patches.")
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option("--threads", min=0, max=MOST_THREADS, help="CPU threads, 0: torch's choice."),
    ] = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="RUN", help="Folder for everything.")
    ] = Path("pruned"),
    quiet: Quiet = False,
) -> None:
    """Make a network more accurate (--dsd), its file smaller (--sparsity), or faster (the others).

    The same command again goes on with what was stopped. RUN/report.md tells what came of it.
    """
    changes: dict[str, Any] = {
        "rate": rate, "batch": batch, "patch": patch, "workers": workers, "threads": threads,
    }  # fmt: skip
    config = options.PruneConfig(
        train=TrainConfig(data="", run=str(output), steps=steps),
        run=str(output),
        dsd=dsd,
        sparsity=options.DEFAULT_SPARSITY if dsd and sparsity is None else sparsity,
        cycles=cycles,
        seeds=_numbers(seeds) or (options.DEFAULT_SEEDS if dsd else options.DEFAULT_SEEDS[:1]),
        budgets=options.parse_bases(bases) + options.parse_budgets(budget),
        light=light,
    )
    options.check(config)
    from scanclean.cli import _prune  # torch: only now

    given = {name: value for name, value in changes.items() if value is not None}
    begun = _prune.beginning(config, source, data, given, quiet=quiet)
    for product in _prune.run(begun, quiet=quiet):
        typer.echo(str(product))


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in text.split(",") if word.strip())
    except ValueError:
        raise typer.BadParameter(f"--seeds {text}: give numbers such as 0,1,2") from None
