"""What restoring costs, beside the targets and the peers, in one run.

    python tests/bench/speed.py [--weights NAME] [--pages 20] [--long 500] [--only WORDS]

Every figure of `restore` is that of the command itself, in a process of its own. Seconds are those
of the clock, CPU-s those of all threads together; on a machine that does other things as well the
second is the one to trust.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import _process
import numpy as np
from _pages import text_page
from _process import TOOL, Run
from PIL import Image


def run(words: Sequence[object], cores: int | None = None) -> Run:
    ended = _process.run(words, cores=cores)
    if ended.code:
        raise SystemExit(f"{' '.join(map(str, words))} ended with {ended.code}: {ended.said}")
    return ended


def picture_page() -> np.ndarray:
    """An A4 page that is one photograph: nothing to skip."""
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(40, 200, (60, 42, 3), dtype=np.uint8))
    page = np.asarray(small.resize((2480, 3508), Image.Resampling.BICUBIC), np.int16)
    noise = rng.normal(0, 4, page.shape[:2]).astype(np.int16)[..., None]
    return np.clip(page + noise, 0, 255).astype(np.uint8)


def pdf(path: Path, page: np.ndarray, count: int) -> Path:
    """A PDF of so many scans, each a JPEG of its own."""
    import pymupdf

    document = pymupdf.open()
    for number in range(count):
        buffer = io.BytesIO()
        moved = np.roll(page, 8 * number, axis=0)
        Image.fromarray(moved).save(buffer, "JPEG", quality=85, dpi=(300, 300))
        sheet = document.new_page(width=595.2, height=595.2 * page.shape[0] / page.shape[1])
        sheet.insert_image(sheet.rect, stream=buffer.getvalue())
    document.save(path)
    return path


class Bench:
    """Inputs and options that the parts share."""

    def __init__(self, folder: Path, weights: str, pages: int, long: int) -> None:
        self.folder, self.weights, self.pages, self.long = folder, weights, pages, long
        self.text = text_page()

    def restore(self, source: Path, weights: str = "", cores: int | None = None) -> Run:
        target = self.folder / "out.pdf"
        words = ["restore", str(source), "-o", str(target), "--force", "-q"]
        return run([*TOOL, *words, "--weights", weights or self.weights], cores)

    def steady(self, page: np.ndarray, count: int, **more: object) -> tuple[float, float, Run, Run]:
        """Seconds and CPU-s of a page more, with the runs of one page and of `count`."""
        one = self.restore(pdf(self.folder / "one.pdf", page, 1), **more)
        many = self.restore(pdf(self.folder / "many.pdf", page, count), **more)
        n = count - 1
        return (many.wall - one.wall) / n, (many.cpu - one.cpu) / n, one, many


def table(bench: Bench) -> Iterator[tuple[str, Callable[[], list[tuple[str, str, str]]]]]:
    yield "text", lambda: text_rows(bench)
    yield "pictures", lambda: picture_rows(bench)
    yield "classical", lambda: classical_rows(bench)
    yield "unpaper", lambda: unpaper_rows(bench)
    yield "published", lambda: published_rows(bench)
    yield "limit", lambda: limit_rows(bench)
    yield "help", help_rows
    yield "memory", lambda: memory_rows(bench)
    yield "cores", lambda: core_rows(bench)
    yield "stages", lambda: stage_rows(bench)


def text_rows(bench: Bench) -> list[tuple[str, str, str]]:
    wall, cpu, one, _ = bench.steady(bench.text, bench.pages)
    return [
        (f"A4 text page, 300 dpi, colour, steady over {bench.pages}",
         f"{wall:.2f} s, {cpu:.2f} CPU-s", "2.0 s, unpaper's CPU-s"),
        ("first page on a cold start, beyond that", f"{one.wall - wall:.2f} s", "1.5 s"),
    ]  # fmt: skip


def picture_rows(bench: Bench) -> list[tuple[str, str, str]]:
    wall, cpu, *_ = bench.steady(picture_page(), max(2, bench.pages // 5))
    return [("A4 page that is one picture", f"{wall:.2f} s, {cpu:.2f} CPU-s", "4.0 s")]


def classical_rows(bench: Bench) -> list[tuple[str, str, str]]:
    wall, cpu, *_ = bench.steady(bench.text, max(2, bench.pages // 4), weights="classical")
    return [("the text page with classical", f"{wall:.2f} s, {cpu:.2f} CPU-s", "peer")]


def unpaper_rows(bench: Bench) -> list[tuple[str, str, str]]:
    if not shutil.which("unpaper"):
        return [("unpaper", "not installed", "peer")]
    gray, out = bench.folder / "gray.pgm", bench.folder / "out.pgm"
    Image.fromarray(bench.text).convert("L").save(gray)
    took = min((run(["unpaper", "--overwrite", str(gray), str(out)]) for _ in range(3)),
               key=lambda r: r.cpu)  # fmt: skip
    return [
        ("the text page in gray with unpaper", f"{took.wall:.2f} s, {took.cpu:.2f} CPU-s", "peer")
    ]


def _network(bench: Bench) -> tuple[object, object]:
    from scanclean import checkpoint
    from scanclean.weights import resolve

    return checkpoint.load(resolve(bench.weights, kinds=(".safetensors",)).path)


def published_rows(bench: Bench) -> list[tuple[str, str, str]]:
    import torch
    import train_step

    from scanclean import backends
    from scanclean.models import kbnet
    from scanclean.weights import resolve

    torch.set_num_threads(1)
    net, _ = _network(bench)
    kbnet.kernel_basis = train_step.plain
    tile = bench.text[1000:1256, 800:1056].transpose(2, 0, 1)[None] / np.float32(255)
    ours = backends.open_backend(resolve(bench.weights, kinds=(".onnx",)).path)
    with torch.no_grad():
        slow = best(lambda: net(torch.from_numpy(tile)), 3)
        theirs = net(torch.from_numpy(tile)).numpy()
    fast = best(lambda: ours(tile), 8)
    off = np.abs(np.clip(theirs, 0, 1) - np.clip(ours(tile), 0, 1)).max() * 255
    said = f"{slow / fast:.1f} times faster, {off:.2f} levels apart"
    what = "a tile of 256 against the published formulation in PyTorch, CPU-s"
    return [(what, said, "8 times, 1 level")]


def limit_rows(bench: Bench) -> list[tuple[str, str, str]]:
    from scanclean import backends
    from scanclean.models._cost import macs
    from scanclean.weights import resolve

    net, spec = _network(bench)
    side = 512
    ours = backends.open_backend(resolve(bench.weights, kinds=(".onnx",)).path)
    tile = np.random.default_rng(0).random((1, spec.channels, side, side), dtype=np.float32)
    took = best(lambda: ours(tile), 6)
    rate = 2 * macs(net, spec.channels) * side * side / took / 1e9
    peak = matrix_rate()
    return [("share of the fp32 limit in the network, one core",
             f"{rate / peak:.0%} ({rate:.0f} of {peak:.0f} GFLOP/s)", "65 %")]  # fmt: skip


def matrix_rate(size: int = 1024) -> float:
    """GFLOP/s of a float32 matrix product, in a CPU second."""
    a = np.random.default_rng(0).random((size, size), dtype=np.float32)
    return 2 * size**3 / best(lambda: a @ a, 10) / 1e9


def best(work: Callable[[], object], count: int) -> float:
    """Least CPU seconds of a call, all threads together."""
    work()
    took = []
    for _ in range(count):
        begin = time.process_time()
        work()
        took.append(time.process_time() - begin)
    return min(took)


def help_rows() -> list[tuple[str, str, str]]:
    walls = [run([*TOOL, "--help"]).wall for _ in range(5)]
    return [("scanclean --help", f"{min(walls):.2f} s", "0.35 s")]


def memory_rows(bench: Bench) -> list[tuple[str, str, str]]:
    rows = []
    for count in (bench.pages, bench.long):
        if count:
            took = bench.restore(pdf(bench.folder / "long.pdf", bench.text, count))
            said = f"{took.peak_mb:.0f} MB, {took.wall / count:.2f} s a page"
            rows.append((f"peak memory, {count} pages of A4", said, "700 MB, the same for both"))
    half = bench.text[: len(bench.text) // 2]
    whole, part = (bench.steady(page, 4)[1] for page in (bench.text, half))
    rows.append(("CPU-s of twice the pixels", f"{whole / part:.2f} times", "2"))
    return rows


def core_rows(bench: Bench) -> list[tuple[str, str, str]]:
    if len(os.sched_getaffinity(0)) < 2:
        return [("2 cores against 1", "one core here", "1.8 times")]
    one, two = (bench.steady(bench.text, 4, cores=n)[0] for n in (1, 2))
    return [("2 cores against 1", f"{one / two:.2f} times", "1.8 times")]


def stage_rows(bench: Bench) -> list[tuple[str, str, str]]:
    from scanclean import backends
    from scanclean.codecs import jpeg
    from scanclean.fidelity import guard
    from scanclean.paper import bare, evened, examine
    from scanclean.restorer import Restorer
    from scanclean.weights import resolve

    page = bench.text
    network = backends.open_backend(resolve(bench.weights, kinds=backends.kinds("auto")).path)
    restorer = Restorer(network, use_guard=False)
    paper = examine(page)
    even = evened(page, paper)
    cleaned = restorer(page)
    buffer = io.BytesIO()
    Image.fromarray(page).save(buffer, "JPEG", quality=85)
    paths = {
        "decode": lambda: Image.open(io.BytesIO(buffer.getvalue())).load(),
        "paper": lambda: bare(evened(page, examine(page)), paper),
        "paper and network": lambda: restorer(page),
        "guard": lambda: guard(page, cleaned, paper=paper),
        "encode": lambda: jpeg.encode(cleaned, 80),
    }
    blank = bare(even, paper).mean()
    rows = [(f"  stage: {name}", f"{best(work, 2):.2f} CPU-s", "") for name, work in paths.items()]
    return [*rows, ("  bare paper", f"{blank:.0%} of the page", "")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="scanclean")
    parser.add_argument("--pages", type=int, default=20)
    parser.add_argument("--long", type=int, default=0, help="pages of a second memory test, 500")
    parser.add_argument("--only", default="", help="parts, divided by commas")
    given = parser.parse_args()
    wanted = set(filter(None, given.only.split(",")))
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), given.weights, given.pages, given.long)
        print(f"{_process.load()}\n")
        print("| what | today | target |\n|---|---|---|")
        for name, part in table(bench):
            if not wanted or name in wanted:
                for what, today, target in part():
                    print(f"| {what} | {today} | {target} |", flush=True)


if __name__ == "__main__":
    main()
