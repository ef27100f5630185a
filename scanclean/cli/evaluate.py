"""`scanclean evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from scanclean.cli._options import Device, Engine, Offline, Passes, Quiet, Report, one_of
from scanclean.config import DEFAULT_WEIGHTS, EngineName, RestoreOptions
from scanclean.config import Device as DeviceName


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("evaluate")(evaluate)


def evaluate(  # one parameter for each option
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATA",
            help="Folder with scan/ and clean/, or with scans and their text in ground_truth/.",
        ),
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            "--weights", metavar="NAME|PATH", help="Weights to score; may be given several times."
        ),
    ] = None,
    frozen: Annotated[
        str,
        typer.Option(
            "--frozen",
            metavar="N|FIRST-LAST",
            help="Score N pages of the built-in set, or those of such numbers from 0, not DATA.",
        ),
    ] = "",
    fonts: Annotated[
        Path | None,
        typer.Option("--fonts", metavar="FOLDER", help="With --frozen: font files held out."),
    ] = None,
    only: Annotated[
        str,
        typer.Option(
            "--only",
            metavar="GLOB|@FILE|COLUMN=VALUE",
            help="Only pages of such names, of a list, or of such a value in DATA/pairs.csv.",
        ),
    ] = "",
    limit: Annotated[
        int, typer.Option("--limit", min=0, help="At most so many pages, evenly chosen; 0: all.")
    ] = 0,
    baselines: Annotated[
        bool, typer.Option("--baselines/--no-baselines", help="Score simple filters as well.")
    ] = True,
    guard: Annotated[
        bool, typer.Option("--guard/--no-guard", help="Let the guard mend what is restored.")
    ] = True,
    passes: Passes = 1,
    read: Annotated[
        bool, typer.Option("--ocr/--no-ocr", help="Read pages whose text is known.")
    ] = True,
    reader: Annotated[
        str, typer.Option("--reader", metavar="tesseract|rapidocr", help="Which program reads.")
    ] = "tesseract",
    language: Annotated[
        str, typer.Option("--lang", metavar="eng+kor", help="Read all pages in these languages.")
    ] = "",
    readings: Annotated[
        int,
        typer.Option(
            "--readings", min=1, max=5, help="Read each page in so many sizes, and take the mean."
        ),
    ] = 1,
    worst: Annotated[
        Path | None,
        typer.Option("--worst", metavar="FOLDER", help="Write pictures of the worst pages there."),
    ] = None,
    device: Device = "auto",
    backend: Engine = "auto",
    json_file: Report = None,
    offline: Offline = False,
    quiet: Quiet = False,
) -> None:
    """Score weights and simple filters on pages whose clean version or text is known.

    RMSE of gray levels from 0 to 1, all pages pooled. Gain: how far the PSNR of a page lies above
    that of its scan. Ink, by contrast: marks of the clean page that the output shows. Eaten: marks
    that the scan shows and the output does not; invented: the reverse. Dirt: blank ground that is
    not blank. Clean changed: pixels of clean pages moved by more than 2 levels. dE: shift of
    colours, in pictures and on flat tints. Error gone: of what the scan is read worse than the
    clean page; worse: pages read with half a percent more errors than the scan.
    """
    if (data is None) == (not frozen):
        raise typer.BadParameter("give either DATA or --frozen N")
    options = RestoreOptions(
        device=cast(DeviceName, device),
        backend=cast(EngineName, backend),
        guard=guard,
        passes=passes,
        offline=offline,
    )
    from scanclean.cli._evaluate import run  # numpy and the engines: only now
    from scanclean.evaluation.contest import Choice
    from scanclean.evaluation.ocr import READERS

    numbers = _numbers(frozen) if frozen else range(0)
    who = one_of(reader, tuple(READERS), "--reader")

    run(
        Choice(data, numbers, fonts, only, limit),
        weights or [DEFAULT_WEIGHTS],
        options,
        baselines=baselines,
        reader=READERS[who] if read else None,
        language=language,
        readings=readings,
        worst_folder=worst,
        json_file=json_file,
        quiet=quiet,
    )


def _numbers(text: str) -> range:
    """Pages of the built-in set: "27" are the first so many, "27-53" those from 27 to 53."""
    first, dash, last = text.partition("-")
    if not (first.isdecimal() and (last.isdecimal() or not dash)):
        raise typer.BadParameter(f"--frozen {text}: is neither N nor FIRST-LAST")
    numbers = range(int(first), int(last) + 1) if dash else range(int(first))
    if not numbers:
        raise typer.BadParameter(f"--frozen {text}: these are no pages")
    return numbers
