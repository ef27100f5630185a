"""`scanclean compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanclean.cli import _console
from scanclean.cli._options import Force, Password, PasswordFile, Quiet, one_password
from scanclean.cli._products import require_apart, require_browser_page
from scanclean.config import DEFAULT_MAX_MPIXELS, ReadOptions

if TYPE_CHECKING:
    from scanclean.report.compare import Pair


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("compare")(compare)


def compare(
    before: Annotated[
        Path, typer.Argument(metavar="BEFORE", help="A PDF, picture or TIFF; or a folder of pages.")
    ],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="The same after it was cleaned.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE.html", help="The page to write.")
    ],
    password: Password = None,
    password_file: PasswordFile = None,
    max_mpixels: Annotated[
        float, typer.Option("--max-mpixels", min=0, help="Refuse pictures of more million pixels.")
    ] = DEFAULT_MAX_MPIXELS,
    force: Force = False,
    quiet: Quiet = False,
) -> int:
    """Lay the pages of two documents side by side: one HTML file that needs nothing else."""
    require_apart((before, after), [("-o", output)])
    require_browser_page("-o", output)
    options = ReadOptions(max_mpixels=max_mpixels, password=one_password(password, password_file))
    with _console.data_stdout():  # before anything is loaded that may print
        from scanclean.report.compare import write

        pair = _pair(before, after, options)
        with _console.progress(quiet=quiet) as progress:
            said = write([pair], output, options, force=force, progress=progress)
    for words in () if quiet else (*pair.remarks, *said, f"{output}: written"):
        _console.say(words)
    return 0


def _pair(before: Path, after: Path, options: ReadOptions) -> Pair:
    from scanclean.documents import HEAD, pdf
    from scanclean.report.compare import Pair

    files = [_pages_of(path) for path in (before, after)]
    remarks: tuple[str, ...] = ()
    if len(files[0]) == len(files[1]) == 1:
        heads = [_head(one[0], HEAD) for one in files]
        if all(pdf.recognises(head) for head in heads):
            found = pdf.differences(files[0][0], files[1][0], password=options.password)
            remarks = tuple(f"structure: {line}" for line in found)
    return Pair(f"{before.name} and {after.name}", files[0], files[1], remarks=remarks)


def _pages_of(path: Path) -> list[Path]:
    """The file; or the files of a folder, in natural order."""
    from scanclean import documents, jobs

    if not path.is_dir():
        return [path]
    plan = jobs.plan([str(path)], f"{path}/", None, documents.suffixes())
    return [job.source for job in plan.jobs if job.source]


def _head(path: Path, length: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(length)
    except OSError:
        return b""  # opening it will say what is wrong
