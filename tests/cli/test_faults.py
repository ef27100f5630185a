"""What the surroundings can do to a run: no room, no rights, files that vanish, others at work."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from scanclean.errors import ExitCode
from scanclean.restoration import restore

resource = pytest.importorskip("resource")
CLASSICAL = ["--weights", "classical", "--jobs", "1"]
BENCH = Path(__file__).parents[1] / "bench"


def everything(folder):
    return {str(p.relative_to(folder)) for p in folder.rglob("*")}


@contextmanager
def room_for(size: int):
    """No file may grow beyond so many bytes: as a full disk, but for anyone."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.fixture
def tif(tmp_path):
    frames = [Image.effect_noise((200, 150), 9 + n).convert("L") for n in range(3)]
    frames[0].save(tmp_path / "in.tif", save_all=True, append_images=frames[1:])
    return tmp_path / "in.tif"


FULL = {
    "pdf": ("pdf", "o.pdf"),
    "pictures": ("pdf", "out/%d.png"),
    "picture": ("png", "o.png"),
    "frames": ("tif", "o.tif"),
    "new pdf": ("png", "o.pdf"),
    "in place": ("pdf", "in.pdf"),
}


@pytest.mark.parametrize("more", [[], ["--resume"]], ids=["plain", "resume"])
@pytest.mark.parametrize(("kind", "output"), FULL.values(), ids=FULL)
def test_no_room(run, request, tmp_path, kind, output, more):
    source = request.getfixturevalue(kind)
    (tmp_path / "out").mkdir()
    before, data = everything(tmp_path), source.read_bytes()
    words = ["restore", source, "-o", tmp_path / output, *CLASSICAL, *more]
    with room_for(2500):
        code, _, err = run(*words)
    assert code == ExitCode.OUTPUT and "cannot be written" in err and "larger than" in err
    assert everything(tmp_path) == before and source.read_bytes() == data
    assert run(*words)[0] == 0, "and with room it goes on"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_without_rights(run, png, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o555)
    for more in ([], ["--resume"]):
        code, _, err = run("restore", png, "-o", tmp_path / "closed/o.png", *CLASSICAL, *more)
        assert code == ExitCode.OUTPUT and "denied" in err


class Removing:
    """Progress that removes the input as soon as the first page is done."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def start(self, total: int, unit: str) -> None:
        pass

    def advance(self, n: int = 1) -> None:
        self._path.unlink(missing_ok=True)


@pytest.mark.parametrize("kind", ["pdf", "tif"])
def test_input_that_vanishes_was_opened_already(request, tmp_path, kind):
    source = request.getfixturevalue(kind)
    whole, out = tmp_path / f"whole.{kind}", tmp_path / f"o.{kind}"
    restore(source, whole, weights="classical", jobs=1)
    restore(source, out, weights="classical", jobs=1, progress=Removing(source))
    assert not source.exists() and out.read_bytes() == whole.read_bytes()


def test_killed_at_random_moments():
    """A few of the kills of tests/bench/kills.py."""
    done = subprocess.run(
        [sys.executable, BENCH / "kills.py", "5", "classical"],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and "0 broken" in done.stdout, done.stdout + done.stderr


def test_too_little_memory_is_no_bug(png, tmp_path):
    """Whatever the limit: a result, too little memory (6), or pages copied (9)."""
    script = (
        "import resource, sys; from scanclean.cli import main, _restore; import pymupdf, PIL.Image;"
        "size = int(open('/proc/self/statm').read().split()[0]) * 4096 + int(sys.argv[1]);"
        "resource.setrlimit(resource.RLIMIT_AS, (size, size)); sys.exit(main(sys.argv[2:]))"
    )
    Image.effect_noise((1800, 1500), 30).save(tmp_path / "large.png")
    for spare in (8_000_000, 40_000_000):
        done = subprocess.run(
            [sys.executable, "-c", script, str(spare), "restore", tmp_path / "large.png",
             "-o", tmp_path / "o.png", "--force", *CLASSICAL],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode in (0, 6, 9), (spare, done.returncode, done.stderr)
