"""Whether documents are safe: every long test in one run, and a table of what came of it.

    python tests/bench/reliability.py [--quick] [--inputs FOLDER]... [--scans FOLDER]...

Kills runs at random moments, damages documents, restores long ones, and restores all documents of
the folders given; of those in `--scans`, the size counts as well. Progress and what failed go to
stderr, the table (Markdown) to stdout; ends with 1 if a figure is not what it must be.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import _process
import fuzz
import growth
import kills

FLAT = 1.1
"""Peak memory of a long document may be so many times that of a short one."""
SMALL_SHARE = 0.9
"""Share of the PDFs with cleaned pages that must come out at most as large as they were."""
A4 = (827, 1169)
"""Pixels of a page at 100 dpi: small, so that hundreds take minutes."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    found: str
    goal: str
    reached: bool


@dataclass(frozen=True)
class Budget:
    """How much is done."""

    kills: int = 200
    damaged: int = 2000
    pages: tuple[int, int] = (20, 500)
    weights: str = "classical"
    folders: tuple[Path, ...] = ()
    scans: tuple[Path, ...] = ()


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def kill_rows(budget: Budget) -> list[Row]:
    found = kills.examine(budget.kills)
    for words in found.wrong:
        say(words)
    moments = sum(found.moments.values(), Counter[str]())
    told = ", ".join(f"{count} {moment}" for moment, count in moments.items())
    return [
        Row(f"broken targets after {moments.total()} kills at random moments ({told})",
            str(len(found.broken)), "0", not found.broken),
        Row("those runs after `--resume`: other bytes than undisturbed, or files left behind",
            str(len(found.unlike)), "0", not found.unlike),
    ]  # fmt: skip


def fuzz_rows(budget: Budget) -> list[Row]:
    found = fuzz.examine(budget.damaged, budget.weights)
    for words in found.wrong:
        say(words)
    if found.wrong:
        say(f"inputs that failed are in {found.folder}")
    codes = ", ".join(f"{count} with {code}" for code, count in sorted(found.codes.items()))
    bugs, endless = found.codes["1"], found.codes["endless"]
    others = len(found.wrong) - bugs - endless
    return [
        Row(f"exit 1 / hangs / broken or stray output on {found.codes.total()} damaged inputs "
            f"(exit codes: {codes})",
            f"{bugs} / {endless} / {others}", "0 / 0 / 0", not found.wrong),
    ]  # fmt: skip


def memory_rows(budget: Budget) -> list[Row]:
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.pdf"), Path(folder, "out.pdf")
        for pages in budget.pages:
            document(source, pages)
            options = ("--weights", budget.weights, "--jobs", "1", "--force")
            run = _process.restore(source, target, *options)
            if run.code:
                raise SystemExit(f"{pages} pages ended with {run.code}: {run.said}")
            say(f"{pages} pages: {run.peak_mb:.0f} MB, {run.wall:.0f} s, {run.cpu:.0f} CPU-s")
            peaks.append(run.peak_mb)
    what = "peak memory, {} and {} pages of A4 at 100 dpi".format(*budget.pages)
    said = " and ".join(f"{peak:.0f} MB" for peak in peaks)
    return [Row(what, said, f"within {FLAT:g} times", peaks[1] <= FLAT * peaks[0])]


def document(path: Path, pages: int) -> None:
    """A PDF of so many scans in colour, no two alike."""
    import pymupdf

    with pymupdf.open() as made:
        for seed in range(pages):
            sheet = made.new_page(width=595, height=842)
            sheet.insert_image(sheet.rect, stream=kills.page(seed, A4, "RGB"))
        made.save(path)


def input_rows(budget: Budget) -> list[Row]:
    found, folders = [], (*budget.folders, *budget.scans)
    for one in growth.examine(growth.within(folders), budget.weights):
        say(growth.line(one))
        found.append(one)
    codes = Counter(one.run.code for one in found)
    told = ", ".join(f"{count} with {code}" for code, count in sorted(codes.items()))
    odd = sum(one.run.code not in growth.RIGHT for one in found)
    compared = [one for one in found if one.structure is not None]
    unlike = sum(bool(one.structure) for one in compared)
    names = ", ".join(folder.name for folder in folders)
    rows = [
        Row(f"{len(found)} documents of {names}: other exit codes than the contract's ({told})",
            str(odd), "0", not odd),
        Row(f"the {len(compared)} PDFs among them that came out: other structure than they went in",
            str(unlike), "0", not unlike),
    ]  # fmt: skip
    counted = growth.within(budget.scans)
    ratios = [one.ratio for one in found if one.ratio is not None and one.path in counted]
    return [*rows, size_row(ratios)] if ratios else rows


def size_row(ratios: Sequence[float]) -> Row:
    small = sum(ratio <= 1 for ratio in ratios) / len(ratios)
    return Row(
        f"the {len(ratios)} PDFs of scans with cleaned pages: share at most as large as it was",
        f"{small:.0%} (the largest {max(ratios):.2f} times)",
        f"{SMALL_SHARE:.0%}",
        small >= SMALL_SHARE,
    )


PARTS: dict[str, Callable[[Budget], list[Row]]] = {
    "kills": kill_rows,
    "fuzz": fuzz_rows,
    "memory": memory_rows,
    "inputs": input_rows,
}


def table(budget: Budget, parts: Sequence[str]) -> bool:
    """Do the parts and print the table; gives whether every figure is what it must be."""
    print("| what | figure | must be | minutes |\n|---|---|---|---|", flush=True)
    reached = True
    for part in parts:
        begin = time.monotonic()
        for row in PARTS[part](budget):
            reached &= row.reached
            figure = row.found if row.reached else f"**{row.found}**"
            minutes = (time.monotonic() - begin) / 60
            print(f"| {row.what} | {figure} | {row.goal} | {minutes:.1f} |", flush=True)
    return reached


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of everything: minutes")
    parser.add_argument("--inputs", type=Path, action="append", default=[], metavar="FOLDER")
    parser.add_argument("--scans", type=Path, action="append", default=[], metavar="FOLDER")
    parser.add_argument("--only", default="", help=f"of {','.join(PARTS)}")
    parser.add_argument("--weights", default="classical", help="for all parts but the kills")
    parser.add_argument("--kills", type=int, help="so many")
    parser.add_argument("--damaged", type=int, help="so many damaged inputs")
    given = parser.parse_args()
    budget = Budget(weights=given.weights, folders=tuple(given.inputs), scans=tuple(given.scans))
    if given.quick:
        budget = replace(budget, kills=20, damaged=200, pages=(5, 60))
    budget = replace(
        budget, kills=given.kills or budget.kills, damaged=given.damaged or budget.damaged
    )
    parts = given.only.split(",") if given.only else [p for p in PARTS if p != "inputs"]
    if (given.inputs or given.scans) and not given.only:
        parts.append("inputs")
    say(f"{_process.load()}; weights: {given.weights}")
    return 0 if table(budget, parts) else 1


if __name__ == "__main__":
    sys.exit(main())
