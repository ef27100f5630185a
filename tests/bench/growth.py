"""How large PDFs come out, and whether all but their pixels comes out as it went in.

python tests/bench/growth.py FOLDER [WEIGHTS]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from scanclean.config import ReadOptions, RestoreOptions
from scanclean.documents.pdf import differences
from scanclean.errors import ScancleanError
from scanclean.jobs import Job
from scanclean.restoration import Session

OPTIONS = ReadOptions(allow_signed=True)


def row(session: Session, path: Path, target: Path) -> float | None:
    """Restore one file and print its line; gives how many times its size it has afterwards."""
    begin = time.perf_counter()
    try:
        report = session.restore(Job(path, target, ".pdf"))
    except ScancleanError as error:
        print(f"{path.name[:36]:<36} {error}")
        return None
    before, after = path.stat().st_size, target.stat().st_size
    restored = [page for page in report.pages if page.action == "restored"]
    pictures = sum(p.bytes_after for p in restored) / max(sum(p.bytes_before for p in restored), 1)
    unlike = differences(path, target)
    print(
        f"{path.name[:36]:<36} {before / 1000:9.0f} kB {after / before:6.2f} {pictures:6.2f}"
        f" {len(restored):4}/{len(report.pages):<4} {time.perf_counter() - begin:6.1f} s"
        f"  {'; '.join(unlike) or 'same structure'}",
        flush=True,
    )
    return after / before if restored else None


def main(folder: str, weights: str = "classical") -> None:
    print(f"{'file':<36} {'before':>12} {'times':>6} {'pics':>6} {'restored':>9}")
    ratios = []
    options = RestoreOptions(weights=weights, jobs=1, read=OPTIONS)
    with Session(options) as session, tempfile.TemporaryDirectory() as scratch:
        for number, path in enumerate(sorted(Path(folder).rglob("*.pdf"))):
            found = row(session, path, Path(scratch, f"{number}.pdf"))
            ratios += [] if found is None else [found]
    small = sum(ratio <= 1 for ratio in ratios)
    print(f"{small} of {len(ratios)} PDFs with cleaned pages are at most as large as before")


if __name__ == "__main__":
    main(*sys.argv[1:])
