"""What a user typed as INPUT and OUTPUT, turned into jobs: one file in, one file out."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scanclean.config import ReadOptions
from scanclean.errors import InputError, ScancleanError, UsageError

PIPE = "-"
"""Stands for stdin as an input and for stdout as the output."""
NUMBERED = re.compile(r"%0?\d*d")
"""A place for the page number in the name of an output."""


@dataclass(frozen=True)
class Job:
    """One document to restore."""

    source: Path | None
    """The file; None is stdin."""
    target: Path | None
    """The file to make, a pattern or folder if `numbered`; None is stdout."""
    suffix: str = ""
    """Kind of file to make, as an ending with dot; empty: the kind of the input."""
    numbered: bool = False
    """One picture a page: `target` is a folder, or a name with a place for the number."""
    called: str = ""
    """What to call the input in messages, if `source` is only a copy of it."""

    @property
    def name(self) -> str:
        """The input, for messages."""
        if self.called:
            return self.called
        return "stdin" if self.source is None else str(self.source)

    @property
    def in_place(self) -> bool:
        """Whether the output is the input itself."""
        if self.source is None or self.target is None or not self.target.exists():
            return False
        return self.source.exists() and self.source.samefile(self.target)


@dataclass(frozen=True)
class Plan:
    """All jobs of a command."""

    jobs: tuple[Job, ...]
    """In order. With `joined`, their targets are not used."""
    joined: Path | None = None
    """The one PDF that all inputs go into, page after page."""
    folder: Path | None = None
    """The folder that several outputs go into."""
    left_out: tuple[Path, ...] = ()
    """Files of input folders that are no documents by their names."""


def plan(inputs: Sequence[str], output: str, kind: str | None, known: Sequence[str]) -> Plan:
    """Work out which files are read and written.

    Files are not opened, but for those that may have several pages where the kind to write has one.

    Args:
        inputs: files, folders, or "-" for stdin.
        output: a file, a folder (existing, or with a slash at its end), a pattern such as
            "out/%03d.png", or "-" for stdout.
        kind: ending (without dot) that outputs shall have; None keeps the input's.
        known: endings (with dot, lower case) that count as documents inside folders.

    Raises:
        UsageError: the combination makes no sense.
        InputError: a folder holds no document.
    """
    if "" in (*inputs, output):
        raise UsageError("an INPUT or OUTPUT is empty", hint="a variable may be unset")
    if not inputs:
        raise UsageError("no INPUT", hint="type: scanclean restore in.pdf -o out.pdf")
    wanted = f".{kind.lower().lstrip('.')}" if kind else ""
    if wanted and wanted not in known:
        raise UsageError(f"--format {kind}: not known", hint="known are: " + " ".join(known))
    if PIPE in inputs and len(inputs) > 1:
        raise UsageError("'-' cannot be one of several inputs")
    folders = [name for name in inputs if name != PIPE and Path(name).is_dir()]
    if len(inputs) == 1 and not folders:
        return Plan((_single(inputs[0], output, wanted, known),))
    left_out: list[Path] = []
    found = list(_expand(inputs, known, Path(output), left_out))
    return _several(found, output, wanted, known, tuple(left_out))


def _kind(source: Path, known: Sequence[str]) -> str:
    """Kind of file by its name; empty if that says nothing, so that its content has to."""
    suffix = source.suffix.lower()
    return suffix if suffix in known else ""


def _needs_several(source: Path, wanted: str) -> bool:
    """Whether a document has several pages, and the kind of file to make holds one."""
    from scanclean.documents import image, open_document

    if wanted not in image.SUFFIXES or source.suffix.lower() in image.SUFFIXES:
        return False
    try:
        with open_document(source, source.name, ReadOptions(max_mpixels=math.inf)) as document:
            return len(document) > 1
    except (ScancleanError, OSError):  # told when it is its turn
        return False


def _several(
    found: Sequence[tuple[Path, Path]],
    output: str,
    wanted: str,
    known: Sequence[str],
    left_out: tuple[Path, ...],
) -> Plan:
    """Where several documents go: into one PDF, or a folder."""
    if output == PIPE:
        raise UsageError(
            "several documents do not fit into stdout",
            hint="give a folder with -o, or --format pdf for one PDF of all",
        )
    if not _means_folder(output) and Path(output).suffix.lower() == ".pdf":
        jobs = tuple(Job(path, None, ".pdf") for path, _ in found)
        _refuse_input(Path(output), found)
        return Plan(jobs, joined=Path(output), left_out=left_out)
    if not _means_folder(output) and Path(output).suffix.lower() in known:
        stem = Path(output).stem
        raise UsageError(
            f"{output}: several documents do not fit into one {Path(output).suffix} file",
            hint=f"type -o {stem}/ for a folder, or -o {stem}.pdf for one PDF of all",
        )
    if Path(output).exists() and not Path(output).is_dir():
        raise UsageError(f"{output}: several inputs need a folder", hint=f"type -o {output}-clean/")
    into = tuple(_into_folder(found, Path(output), wanted, known))
    for job in into:
        if job.target and not job.in_place:
            _refuse_input(job.target, found)
    return Plan(into, folder=Path(output), left_out=left_out)


def _refuse_input(target: Path, found: Sequence[tuple[Path, Path]]) -> None:
    """Refuse to overwrite an input by what another one becomes, whatever `--force` says."""
    if not target.is_file():
        return
    for path, _ in found:
        if path.exists() and path.samefile(target):
            raise UsageError(
                f"{target}: is an INPUT, and would be overwritten by what another one becomes",
                hint="choose another OUTPUT",
            )


def _means_folder(output: str) -> bool:
    return output.endswith(("/", "\\")) or Path(output).is_dir()


def _single(name: str, output: str, wanted: str, known: Sequence[str]) -> Job:
    source = None if name == PIPE else Path(name)
    if output == PIPE:
        return Job(source, None, wanted)
    suffix = Path(output).suffix.lower()
    if _means_folder(output):
        if source is None or source.suffix.lower() == ".pdf" and wanted != ".pdf":
            return Job(source, Path(output), wanted or ".png", numbered=True)
        if _needs_several(source, wanted):
            return Job(source, Path(output), wanted, numbered=True)
        target = Path(output) / _renamed(source.name, wanted)
        return Job(source, target, wanted or _kind(source, known))
    kind = wanted or suffix
    if kind not in known:
        raise UsageError(
            f"{output}: its ending does not say what to write",
            hint="known are: " + " ".join(known) + "; or give --format, or a folder with a slash",
        )
    numbered = kind != ".pdf" and bool(NUMBERED.search(Path(output).name))
    return Job(source, Path(output), kind, numbered=numbered)


def _expand(
    inputs: Sequence[str], known: Sequence[str], output: Path, left_out: list[Path]
) -> Iterator[tuple[Path, Path]]:
    """Every document among the inputs, with its place below the output folder.

    What lies in an output folder inside an input folder is an earlier run's, and no input. Files
    that are no documents by their names are added to `left_out`.
    """
    made = output.resolve()
    for name in inputs:
        path = Path(name)
        if not path.is_dir():
            yield path, Path(path.name)
            continue
        closed: list[Path] = []
        files = [p for p in _walk(path, closed) if _visible(p, path)]
        closed = [p for p in closed if _shown(p, path)]
        if path.resolve() in made.parents:
            files, closed = (
                [p for p in paths if made not in (p.resolve(), *p.resolve().parents)]
                for paths in (files, closed)
            )
        inside = [p for p in files if p.suffix.lower() in known]
        inside += closed  # to be missed, not passed over
        left_out += sorted(p for p in files if p.suffix.lower() not in known)
        if not inside:
            raise InputError(f"{path}: holds no document", hint="known are: " + " ".join(known))
        for document in sorted(inside, key=lambda p: natural(p.relative_to(path).as_posix())):
            yield document, document.relative_to(path)


def _walk(folder: Path, closed: list[Path]) -> Iterator[Path]:
    """All files below a folder; folders below it that may not be read are added to `closed`.

    Raises:
        InputError: it may not be read itself.
    """

    def note(error: OSError) -> None:
        if Path(error.filename) == folder:
            raise InputError(f"{folder}: cannot be read: {error.strerror}") from error
        closed.append(Path(error.filename))

    for place, _, names in os.walk(folder, onerror=note):
        yield from (Path(place, name) for name in names)


def _visible(path: Path, root: Path) -> bool:
    """Whether a path counts as a file; a link to nowhere does, so that it is missed."""
    there = path.is_file() or (path.is_symlink() and not path.exists())
    return there and _shown(path, root)


def _shown(path: Path, root: Path) -> bool:
    """Whether neither the path nor a folder above it, below the root, is hidden."""
    return not any(part.startswith(".") for part in path.relative_to(root).parts)


def natural(text: str) -> list[tuple[int, int, str]]:
    """Sort key that takes runs of digits as numbers.

    >>> sorted(["p10.png", "p2.png", "P1.png"], key=natural)
    ['P1.png', 'p2.png', 'p10.png']
    """
    parts = re.split(r"(\d+)", text.casefold())
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts if p]


def _into_folder(
    found: Sequence[tuple[Path, Path]], folder: Path, wanted: str, known: Sequence[str]
) -> Iterator[Job]:
    taken: set[str] = set()
    for source, place in found:
        numbered = source.suffix.lower() == ".pdf" and wanted not in ("", ".pdf")
        numbered = numbered or _needs_several(source, wanted)
        target = folder / place.with_name(_renamed(place.name, wanted))
        if numbered:  # a folder for its pages
            target = folder / place.with_suffix("")
        if str(target).casefold() in taken:  # file systems that ignore case exist
            target = _distinct(folder / place, target, taken)
        taken.add(str(target).casefold())
        yield Job(source, target, wanted or _kind(source, known), numbered=numbered)


def _distinct(place: Path, target: Path, taken: set[str]) -> Path:
    """Another name: the input's own ending inside it, then numbers."""
    stem = (
        f"{place.stem}-{place.suffix.lstrip('.')}" if place.suffix != target.suffix else place.stem
    )
    tries = [stem, *(f"{stem}-{n}" for n in range(2, len(taken) + 3))]
    names = (target.with_name(name + target.suffix) for name in tries)
    return next(path for path in names if str(path).casefold() not in taken)


def _renamed(name: str, wanted: str) -> str:
    return Path(name).stem + wanted if wanted and Path(name).suffix.lower() != wanted else name
