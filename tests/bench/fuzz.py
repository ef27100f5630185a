"""Damaged documents through `scanclean restore`, each in a process with limits.

Fails on exit code 1 and others that damage must not cause, on death by a signal, on a process that
does not come to an end, on an output that does not open, on an output beside a failure, and on
files left anywhere else. Prints a table, and ends with 1 if anything failed.

python tests/bench/fuzz.py [INPUTS] [WEIGHTS] [FIRST]     default: 2000 classical 0
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
import tempfile
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path

from _forked import Ended, Forked, import_all
from _mutations import mutated, seeds

from scanclean.documents._pdf_library import pymupdf

LIMIT_S = 60
MEMORY = 4 << 30
"""Address space of a process: libraries take one of these four gigabytes."""
RIGHT = {0, 3, 8, 9, 10}
"""Exit codes that a damaged document may cause."""
AT_ONCE = 2


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def opened(path: Path) -> None:
    """Open an output and read every page of it."""
    if path.suffix == ".pdf":
        with pymupdf().open(path) as document:
            assert document.page_count, "no pages"
            for page in document:
                zoom = min(1, 60 / max(page.rect.width, page.rect.height))
                page.get_pixmap(matrix=pymupdf().Matrix(zoom, zoom))
        return
    from PIL import Image

    with Image.open(path) as picture:
        for frame in range(getattr(picture, "n_frames", 1)):
            picture.seek(frame)
            picture.load()


class Case:
    """One damaged document in a folder of its own, at work."""

    def __init__(self, root: Path, name: str, number: int, data: bytes, weights: str) -> None:
        self.title = f"{name} {number}"
        self._folder = root / f"{number}"
        for part in ("home", "tmp", "out"):
            (self._folder / part).mkdir(parents=True)
        self._source, self._target = self._folder / name, self._folder / "out" / name
        self._source.write_bytes(mutated(name, data, number))
        words = ("restore", self._source, "-o", self._target, "--weights", weights, "--jobs", "1")

        def prepare() -> None:
            os.environ.update(HOME=str(self._folder / "home"), TMPDIR=str(self._folder / "tmp"))
            tempfile.tempdir = None
            limited()

        self._process = Forked(words, root / f"{number}.log", prepare, self._folder)

    def result(self) -> tuple[str, str]:
        """How it ended, in a word, and what is wrong about that."""
        ended = self._process.wait(LIMIT_S)
        if ended is None:
            return "endless", f"no end within {LIMIT_S} s"
        wrong = self._judged(ended)
        if not wrong:
            shutil.rmtree(self._folder)
        return str(ended.code), wrong

    def _judged(self, ended: Ended) -> str:
        if ended.code not in RIGHT or "Traceback" in ended.words:
            return f"exit {ended.code}: {ended.words[-1500:]}"
        there = self._target.exists()
        if there != (ended.code in (0, 9)):
            return f"exit {ended.code}, but {'an' if there else 'no'} output"
        files = {p for p in self._folder.rglob("*") if p.is_file()}
        stray = files - {self._source, self._target}
        if stray:
            return f"left behind: {sorted(map(str, stray))}"
        try:
            if there:
                opened(self._target)
        except Exception as error:
            return f"the output does not open: {error}"
        return ""


@dataclass(frozen=True)
class Fuzzed:
    """What came of all damaged documents."""

    folder: Path
    """Where those that failed are."""
    codes: Counter[str] = field(default_factory=Counter)
    """How many ended with each exit code."""
    wrong: list[str] = field(default_factory=list)
    """What is not as it must be."""


def examine(inputs: int, weights: str = "classical", first: int = 0) -> Fuzzed:
    """Restore the damaged documents of the numbers from `first` on."""
    import_all()
    sound = seeds()
    # Half of the inputs are PDFs, which have the most ways to be wrong.
    names = [*sound, *4 * [name for name in sound if name.endswith(".pdf")]]
    found = Fuzzed(Path(tempfile.mkdtemp(prefix="fuzz-")))
    flying = deque[Case]()
    for number in range(first, first + inputs):
        name = names[number % len(names)]
        flying.append(Case(found.folder, name, number, sound[name], weights))
        if len(flying) == AT_ONCE:
            _note(flying.popleft(), found)
    for case in flying:
        _note(case, found)
    if not found.wrong:
        shutil.rmtree(found.folder)
    return found


def _note(case: Case, found: Fuzzed) -> None:
    code, wrong = case.result()
    found.codes[code] += 1
    if wrong:
        found.wrong.append(f"{case.title}: {wrong}")


def main(inputs: str = "2000", weights: str = "classical", first: str = "0") -> int:
    found = examine(int(inputs), weights, int(first))
    for words in found.wrong:
        print(words)
    codes = dict(sorted(found.codes.items()))
    print(f"{found.codes.total()} inputs; exit codes: {codes}; {len(found.wrong)} failed")
    if found.wrong:
        print(f"inputs that failed are in {found.folder}")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
