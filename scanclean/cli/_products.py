"""Files that a command writes: none may be an input, another product, or somebody else's."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from scanclean.atomic import output_error, refuse_existing
from scanclean.errors import OutputError, UsageError
from scanclean.jobs import PIPE

REPORT_KEYS = ({"pages", "exit_code"}, {"rows", "worst"}, {"ways", "missing"})
"""What the reports of `restore`, `evaluate` and `devices` hold."""
PAGES = ("", ".html", ".htm", ".xhtml")
"""Endings of pages for a browser."""


def require_apart(
    inputs: Iterable[Path], products: Sequence[tuple[str, Path]], *, in_place: bool = False
) -> None:
    """Look before any work whether one product would overwrite another, or an input.

    Args:
        inputs: what is read.
        products: option and file of everything that is written.
        in_place: whether what `-o` names may be an input.

    Raises:
        UsageError: two are the same file.
    """
    taken = {_identity(path): "an input" for path in inputs}
    for option, path in products:
        what = taken.get(_identity(path))
        if what and not (in_place and (option, what) == ("-o", "an input")):
            raise UsageError(f"{option} {path}: is {what} as well", hint="give it another name")
        taken[_identity(path)] = f"what {option} names"


def require_report(target: str | None) -> None:
    """Look whether a report may be written: an older report may be replaced, nothing else.

    Raises:
        OutputError: the file is something else, or lies where nothing may be written.
    """
    if target is None or target == PIPE:
        return
    path = Path(target)
    _require_writable(path)
    refuse_existing(path, force=True)  # a pipe would be waited for
    try:
        data = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise output_error(path, error) from error
    if data and not _is_report(data):
        raise OutputError(
            f"--json {target}: is there already, and is no report", hint="name another file"
        )


def _is_report(data: bytes) -> bool:
    """Whether a file is what `--json` of any command writes."""
    if data[:1] not in (b"{", b"["):
        return False
    try:
        found = json.loads(data)
    except ValueError:
        return False
    reports = found if isinstance(found, list) else [found]
    return all(
        isinstance(report, dict) and any(keys <= report.keys() for keys in REPORT_KEYS)
        for report in reports
    )


def require_browser_page(option: str, target: Path | None) -> None:
    """Look whether a page for a browser can have that name: not a pipe's, nor a document's.

    Raises:
        UsageError: it cannot.
        OutputError: it lies where nothing may be written.
    """
    if target is None:
        return
    if str(target) == PIPE:
        raise UsageError(f"{option} -: is a page for a browser, not for a pipe", hint="name a file")
    if target.suffix.lower() not in PAGES:
        raise UsageError(
            f"{option} {target}: is a page for a browser", hint=f"name it {target.stem}.html"
        )
    _require_writable(target)


def _require_writable(path: Path) -> None:
    """Look whether a file, or the folders above it, may be made, before hours of work."""
    above = next((folder for folder in path.absolute().parents if folder.exists()), None)
    if above and not os.access(above, os.W_OK):
        raise output_error(path, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


def _identity(path: Path) -> object:
    """The same for two names of one file."""
    try:
        found = path.stat()
    except OSError:
        return str(path.resolve())  # it is not there yet
    return found.st_dev, found.st_ino
