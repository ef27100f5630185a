"""`scanclean devices`."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("devices")(devices)


def devices() -> None:
    """Show where networks can run on this machine, and what auto would choose."""
    from scanclean import backends
    from scanclean.errors import BackendUnavailable

    chosen = ""
    for name in backends.ENGINES:
        try:
            found = backends.engine(name).available()
        except BackendUnavailable as missing:
            typer.echo(f"{name:<6} {missing} ({missing.hint})")
            continue
        typer.echo(f"{name:<6} {', '.join(found)}")
        chosen = chosen or f"auto takes {found[0]} with {name} for the bundled weights, in fp32"
    typer.echo(chosen or "nothing can run here")
