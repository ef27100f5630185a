"""^C and a page's time limit amid a page of many tiles, with an engine that counts its tiles."""

import signal
import subprocess
import sys

import pytest
from PIL import Image

from scanclean.errors import ExitCode

COUNTING = """
import os, signal, sys, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by what a shell runs with "&"
from pathlib import Path
from scanclean import restoration
from scanclean.cli import main
from scanclean.engine import Engine
from scanclean.restorer import Restorer
from scanclean.spec import ModelSpec

count, at, number, *words = sys.argv[1:]
waiting = [int(number)] if int(number) else []
lock = threading.Lock()  # of two tiles at once none may miss the moment, and one sends the signal

class Slow:
    spec = ModelSpec("slow", tile=64, overlap=8)
    device, name, precision, lanes = "cpu", "slow", "fp32", 2

    def __call__(self, tiles):
        with open(count, "a") as file:
            file.write(".")
        with lock:
            if waiting and Path(count).stat().st_size >= int(at):
                os.kill(os.getpid(), waiting.pop())
        time.sleep(0.02)
        return tiles * 0.9

restorer = Restorer(Slow())
restoration.open_engine = lambda options: Engine(restorer.clean, restorer.close)
sys.exit(main(words))
"""
MANY = 80
"""A page has more tiles than this."""
FEW = 40
"""Far more than can begin while a signal is on its way."""


@pytest.fixture
def counting(tmp_path):
    """counting(*words, at, number) -> (finished process, tiles): kills itself at that tile."""
    (tmp_path / "aside").mkdir()

    def call(*words, at=0, number=0):
        count = tmp_path / "aside/count"
        count.write_text("")
        command = [sys.executable, "-c", COUNTING, count, str(at), str(int(number)), *words]
        done = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, timeout=120, check=False
        )
        return done, count.stat().st_size

    return call


@pytest.fixture
def source(tmp_path, noise):
    """Two frames of many tiles."""
    (tmp_path / "in").mkdir()
    frames = [Image.fromarray(noise(500, 600, seed=n)) for n in range(2)]
    frames[0].save(tmp_path / "in/in.tif", save_all=True, append_images=frames[1:])
    return tmp_path / "in/in.tif"


@pytest.fixture
def out(tmp_path):
    """A folder with an old output in it."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out/o.tif").write_text("old")
    return tmp_path / "out"


@pytest.mark.parametrize("more", [[], ["--resume"]], ids=["plain", "resume"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["^C", "kill"])
def test_interrupted_amid_a_page_it_ends_at_the_next_tile(counting, source, out, number, more):
    words = ["restore", source, "-o", out / "o.tif", "--force", "--jobs", "2", *more]
    done, tiles = counting(*words, at=5, number=number)
    assert done.returncode == ExitCode.INTERRUPTED, done.stderr
    assert "nothing half-written" in done.stderr and "Traceback" not in done.stderr
    assert ("the same command goes on" in done.stderr) == ("--resume" in more)
    assert tiles < FEW
    assert [p.name for p in out.iterdir()] == ["o.tif"] and (out / "o.tif").read_text() == "old"


def test_the_time_limit_of_a_page_ends_it_at_the_next_tile(counting, source, out):
    words = ["restore", source, "-o", out / "new.tif", "--jobs", "1", "--page-timeout", "0.15"]
    done, tiles = counting(*words)
    assert done.returncode == ExitCode.PARTIAL, done.stderr
    assert done.stderr.count("took longer than 0.15 seconds") == 2
    assert tiles < 2 * FEW, "of two pages"


def test_left_alone_it_sees_all_tiles(counting, source, out):
    done, tiles = counting("restore", source, "-o", out / "new.tif", "--jobs", "2")
    assert done.returncode == 0 and tiles > 2 * MANY, done.stderr
