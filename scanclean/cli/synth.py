"""`scanclean synth`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scanclean.cli import _console
from scanclean.cli._options import Force, Quiet
from scanclean.errors import InputError, OutputError

DEFAULT_COUNT = 100
DEFAULT_SIDE = 768


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("synth")(synth)


def synth(
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="DATA", help="Folder for scan/, clean/, text/."),
    ],
    clean: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="CLEAN...", help="Clean PDFs, pictures or folders; none: made pages alone."
        ),
    ] = None,
    count: Annotated[int, typer.Option("--count", min=1, help="Number of pairs.")] = DEFAULT_COUNT,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed: the same bytes.")] = 0,
    side: Annotated[
        int, typer.Option("--size", min=64, help="Side of a page, pixels.")
    ] = DEFAULT_SIDE,
    texts: Annotated[
        Path | None,
        typer.Option("--texts", metavar="FOLDER", help="HTML files with text for made pages."),
    ] = None,
    fonts: Annotated[
        Path | None, typer.Option("--fonts", metavar="FOLDER", help="Font files for made pages.")
    ] = None,
    made_share: Annotated[
        float,
        typer.Option("--made", min=0, max=1, help="Share of made pages beside CLEAN, 0 to 1."),
    ] = 0.5,
    gallery: Annotated[
        bool,
        typer.Option("--gallery", help="Write a picture of each degradation instead of pairs."),
    ] = False,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Write pairs of scans and clean pages, to train or to evaluate on."""
    if output.exists() and not output.is_dir():
        raise OutputError(f"{output}: is a file", hint="name a folder")
    for option, folder in (("--texts", texts), ("--fonts", fonts)):
        if folder is not None and not folder.is_dir():
            what = "is no folder" if folder.exists() else "no such folder"
            raise InputError(f"{option} {folder}: {what}")
    if not force and output.is_dir() and any(output.iterdir()):
        raise OutputError(f"{output}: exists already", hint="add --force to write into it")
    if gallery:
        from scanclean.training.gallery import gallery as draw

        draw(output, clean or [], texts, seed)
        typer.echo(str(output))
        return
    from scanclean.training.synth import clear, require_apart
    from scanclean.training.synth import synth as write  # numpy and the page maker: only now

    require_apart(clean or [], output)
    with _console.progress(quiet=quiet) as progress:
        write(
            clean or [],
            output,
            count,
            seed,
            (side, side),
            progress,
            texts=texts,
            fonts=[fonts] if fonts else [],
            made_share=made_share,
        )
    clear(output, count)
    typer.echo(str(output))
