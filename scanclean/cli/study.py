"""`scanclean study`."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Annotated, get_args

import typer

from scanclean.cli import _console
from scanclean.cli._options import Quiet, one_of
from scanclean.config import CLASSICAL, MOST_THREADS, TrainConfig, TrainDevice

DEFAULT_STEPS = 1000
DEFAULT_BATCH = 4
DEFAULT_PATCH = 128
DEFAULT_RECIPES = "classical,dncnn,srresnet,srresnet-channel-norm,unet,pix2pix,kbnet-4"
EVALUATIONS = 10
"""Evaluations in a run."""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("study")(study)


def study(
    data: Annotated[
        Path | None, typer.Argument(metavar="DATA", help="Folder with scan/ and clean/.")
    ] = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FOLDER", help="Folder for report and runs.")
    ] = Path("study"),
    names: Annotated[
        str,
        typer.Option(
            "--recipes", metavar="A,B,...", help="Which; `kbnet-*` stands for several, or `all`."
        ),
    ] = DEFAULT_RECIPES,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Steps of a run.")] = DEFAULT_STEPS,
    batch: Annotated[
        int, typer.Option("--batch", min=2, help="Patches in a step, an even number.")
    ] = DEFAULT_BATCH,
    patch: Annotated[
        int, typer.Option("--patch", min=32, help="Side of a patch, pixels.")
    ] = DEFAULT_PATCH,
    seeds: Annotated[
        str, typer.Option("--seeds", metavar="N,N,...", help="A run for each of these seeds.")
    ] = "0,1,2",
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Processes that prepare patches.")
    ] = 1,
    threads: Annotated[
        int,
        typer.Option("--threads", min=0, max=MOST_THREADS, help="CPU threads, 0: torch's choice."),
    ] = 0,
    device: Annotated[
        str, typer.Option("--device", metavar="auto|cpu|cuda", help="Where to train.")
    ] = "auto",
    listed: Annotated[
        bool, typer.Option("--list", help="Show recipes and findings and do nothing.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Run the study again on your data: same budget for all, findings confirmed or not.

    Runs that are finished are not made again; one that was stopped goes on.
    """
    if listed:
        _list()
        return
    if data is None:
        raise typer.BadParameter("give DATA")
    from scanclean.report.study import write
    from scanclean.training import study as work

    numbers = _numbers(seeds)
    budget = {
        "steps": steps,
        "batch": batch,
        "patch": patch,
        "workers": workers,
        "threads": threads,
        "device": one_of(device, get_args(TrainDevice), "--device"),
        "evaluate_every": max(1, steps // EVALUATIONS),
    }
    configs = work.plan(data, output, work.chosen(names), numbers, budget)
    from scanclean.training.loop import check

    work.refuse_other(configs)
    for config in configs:
        if config.model != CLASSICAL:
            check(config)  # before an hour is spent on the others
    try:
        for number, config in enumerate(configs):
            title = f"{config.recipe} seed {config.seed} ({number + 1} of {len(configs)})"
            _one(work, config, title, quiet=quiet)
    finally:
        report = write(output, configs)
    typer.echo(str(report))


def _one(work: ModuleType, config: TrainConfig, title: str, *, quiet: bool) -> None:
    from scanclean.cli._train import follow

    if work.finished(config):
        if not quiet:
            _console.say(f"{title}: done already")
        return
    with _console.progress(quiet=quiet) as progress:
        follow(
            work.carry_out(config),
            config,
            progress,
            quiet=quiet,
            name=title,
            again="the same command",
        )


def _numbers(text: str) -> list[int]:
    try:
        return [int(word) for word in text.split(",") if word.strip()]
    except ValueError:
        raise typer.BadParameter(f"--seeds {text}: give numbers such as 0,1,2") from None


def _list() -> None:
    from scanclean.training.recipes import RECIPES
    from scanclean.training.study import FINDINGS, PREFIX

    for recipe in RECIPES.values():
        if recipe.name.startswith(PREFIX):
            score = f" ({recipe.score})" if recipe.score else ""
            typer.echo(f"{recipe.name.removeprefix(PREFIX):<24} {recipe.title}{score}")
    for finding in FINDINGS:
        pair = f"{finding.first} / {finding.second}"
        typer.echo(f"{finding.words} ({finding.theirs}): {pair}")
