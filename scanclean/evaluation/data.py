"""The pages that a data folder offers for evaluation.

scan/ + clean/              pairs (train/ + train_cleaned/ as well)
text/NAME.json              what `scanclean synth` says of a pair: words, profile, language
*.png + ground_truth/       scans with text to compare with: hOCR, HTML or plain text
"""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from scanclean.errors import DataError
from scanclean.evaluation import text
from scanclean.page import LUMINANCE, Pixels
from scanclean.training.pairs import LAYOUTS, PICTURES, find_pairs

TEXT_FOLDERS = ("text", "ground_truth")
"""Where the text of pages is looked for."""
TEXTS = (".json", ".hocr", ".html", ".htm", ".txt")
"""Endings of files with text."""
TABLE = "pairs.csv"
"""A table that `--only COLUMN=VALUE` chooses by; its first column names the pictures."""


@dataclass(frozen=True)
class Sample:
    """A page to evaluate on."""

    scan: Path
    """The picture as it came."""
    clean: Path | None = None
    """The same page clean, if there is one."""
    text: str = ""
    """What is written on it, in any order; empty if nobody knows."""
    language: str = ""
    """Language code as its source has it; empty for English."""
    family: str = ""
    """What happened to it, where that has a name."""

    @property
    def name(self) -> str:
        """File name of the scan."""
        return self.scan.name


def samples(data: Path, only: str = "") -> list[Sample]:
    """All pages of a folder, sorted by name.

    Args:
        data: the folder.
        only: which ones, see `chosen`; empty for all.

    Raises:
        DataError: it holds nothing to compare with, or nothing that was chosen.
    """
    if not data.is_dir():
        raise DataError(f"{data}: no such folder", hint="give a folder with scan/ and clean/")
    if any((data / scans).is_dir() for scans, _ in LAYOUTS):
        pictures: dict[Path, Path | None] = {pair.scan: pair.clean for pair in find_pairs(data)}
    else:
        found = (path for path in data.iterdir() if path.suffix.lower() in PICTURES)
        pictures = dict.fromkeys(sorted(found))
    texts = _texts(data, {scan.stem for scan in pictures})
    names = chosen(data, [scan.name for scan in pictures], only)
    out = [
        _sample(scan, clean, texts.get(scan.stem))
        for scan, clean in pictures.items()
        if scan.name in names and (clean or scan.stem in texts)
    ]
    if not out:
        which = f" that match {only!r}" if only else ""
        raise DataError(
            f"{data}: holds no pages to evaluate on{which}",
            hint=f"its first page is {min(pictures, key=str).name}: give a name, a pattern such as "
            "1*.png, @FILE with names, or COLUMN=VALUE"
            if only and pictures
            else "it needs scan/ and clean/, or pictures and their text in ground_truth/",
        )
    return out


def chosen(data: Path, names: Sequence[str], only: str) -> set[str]:
    """The names that a user asked for.

    Args:
        data: the folder, for its table.
        names: file names of pictures.
        only: "" for all, "@FILE" with a name on each line, "COLUMN=VALUE" of `pairs.csv`, or a
            pattern such as "1*.png".

    Raises:
        DataError: the list or the table cannot be read, or has no such column.
    """
    if not only:
        return set(names)
    if only.startswith("@"):
        try:
            wanted = set(Path(only[1:]).read_text("utf-8").split())
        except OSError as error:
            raise DataError(f"{only[1:]}: cannot be read ({error.strerror})") from error
        return {name for name in names if name in wanted or Path(name).stem in wanted}
    # "=" may stand in the name of a column, so that the last one parts it from the value.
    column, equals, value = only.rpartition("=")
    if equals and (data / TABLE).is_file():
        wanted = _rows_where(data / TABLE, column, value)
        return {name for name in names if name in wanted or Path(name).stem in wanted}
    return {name for name in names if fnmatchcase(name, only)}


def _rows_where(table: Path, column: str, value: str) -> set[str]:
    with table.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        columns = list(rows.fieldnames or ())
        if column not in columns:
            raise DataError(
                f"{table}: has no column {column!r}", hint=f"there are: {', '.join(columns)}"
            )
        return {row[columns[0]] for row in rows if row[column] == value}


def _texts(data: Path, stems: Collection[str]) -> dict[str, Path]:
    """Files with text by the stems of their scans.

    The text of `a.png` is `a.txt`, or `a.gt.txt` if no scan is called `a.gt.png`.

    Raises:
        DataError: a scan has two.
    """
    found: dict[str, Path] = {}
    for folder in TEXT_FOLDERS:
        paths = sorted((data / folder).iterdir()) if (data / folder).is_dir() else []
        for path in paths:
            stem = _scan_of(path.name, stems) if path.suffix.lower() in TEXTS else None
            if stem is None:
                continue
            if stem in found:
                both = " and ".join(p.relative_to(data).as_posix() for p in (found[stem], path))
                raise DataError(
                    f"{data}: {both} are both the text of {stem}", hint="remove one of them"
                )
            found[stem] = path
    return found


def _scan_of(name: str, stems: Collection[str]) -> str | None:
    """The longest beginning of a file name, up to one of its dots, that is the stem of a scan."""
    parts = name.split(".")
    beginnings = (".".join(parts[:count]) for count in range(len(parts) - 1, 0, -1))
    return next((stem for stem in beginnings if stem in stems), None)


def _sample(scan: Path, clean: Path | None, truth: Path | None) -> Sample:
    if truth is None:
        return Sample(scan, clean)
    if truth.suffix != ".json":
        return Sample(scan, clean, *text.read_truth(truth))
    try:
        facts = json.loads(truth.read_text("utf-8"))
        words = " ".join(word["text"] for word in facts.get("words", ()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{truth}: is not what synth writes ({error})") from error
    return Sample(scan, clean, words, facts.get("language", ""), facts.get("profile", ""))


def like(pixels: Pixels, other: Pixels) -> Pixels:
    """`pixels` with as many channels as `other`."""
    if pixels.ndim == other.ndim:
        return pixels
    if other.ndim == 3:
        return np.repeat(pixels[..., None], 3, axis=2)
    return (pixels @ np.array(LUMINANCE, np.float32) + 0.5).astype(np.uint8)
