"""Real documents: how they end, how large they come out, and whether all but their pixels stays.

python tests/bench/growth.py FOLDER [WEIGHTS]
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import _process

from scanclean import documents

LIMIT_S = 1200
RIGHT = {0, 3, 8, 9, 10}
"""Exit codes that a document alone may cause."""


@dataclass(frozen=True)
class Found:
    """What came of one document."""

    path: Path
    run: _process.Run
    after: int = 0
    """Bytes of the output; 0 if there is none."""
    pages: tuple[dict[str, object], ...] = ()
    """What the report says about each page."""
    structure: tuple[str, ...] | None = None
    """What came out otherwise than it went in; None if no PDF came out."""

    @property
    def restored(self) -> list[dict[str, object]]:
        return [page for page in self.pages if page["action"] == "restored"]

    @property
    def ratio(self) -> float | None:
        """How many times its size a PDF has afterwards; None if nothing of it was cleaned."""
        cleaned = self.restored and self.structure is not None
        return self.after / self.path.stat().st_size if cleaned else None

    @property
    def wrong(self) -> str:
        """What is not as it must be."""
        if self.run.code not in RIGHT:
            return f"exit {self.run.code}: {self.run.said[-1500:]}"
        if self.run.code in (3, 8, 10) and self.after:
            return f"exit {self.run.code}, but an output"
        return "; ".join(self.structure or ())


def within(folders: Sequence[Path]) -> list[Path]:
    """All documents below the folders."""
    known = documents.suffixes()
    files = {path for folder in folders for path in folder.rglob("*") if path.is_file()}
    return sorted(path for path in files if path.suffix.lower() in known)


def examine(paths: Sequence[Path], weights: str = "classical") -> Iterator[Found]:
    """Restore each, in a process of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        for path in paths:
            yield _examined(path, Path(scratch), weights)


def _examined(path: Path, scratch: Path, weights: str) -> Found:
    target, report = scratch / f"out{path.suffix}", scratch / "report.json"
    options = ("--weights", weights, "--jobs", "1", "--allow-signed", "--json", report)
    run = _process.restore(path, target, *options, limit_s=LIMIT_S)
    after = target.stat().st_size if target.exists() else 0
    said = json.loads(report.read_text("utf-8")) if report.exists() else {}
    for made in (target, report):
        made.unlink(missing_ok=True)
    structure = said.get("structure")
    pages = tuple(said.get("pages", ()))
    return Found(path, run, after, pages, None if structure is None else tuple(structure))


def line(found: Found) -> str:
    """A document in the table."""
    before = found.path.stat().st_size
    pictures = "-"
    if found.restored:
        sizes = [sum(int(str(p.get(key, 0))) for p in found.restored)
                 for key in ("bytes_before", "bytes_after")]  # fmt: skip
        pictures = f"{sizes[1] / max(sizes[0], 1):.2f}"
    times = f"{found.after / before:.2f}" if found.after else "-"
    same = "" if found.structure is None else "same structure"
    if not found.after:
        same = (found.run.said.splitlines() or [""])[0][:60]
    return (
        f"{found.path.name[:36]:<36} {found.run.code:>4} {before / 1000:9.0f} kB {times:>6}"
        f" {pictures:>6} {len(found.restored):4}/{len(found.pages):<4} {found.run.wall:6.1f} s"
        f" {found.run.peak_mb:5.0f} MB  {found.wrong or same}"
    )


def main(folder: str, weights: str = "classical") -> None:
    head = ("file", "exit", "before", "times", "pics", "restored")
    print(f"{head[0]:<36} {head[1]:>4} {head[2]:>12} {head[3]:>6} {head[4]:>6} {head[5]:>9}")
    ratios = []
    for found in examine(within([Path(folder)]), weights):
        print(line(found), flush=True)
        ratios += [] if found.ratio is None else [found.ratio]
    small = sum(ratio <= 1 for ratio in ratios)
    print(f"{small} of {len(ratios)} PDFs with cleaned pages are at most as large as before")


if __name__ == "__main__":
    main(*sys.argv[1:])
