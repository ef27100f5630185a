"""Options that commands share, each written once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scanclean.config import MOST_PASSES

Force = Annotated[bool, typer.Option("--force", help="Overwrite an OUTPUT that exists.")]
Offline = Annotated[
    bool, typer.Option("--offline", help="Never touch the network (also SCANCLEAN_OFFLINE=1).")
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but errors.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Say what happened to each page.")]
Device = Annotated[
    str,
    typer.Option(
        "--device", metavar="auto|cpu|cuda|mps|coreml", help="Where to run; auto takes the fastest."
    ),
]
Engine = Annotated[
    str, typer.Option("--backend", metavar="auto|onnx|torch", help="Which engine runs the network.")
]
Weights = Annotated[
    str,
    typer.Option(
        "--weights",
        metavar="NAME|PATH",
        help="Weights by name (see `scanclean weights list`) or file; `classical`: no network.",
    ),
]
Passes = Annotated[
    int,
    typer.Option(
        "--passes",
        min=1,
        max=MOST_PASSES,
        help="Look N times from places a pixel apart, and take the mean: cleaner, N times as long.",
    ),
]
Report = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE|-", help="Write a machine-readable report."),
]
Password = Annotated[
    str | None,
    typer.Option("--password", help="Opens locked PDFs; a PDF made of one is locked as well."),
]
PasswordFile = Annotated[
    Path | None,
    typer.Option("--password-file", help="File with the password on its first line."),
]


def one_of(value: str, allowed: tuple[str, ...], option: str) -> str:
    """The value, if it is allowed.

    Raises:
        typer.BadParameter: it is not.
    """
    if value not in allowed:
        raise typer.BadParameter(f"{option}: {value!r} is not one of {', '.join(allowed)}")
    return value


def one_password(text: str | None, file: Path | None) -> str | None:
    """The password, from wherever it was given.

    Raises:
        typer.BadParameter: it was given twice, or the file cannot be read.
    """
    if text is not None and file is not None:
        raise typer.BadParameter("--password and --password-file exclude each other")
    if file is None:
        return text
    try:
        return file.read_text("utf-8-sig").splitlines()[0]
    except (OSError, UnicodeDecodeError, IndexError) as error:
        raise typer.BadParameter(f"--password-file {file}: cannot be read") from error
