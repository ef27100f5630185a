"""`scanclean train`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from scanclean.cli import _console
from scanclean.cli._options import Quiet
from scanclean.config import TrainConfig

DEFAULTS = TrainConfig(data="", run="")


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("train")(train)


def train(
    data: Annotated[
        Path | None,
        typer.Argument(metavar="DATA", help="Folder with scan/ and clean/, or with clean pages."),
    ] = None,
    run: Annotated[
        Path, typer.Option("-o", "--output", metavar="RUN", help="Folder for weights, log, state.")
    ] = Path("run"),
    steps: Annotated[int, typer.Option("--steps", min=1, help="Optimiser steps.")] = DEFAULTS.steps,
    batch: Annotated[
        int, typer.Option("--batch", min=2, help="Patches in a step, an even number.")
    ] = DEFAULTS.batch,
    patch: Annotated[
        int, typer.Option("--patch", min=32, help="Side of a patch, pixels.")
    ] = DEFAULTS.patch,
    seed: Annotated[int, typer.Option("--seed", help="Seed of everything random.")] = DEFAULTS.seed,
    start_from: Annotated[
        str, typer.Option("--from", metavar="NAME|PATH", help="Weights to begin with.")
    ] = "",
    resume: Annotated[
        Path | None,
        typer.Option("--resume", metavar="RUN", help="Go on with a run that was stopped."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Train weights on your own scan/clean pairs, or on clean pages degraded on the fly."""
    if (data is None) == (resume is None):
        raise typer.BadParameter("give either DATA or --resume RUN")
    from scanclean.training import loop
    from scanclean.training.material import gather

    if resume:
        config = loop.read_config(resume)
    else:
        config = replace(
            DEFAULTS,
            data=str(data),
            run=str(run),
            steps=steps,
            batch=batch,
            patch=patch,
            seed=seed,
            start_from=_file(start_from),
        )
    with _console.progress(quiet=quiet) as progress:
        material = gather(config, progress)
        events = loop.train(
            config, material.train, material.pages, material.validation, resume=resume is not None
        )
        progress.start(config.steps, "step")
        for event in events:
            if isinstance(event, loop.Step):
                progress.advance()
            elif isinstance(event, loop.Evaluation) and not quiet:
                better = ", best so far" if event.best else ""
                _console.say(
                    f"step {event.step}: RMSE {event.rmse:.4f} ({event.psnr:.1f} dB){better}"
                )
    best = Path(config.run) / ("best" if material.validation else "last")
    typer.echo(f"{best}.safetensors")


def _file(name: str) -> str:
    from scanclean.weights import resolve

    return str(resolve(name, kinds=(".safetensors", ".pth")).path) if name else ""
