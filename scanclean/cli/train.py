"""`scanclean train`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from scanclean.cli._options import Force, Quiet
from scanclean.config import MOST_THREADS, TRAIN_CHOICES, TrainConfig, require_one_of

DEFAULTS = TrainConfig(data="", run="")
DEFAULT_RUN = Path("run")
RESUMABLE = frozenset({"steps", "device", "workers", "threads", "evaluate_every"})
"""What may change when a run goes on."""

FIELDS = frozenset(
    {
        "model",
        "steps",
        "batch",
        "patch",
        "channels",
        "rate",
        "loss",
        "optimiser",
        "schedule",
        "precision",
        "checkpointing",
        "device",
        "workers",
        "threads",
        "evaluate_every",
        "seed",
        "start_from",
        "grow",
    }
)
"""Options that are fields of `TrainConfig`."""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("train")(train)


def _help(text: str, name: str) -> str:
    choice = f"{', '.join(TRAIN_CHOICES[name])}; " if name in TRAIN_CHOICES else ""
    return f"{text} [{choice}default: {getattr(DEFAULTS, name)}, or the recipe's]"


def train(
    data: Annotated[
        Path | None,
        typer.Argument(metavar="DATA", help="Folder with scan/ and clean/, or with clean pages."),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="RUN", help="Folder for weights, log, state.  [default: run]"
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help=_help("Architecture.", "model"))
    ] = None,
    recipe: Annotated[
        str, typer.Option("--recipe", metavar="NAME", help="Begin with the settings of a recipe.")
    ] = "",
    list_recipes: Annotated[
        bool, typer.Option("--list-recipes", help="Show all recipes and do nothing.")
    ] = False,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help=_help("Optimiser steps.", "steps"))
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option("--batch", min=2, help=_help("Patches in a step, an even number.", "batch")),
    ] = None,
    patch: Annotated[
        int | None, typer.Option("--patch", min=32, help=_help("Side of a patch, pixels.", "patch"))
    ] = None,
    channels: Annotated[
        int | None,
        typer.Option("--channels", help=_help("3 colour, 1 brightness.", "channels")),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option("--rate", min=0, help=_help("Highest learning rate.", "rate")),
    ] = None,
    loss: Annotated[
        str | None, typer.Option("--loss", metavar="NAME", help=_help("What falls.", "loss"))
    ] = None,
    optimiser: Annotated[
        str | None,
        typer.Option("--optimiser", metavar="NAME", help=_help("Makes steps.", "optimiser")),
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option("--schedule", metavar="NAME", help=_help("How the rate falls.", "schedule")),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option("--precision", metavar="NAME", help=_help("Arithmetic.", "precision")),
    ] = None,
    checkpointing: Annotated[
        bool | None,
        typer.Option("--checkpointing", help="Less memory for a third more time."),
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", metavar="NAME", help=_help("Where.", "device"))
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=0, help=_help("Processes that prepare patches.", "workers")),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads",
            min=0,
            max=MOST_THREADS,
            help=_help("CPU threads, 0: torch's choice.", "threads"),
        ),
    ] = None,
    evaluate_every: Annotated[
        int | None,
        typer.Option(
            "--evaluate-every", min=1, help=_help("Steps between evaluations.", "evaluate_every")
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help=_help("Seed of everything random.", "seed"))
    ] = None,
    start_from: Annotated[
        str | None, typer.Option("--from", metavar="NAME|PATH", help="Weights to begin with.")
    ] = None,
    grow: Annotated[
        bool | None,
        typer.Option("--grow", help="Grow the network of --from to the recipe's shape first."),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option("--resume", metavar="RUN", help="Go on with a run that was stopped."),
    ] = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Train weights on your own scan/clean pairs, or on clean pages degraded on the fly."""
    given = {name: value for name, value in locals().items() if name in FIELDS}
    explicit = {name: value for name, value in given.items() if value is not None}
    for name in TRAIN_CHOICES.keys() & explicit.keys():
        require_one_of(name, explicit[name], TRAIN_CHOICES[name])
    if list_recipes:
        _list()
        return
    if (data is None) == (resume is None):
        raise typer.BadParameter("give either DATA or --resume RUN")
    if resume and run:
        raise typer.BadParameter("a run that is resumed goes on in its own folder: leave out -o")
    from scanclean.cli import _train  # torch: only now

    if resume:
        config = _resumed(resume, explicit, recipe)
    else:
        config = settings(explicit | {"data": str(data), "run": str(run or DEFAULT_RUN)}, recipe)
    best = _train.run(config, resume=resume is not None, force=force, quiet=quiet)
    if best:
        typer.echo(str(best))


def settings(explicit: dict[str, Any], recipe: str) -> TrainConfig:
    """The settings of a new run: the defaults, then the recipe's, then what the user typed.

    Raises:
        UsageError: no such recipe, or one that trains nothing.
    """
    from scanclean.errors import UsageError
    from scanclean.training import recipes

    config = DEFAULTS
    if recipe:
        found = recipes.find(recipe)
        if not found.trains:
            raise UsageError(
                f"--recipe {recipe}: there is nothing to train",
                hint="type: scanclean restore INPUT -o OUTPUT --weights classical",
            )
        config = recipes.applied(config, found)
    if explicit.get("model", config.model) != config.model:
        config = replace(config, network=())  # the new model's own shape
    if "start_from" in explicit:
        explicit["start_from"] = _file(explicit["start_from"])
        _require_model(explicit, config, recipe)
    return replace(config, **explicit)


def _require_model(explicit: dict[str, Any], config: TrainConfig, recipe: str) -> None:
    """What is trained on is what the file holds: another model cannot be asked for."""
    from scanclean import checkpoint
    from scanclean.errors import UsageError

    arch = checkpoint.load(Path(explicit["start_from"]))[1].arch
    wanted = explicit.get("model", config.model if recipe else arch)
    if wanted != arch and not explicit.get("grow", config.grow):
        option, value = ("--model", wanted) if "model" in explicit else ("--recipe", recipe)
        raise UsageError(
            f"{option} {value}: trains a {wanted}, but the weights of --from are of a {arch}",
            hint=f"leave out {option}, or --from",
        )


def _resumed(run: Path, explicit: dict[str, Any], recipe: str) -> TrainConfig:
    from scanclean.training.rundir import read_config

    fixed = sorted(explicit.keys() - RESUMABLE) + (["recipe"] if recipe else [])
    if fixed:
        name = fixed[0].replace("start_from", "from").replace("_", "-")
        raise typer.BadParameter(f"--{name} is settled by the run that is resumed")
    return replace(read_config(run), run=str(run), **explicit)


def _list() -> None:
    from scanclean.training.recipes import RECIPES

    for recipe in RECIPES.values():
        score = f" ({recipe.score})" if recipe.score else ""
        typer.echo(f"{recipe.name:<32} {recipe.title}{score}")


def _file(name: str) -> str:
    from scanclean.weights import resolve

    return str(resolve(name, kinds=(".safetensors", ".pth")).path)
