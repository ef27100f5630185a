"""`scanclean weights list|pull|verify|path`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from scanclean.cli import _console
from scanclean.cli._options import Offline, Quiet
from scanclean.config import CLASSICAL

if TYPE_CHECKING:
    from scanclean.weights import Checked

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name in the catalogue.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer(
        help="The catalogue of weights: list, download, verify.", no_args_is_help=True
    )
    group.command("list")(list_)
    group.command("pull")(pull)
    group.command("verify")(verify)
    group.command("path")(path)
    app.add_typer(group, name="weights")


def list_() -> None:
    """Show the catalogue: name, state, size, what it is for."""
    from scanclean import weights

    status = by_entry(weights.verify())
    for entry in weights.entries():
        state = status.get(entry.name, "not downloaded")
        typer.echo(f"{entry.name:<16} {state:<15} {entry.size_mb:>6.1f} MB  {entry.summary}")
    typer.echo(f"{CLASSICAL:<16} {'no file':<15} {0:>6.1f} MB  a filter that needs no network")


def by_entry(checked: Iterable[Checked]) -> dict[str, str]:
    """State of every entry that has files: damaged if one of them is."""
    states: dict[str, str] = {}
    for one in checked:
        if states.get(one.name) != "damaged":
            states[one.name] = one.status
    return states


def pull(name: Name, offline: Offline = False, quiet: Quiet = False) -> None:
    """Download weights ahead of their use, and verify them."""
    from scanclean import weights

    with _console.progress(quiet=quiet) as progress:
        found = weights.pull(name, offline=offline, progress=progress)
    for resolved in found:
        for notice in resolved.notices:
            _console.say(notice)
        typer.echo(f"{resolved.path}")


def verify(offline: Offline = False) -> int:
    """Check every bundled and downloaded file against its SHA-256."""
    from scanclean import weights
    from scanclean.errors import ExitCode

    checked = weights.verify()
    for name, file, status in checked:
        typer.echo(f"{name:<16} {status:<15} {file}")
    damaged = any(status == "damaged" for _, _, status in checked)
    return ExitCode.WEIGHTS if damaged else ExitCode.DONE


def path(name: Name) -> None:
    """Print where a file is, or would be once it is downloaded."""
    from scanclean import weights

    typer.echo(str(weights.path_of(name)))
