"""`scanclean restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from scanclean.cli import _console
from scanclean.cli._console import Words
from scanclean.cli._options import (
    Device,
    Engine,
    Force,
    Offline,
    Passes,
    Password,
    PasswordFile,
    Quiet,
    Report,
    Verbose,
    Weights,
    one_password,
)
from scanclean.config import (
    DEFAULT_DPI,
    DEFAULT_MAX_GROWTH,
    DEFAULT_MAX_MPIXELS,
    DEFAULT_PAGE_TIMEOUT,
    DEFAULT_QUALITY,
    DEFAULT_WEIGHTS,
    Codec,
    EngineName,
    Mode,
    Precision,
    ReadOptions,
    RestoreOptions,
    StoreOptions,
)
from scanclean.config import (
    Device as DeviceName,
)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("restore")(restore)


def restore(  # one parameter for each option of the contract
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT...", help="PDFs, pictures, folders, or - for stdin."),
    ],
    output: Annotated[
        str,
        typer.Option(
            "-o",
            "--output",
            metavar="OUTPUT",
            help="File, folder/, page-%03d.png, or - for stdout.",
        ),
    ],
    weights: Weights = DEFAULT_WEIGHTS,
    device: Device = "auto",
    backend: Engine = "auto",
    precision: Annotated[
        str,
        typer.Option(
            "--precision",
            metavar="auto|fp32|bf16|fp16|int8",
            help="Arithmetic; auto: the fastest that gives what fp32 gives.",
        ),
    ] = "auto",
    tile: Annotated[
        int, typer.Option("--tile", min=0, help="Side of a tile, pixels; 0: from the weights.")
    ] = 0,
    overlap: Annotated[
        int,
        typer.Option("--overlap", min=-1, help="Overlap of tiles, pixels; -1: from the weights."),
    ] = -1,
    passes: Passes = 1,
    pages: Annotated[
        str | None,
        typer.Option("--pages", metavar="1,3-5,9-", help="Clean only these; others stay."),
    ] = None,
    mode: Annotated[
        str,
        typer.Option(
            "--mode", metavar="auto|color|gray|bitonal", help="Colour of the pages; auto keeps it."
        ),
    ] = "auto",
    strength: Annotated[
        float,
        typer.Option("--strength", min=0, max=1, help="0 gives the input back, 1 restores fully."),
    ] = 1.0,
    guard: Annotated[
        bool,
        typer.Option(
            "--guard/--no-guard", help="Put back ink that was removed, drop what was invented."
        ),
    ] = True,
    keep_paper: Annotated[
        bool,
        typer.Option("--keep-paper", help="Leave the paper its colour instead of making it white."),
    ] = False,
    codec: Annotated[
        str,
        typer.Option(
            "--codec",
            metavar="auto|jpeg|jp2|png|g4",
            help="How cleaned pictures are stored in a PDF.",
        ),
    ] = "auto",
    quality: Annotated[
        int,
        typer.Option(
            "--quality", min=1, max=100, help="Quality of lossy storage, 1 to 100; JPEGs keep more."
        ),
    ] = DEFAULT_QUALITY,
    max_growth: Annotated[
        float, typer.Option("--max-growth", min=1, help="A PDF may grow to this times its size.")
    ] = DEFAULT_MAX_GROWTH,
    dpi: Annotated[
        float,
        typer.Option("--dpi", min=10, max=10000, help="Resolution of inputs that state none."),
    ] = DEFAULT_DPI,
    max_mpixels: Annotated[
        float, typer.Option("--max-mpixels", min=0, help="Refuse pages of more million pixels.")
    ] = DEFAULT_MAX_MPIXELS,
    password: Password = None,
    password_file: PasswordFile = None,
    allow_signed: Annotated[
        bool,
        typer.Option("--allow-signed", help="Clean a signed PDF although its signature breaks."),
    ] = False,
    jobs: Annotated[int, typer.Option("--jobs", min=0, help="Pages in flight; 0: one a core.")] = 0,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Keep finished pages beside OUTPUT; go on after a cut."),
    ] = False,
    page_timeout: Annotated[
        float, typer.Option("--page-timeout", min=0, help="Give up a page after seconds; 0: never.")
    ] = DEFAULT_PAGE_TIMEOUT,
    strict: Annotated[
        bool, typer.Option("--strict", help="End without output if a page cannot be read.")
    ] = False,
    kind: Annotated[
        str | None, typer.Option("--format", metavar="pdf|png|...", help="Kind of file to write.")
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(
            "--compare",
            metavar="FILE.html",
            help="Write the pages before and after, for a browser.",
        ),
    ] = None,
    json_file: Report = None,
    offline: Offline = False,
    force: Force = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Clean scans: PDFs, pictures, folders or pipes in, the same kind out."""
    if output == "-" and json_file == "-":
        raise typer.BadParameter("-o - and --json - cannot both have stdout")
    options = RestoreOptions(
        weights=weights,
        device=cast(DeviceName, device),
        backend=cast(EngineName, backend),
        precision=cast(Precision, precision),
        tile=tile,
        overlap=overlap if overlap >= 0 else None,
        passes=passes,
        mode=cast(Mode, mode),
        strength=strength,
        guard=guard,
        keep_paper=keep_paper,
        jobs=jobs,
        offline=offline,
        resume=resume,
        page_timeout=page_timeout,
        read=ReadOptions(
            pages=page_ranges(pages) if pages is not None else None,
            dpi=dpi,
            max_mpixels=max_mpixels,
            password=one_password(password, password_file),
            allow_signed=allow_signed,
            strict=strict,
        ),
        store=StoreOptions(
            codec=cast(Codec, codec),
            quality=quality,
            max_growth=max_growth,
            force=force,
        ),
    )
    with _console.data_stdout() as stdout:  # before anything is loaded that may print
        from scanclean.cli._restore import run  # numpy and the engines: only now

        words = Words(quiet=quiet, verbose=verbose)
        return run(inputs, output, kind, options, json_file, stdout, words, compare)


def page_ranges(text: str) -> tuple[tuple[int, int | None], ...]:
    """Ranges of page numbers, from 1, both ends included; None is the last page.

    >>> page_ranges("1,3-5,9-")
    ((1, 1), (3, 5), (9, None))

    Raises:
        typer.BadParameter: it is not such a list.
    """
    ranges = []
    for part in text.split(","):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        if not first.isdecimal() or not (last.isdecimal() or last == "") or int(first) < 1:
            raise typer.BadParameter(f"--pages: {part!r} is not like 3, 3-5 or 9-")
        end = int(last) if last else None if dash else int(first)
        if end is not None and end < int(first):
            raise typer.BadParameter(f"--pages: {part!r} ends before it begins")
        ranges.append((int(first), end))
    return tuple(ranges)
