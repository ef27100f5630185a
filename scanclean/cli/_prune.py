"""The work behind `scanclean prune`: find what to begin with, then follow all phases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from scanclean import checkpoint
from scanclean.cli import _console
from scanclean.cli._train import follow
from scanclean.config import TrainConfig
from scanclean.errors import DataError, WeightsError
from scanclean.pruning import dsd, results, work
from scanclean.pruning.dsd import Arm
from scanclean.pruning.options import PruneConfig
from scanclean.report import pruning as report
from scanclean.training import loop
from scanclean.training.material import Material, gather, require
from scanclean.training.rundir import read_config
from scanclean.weights import entries, resolve

RUNS = ("run*", "*/run*")
"""Where runs are looked for, below the current folder."""
KINDS = (".safetensors", ".pth")
"""Weights that can be trained on, the preferred first."""
CATALOGUED = {entry.name for entry in entries()}
"""Names of weights; a folder that happens to be called so, such as a clone's, is not meant."""
WARM = 10
"""At most one step in so many is spent on warming up."""


def beginning(
    config: PruneConfig,
    source: str | None,
    data: Path | None,
    changes: Mapping[str, Any],
    *,
    quiet: bool,
) -> PruneConfig:
    """Fill in the network to begin with, the data, and the settings of training.

    Args:
        config: what the user asked for; of `train` only the steps count.
        source: what the user named, if anything.
        data: data folder that the user named.
        changes: settings of training that the user typed.
        quiet: say nothing.

    Raises:
        DataError: there is no data, or no such run.
        WeightsError: there are no such weights, or they cannot be pruned so.
    """
    run = _run(source)
    if run and source is None and not quiet:
        _console.say(f"taking the newest run: {run}")
    settings = read_config(run) if run else TrainConfig(data="", run="")
    weights = _weights(run, source)
    folder = str(data or settings.data)
    if not folder:
        raise DataError(
            "prune needs pages to train on"
            + ("" if weights else " and a network; there is no run folder here")
            + ": give --data DATA with scan/ and clean/ in it, or the folder of a training run",
            hint="type: scanclean prune scanclean --dsd --data DATA",
        )
    steps = config.train.steps
    settings = replace(settings, **{**_of(weights), **changes})
    train = replace(
        settings,
        data=folder,
        run=config.run,
        recipe="",
        steps=steps,
        warmup=min(settings.warmup, steps // WARM),
        evaluate_every=max(1, steps),
        start_from=str(weights or ""),
    )
    loop.check(train)
    begun = replace(config, train=train)
    work.require_possible(begun)
    return begun


def _run(source: str | None) -> Path | None:
    """The run folder to begin with, if any: the one that was named, or the newest."""
    if source is not None:
        folder = Path(source)
        named = source in CATALOGUED and not (folder / "config.json").is_file()
        return folder if folder.is_dir() and not named else None
    here = Path()
    found = [p for pattern in RUNS for p in here.glob(pattern) if _best(p)]
    found = [p for p in found if (p / "config.json").is_file()]
    return max(found, key=lambda p: (p / "config.json").stat().st_mtime, default=None)


def _weights(run: Path | None, source: str | None) -> Path | None:
    if run:
        best = _best(run)
        if best is None:
            raise WeightsError(f"{run}: this run has no weights yet", hint="train it first")
        return best
    if source is None:
        return None
    if Path(source).suffix.lower() == ".onnx":
        raise WeightsError(
            f"{source}: an ONNX file cannot be trained on, so it cannot be pruned",
            hint="give the .safetensors or .pth file that it was made from",
        )
    return resolve(source, kinds=KINDS).path


def _best(run: Path) -> Path | None:
    names = ("best.safetensors", "last.safetensors")
    return next((run / name for name in names if (run / name).is_file()), None)


def _of(weights: Path | None) -> dict[str, Any]:
    """Settings that follow from a weights file."""
    if weights is None:
        return {}
    spec = checkpoint.load(weights)[1]
    return {
        "model": spec.arch,
        "network": (),  # that of the file
        "channels": spec.channels,
        "even_paper": spec.even_paper,
    }


def run(config: PruneConfig, *, quiet: bool) -> list[Path]:
    """Do all of it, go on where it was stopped, write the report.

    Returns:
        The weights that came out, one file for each network.
    """
    plan = work.plan(config)
    work.refuse_other(config)
    require(Path(config.train.data))
    work.settle(config)
    with _console.progress(quiet=quiet) as progress:
        material = gather(replace(config.train, run=config.run), progress)
    if plan.dense:
        _carry_out(plan.dense, "", material, quiet=quiet)
    for variant in plan.variants:  # first of all: it tells at once what cannot be cut
        work.cut(config, plan.source, variant, material)
    for variant in plan.variants:
        for arm in variant.arms:
            _carry_out(arm, variant.name, material, quiet=quiet)
        if not variant.compared:
            work.deliver(config, variant)
    if not quiet:
        _console.say("measuring")
    rows, gains = results.rows(plan, material.validation)
    minutes = results.minutes(plan)
    pages = len(material.validation)
    path = report.write(config, rows, gains, pages=pages, minutes=minutes)
    if not quiet:
        _console.say(report.table(rows).rstrip())
        _console.say(f"report: {path}")
    return [variant.product for variant in plan.variants if not variant.compared]


def _carry_out(arm: Arm, variant: str, material: Material, *, quiet: bool) -> None:
    for number, phase in enumerate(arm.phases, 1):
        title = f"{variant + ' ' if variant else ''}{arm.kind} seed {arm.seed}"
        title += f", {phase.run.name} ({number} of {len(arm.phases)})"
        if dsd.finished(phase):
            if not quiet:
                _console.say(f"{title}: done already")
            continue
        with _console.progress(quiet=quiet) as progress:
            events = dsd.carry_out(phase, material)
            again = "the same command"
            follow(events, phase.config, progress, quiet=quiet, name=title, again=again)
