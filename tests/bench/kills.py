"""Kill `scanclean restore --resume` at random moments, then let it go on.

After every kill the output must be what it was before, or whole; after the next run it must have
the bytes of a run that nobody disturbed, and nothing else may be left. Prints what happened, and
ends with 1 if that is not so.

python tests/bench/kills.py [KILLS] [WEIGHTS...]     default: 200 classical scanclean
"""

from __future__ import annotations

import io
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from _forked import Forked, import_all
from PIL import Image, ImageDraw

WEIGHTS = ("classical", "scanclean")
PAGES, WIDTH, HEIGHT = 5, 160, 210
SECOND = 0.4
"""Share of the cases in which the run that goes on is killed as well."""


@dataclass(frozen=True)
class Case:
    """A way of naming input and output."""

    source: str
    target: str
    options: tuple[str, ...] = ()


CASES = {
    "new file": Case("in.pdf", "out/o.pdf"),
    "over an old file": Case("in.pdf", "out/old.pdf", ("--force",)),
    "in place": Case("out/f.pdf", "out/f.pdf"),
    "one picture a page": Case("in.pdf", "out/%d.png"),
    "folder": Case("folder", "out/"),
}


def page(seed: int, size: tuple[int, int] = (WIDTH, HEIGHT), mode: str = "L") -> bytes:
    picture = Image.new("L", size, 228)
    for row in range(size[1] // 18 - 1):
        ImageDraw.Draw(picture).text((20, 16 + 18 * row), f"page {seed}, row {row}", 40)
    noise = np.random.default_rng(seed).normal(0, 4, size[::-1])
    grainy = np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(grainy).convert(mode).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def document(path: Path, pages: range) -> None:
    import pymupdf

    with pymupdf.open() as made:
        for seed in pages:
            sheet = made.new_page(width=WIDTH, height=HEIGHT)
            sheet.insert_image(sheet.rect, stream=page(seed))
        made.save(path)


def fresh(folder: Path) -> None:
    """The files before a run."""
    shutil.rmtree(folder / "out", ignore_errors=True)
    (folder / "out").mkdir()
    shutil.copyfile(folder / "in.pdf", folder / "out/f.pdf")
    (folder / "out/old.pdf").write_text("old")


def content(folder: Path) -> dict[str, bytes]:
    found = (p for p in (folder / "out").rglob("*") if p.is_file())
    return {str(p.relative_to(folder / "out")): p.read_bytes() for p in found}


def visible(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if not name.startswith(".")}


def start(folder: Path, case: Case, weights: str) -> Forked:
    options = ("--weights", weights, "--jobs", "2", "--resume", *case.options)
    words = ("restore", case.source, "-o", case.target, *options)
    return Forked(words, folder / "log", cwd=folder)


def undisturbed(folder: Path, case: Case, weights: str) -> tuple[dict[str, bytes], float]:
    fresh(folder)
    ended = start(folder, case, weights).wait()
    assert ended and ended.code == 0, ended
    return content(folder), ended.seconds


def killed(folder: Path, case: Case, weights: str, after_s: float) -> None:
    process = start(folder, case, weights)
    time.sleep(after_s)
    process.kill()
    process.wait()


@dataclass
class Attempt:
    """What came of one run that was killed."""

    moment: str = ""
    """What kind of moment it was."""
    broken: list[str] = field(default_factory=list)
    """Outputs that were neither what they had been nor whole."""
    unlike: list[str] = field(default_factory=list)
    """How the end differs from that of a run that nobody disturbed."""


def attempt(
    folder: Path,
    case: Case,
    weights: str,
    whole: tuple[dict[str, bytes], float],
    rng: random.Random,
) -> Attempt:
    """Kill, look, go on, look."""
    fresh(folder)
    before, (right, seconds) = content(folder), whole
    found = Attempt()
    for _ in range(2 if rng.random() < SECOND else 1):
        killed(folder, case, weights, rng.uniform(0, 1.1 * seconds))
        there = content(folder)
        for name in {*before, *visible(there)}:
            if there.get(name, b"") not in (before.get(name), right.get(name)):
                found.broken.append(f"{name} is broken after the kill")
        if there == right:  # and no state: another run would be another job
            found.moment = "after the end"
            return found
    ended = start(folder, case, weights).wait()
    if ended is None or ended.code:
        found.unlike.append(f"could not go on: {ended}")
    elif content(folder) != right:
        names = sorted(n for n, d in content(folder).items() if right.get(n) != d)
        found.unlike.append(f"other bytes than undisturbed: {names or 'files are missing'}")
    took = ended is not None and "earlier run" in ended.words
    found.moment = "pages taken over" if took else "before the first page"
    return found


@dataclass(frozen=True)
class Killed:
    """What came of all kills."""

    moments: dict[str, Counter[str]] = field(default_factory=dict)
    """For each weights, how many kills hit what kind of moment."""
    broken: list[str] = field(default_factory=list)
    """Outputs that were broken after a kill."""
    unlike: list[str] = field(default_factory=list)
    """Runs that went on to something else than a run that nobody disturbed."""

    @property
    def wrong(self) -> list[str]:
        """All that is not as it must be."""
        return self.broken + self.unlike


def examine(kills: int, weights: Sequence[str] = WEIGHTS, seed: int = 6) -> Killed:
    """Kill so many runs, shared out among the weights and the ways of naming an output."""
    import_all()
    rng, found = random.Random(seed), Killed()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs(folder)
        for number, one in enumerate(weights):
            count = found.moments[one] = Counter()
            wholes = {k: undisturbed(folder, case, one) for k, case in CASES.items()}
            for n in range(number, kills, len(weights)):
                kind = list(CASES)[n // len(weights) % len(CASES)]
                made = attempt(folder, CASES[kind], one, wholes[kind], rng)
                count[made.moment] += 1
                where = f"{one}, {kind}, kill {n}"
                found.broken.extend(f"{where}: {words}" for words in made.broken)
                found.unlike.extend(f"{where}: {words}" for words in made.unlike)
    return found


def inputs(folder: Path) -> None:
    document(folder / "in.pdf", range(PAGES))
    (folder / "folder").mkdir()
    for n in range(3):
        document(folder / f"folder/{n}.pdf", range(n, n + 2))


def main(kills: str = "200", *weights: str) -> int:
    found = examine(int(kills), weights or WEIGHTS)
    for words in found.wrong:
        print(words)
    for one, count in found.moments.items():
        print(f"{one}: {count.total()} kills: " + ", ".join(f"{v} {k}" for k, v in count.items()))
    print(f"{len(found.wrong)} broken")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
