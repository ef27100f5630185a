"""Records of a run: what happened to each page and to each document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from scanclean.fidelity import Ink
from scanclean.page import SAME_PICTURE, Action


@dataclass(frozen=True)
class PageReport:
    """What happened to one page."""

    page: int
    """Number of the page, from 1."""
    action: Action
    """See `scanclean.page.Action`."""
    reason: str = ""
    """Why, if it was not simply restored."""
    seconds: float = 0.0
    """Wall clock from decoded to encoded."""
    ink: Ink | None = None
    """What the guard found."""
    bytes_before: int = 0
    """Size of its picture in the input, as stored."""
    bytes_after: int = 0
    """Size of its picture in the output, as stored."""
    warnings: tuple[str, ...] = ()
    """What a user should know."""


@dataclass(frozen=True)
class FileReport:
    """What happened to one document, and with what it was restored."""

    input: str
    """The input, as the user named it."""
    output: str
    """The output."""
    pages: tuple[PageReport, ...] = ()
    """One for each page or scan."""
    warnings: tuple[str, ...] = ()
    """What a user should know about the whole document."""
    seconds: float = 0.0
    """Wall clock."""
    exit_code: int = 0
    """What this document alone would end the command with."""
    device: str = ""
    """Where the network ran; empty if there was none."""
    backend: str = ""
    """Engine that ran it."""
    precision: str = ""
    """Arithmetic it ran in."""
    weights: str = ""
    """Name or path of the weights."""
    sha256: str = ""
    """Hash of the weights file."""
    structure: tuple[str, ...] | None = None
    """What of a PDF came out otherwise than it went in, the cleaned pixels apart; None: not
    compared."""


def as_json(reports: Sequence[FileReport]) -> object:
    """The reports as the contract's JSON: an object for one document, a list for several."""
    objects = [asdict(report) for report in reports]
    for report in objects:
        if report["structure"] is None:
            del report["structure"]
        for page in report["pages"]:
            for empty in [key for key, value in page.items() if value in ("", None, ())]:
                del page[empty]
    return objects[0] if len(objects) == 1 else objects


def moved(page: PageReport, by: int, name: str) -> PageReport:
    """The report of a page of the input `name` that stands behind `by` others in the output."""
    reason = page.reason
    if reason.startswith(SAME_PICTURE):
        reason = f"same picture as an earlier page of {name}"
    elif page.action == "copied":
        reason = f"page {page.page} of {name}: {reason}"
    return replace(page, page=page.page + by, reason=reason)
