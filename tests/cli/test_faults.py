"""What the surroundings can do to a run: no room, no rights, files that vanish, others at work."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from scanclean.cli._app import _is_no_memory
from scanclean.cli._app import run as run_app
from scanclean.config import StoreOptions
from scanclean.errors import ExitCode, InputError
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


def test_no_room_for_the_state_alone_does_not_end_the_job(run, png, tmp_path):
    run("restore", png, "-o", tmp_path / "whole.png", *CLASSICAL)
    # The picture fits, but not with the head that it has in the journal.
    with room_for((tmp_path / "whole.png").stat().st_size + 100):
        code, _, err = run("restore", png, "-o", tmp_path / "o.png", "--resume", *CLASSICAL)
    assert code == 0 and "could not be kept" in err, err
    assert (tmp_path / "o.png").read_bytes() == (tmp_path / "whole.png").read_bytes()
    assert everything(tmp_path) == {"scan.png", "whole.png", "o.png"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_without_rights(run, png, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o555)
    for more in ([], ["--resume"]):
        code, _, err = run("restore", png, "-o", tmp_path / "closed/o.png", *CLASSICAL, *more)
        assert code == ExitCode.OUTPUT and "denied" in err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write anywhere")
def test_what_is_closed_is_told_before_the_work(run, png, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o555)
    words = ["restore", png, "-o", tmp_path / "o.png", *CLASSICAL]
    for option in ("--json", "--compare"):
        code, _, err = run(*words, option, tmp_path / "closed" / "x.html")
        assert code == ExitCode.OUTPUT and "denied" in err and not (tmp_path / "o.png").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write anywhere")
def test_a_folder_that_cannot_be_looked_into_is_missed(run, png, tmp_path):
    (tmp_path / "in" / "closed").mkdir(parents=True)
    shutil.copy(png, tmp_path / "in")
    (tmp_path / "in" / "closed").chmod(0)
    code, _, err = run("restore", tmp_path / "in", "-o", tmp_path / "out", *CLASSICAL)
    assert code == ExitCode.INPUT and "closed" in err and "1 of 2" in err


class AfterOnePage:
    """Progress that does something to the input as soon as the first page is done."""

    def __init__(self, change: Callable[[], object]) -> None:
        self._change = change
        self._done = False

    def start(self, total: int, unit: str) -> None:
        pass

    def advance(self, n: int = 1) -> None:
        if not self._done:
            self._done = True
            self._change()


@pytest.mark.parametrize("kind", ["pdf", "tif"])
def test_input_that_vanishes_was_opened_already(request, tmp_path, kind):
    source = request.getfixturevalue(kind)
    whole, out = tmp_path / f"whole.{kind}", tmp_path / f"o.{kind}"
    restore(source, whole, weights="classical", jobs=1)
    restore(source, out, weights="classical", jobs=1, progress=AfterOnePage(source.unlink))
    assert not source.exists() and out.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("kind", ["pdf", "tif"])
def test_input_that_is_replaced_by_another_was_opened_already(request, tmp_path, kind):
    source = request.getfixturevalue(kind)
    whole, out, other = (tmp_path / f"{name}.{kind}" for name in ("whole", "o", "other"))
    other.write_text("somebody else's")
    restore(source, whole, weights="classical", jobs=1)
    change = partial(other.replace, source)
    restore(source, out, weights="classical", jobs=1, progress=AfterOnePage(change))
    assert source.read_text() == "somebody else's" and out.read_bytes() == whole.read_bytes()


CHANGES = {
    "emptied": lambda path: os.truncate(path, 0),
    "cut off": lambda path: os.truncate(path, path.stat().st_size // 2),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"more"),
    "other bytes": lambda path: path.write_bytes(path.read_bytes()[::-1]),
}


@pytest.mark.parametrize("output", ["o", "old", "%d", "in"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("kind", ["pdf", "tif"])
def test_input_that_is_written_to_gives_no_mixture(request, tmp_path, kind, change, output):
    source = request.getfixturevalue(kind)
    out = tmp_path / f"{output}.{'png' if output == '%d' else kind}"
    (tmp_path / f"old.{kind}").write_text("old")
    before = everything(tmp_path)
    store = StoreOptions(force=output == "old")
    with pytest.raises(InputError, match=f"in.{kind}: was changed while it was read"):
        restore(source, out, weights="classical", jobs=1, store=store,
                progress=AfterOnePage(partial(change, source)))  # fmt: skip
    assert everything(tmp_path) == before and (tmp_path / f"old.{kind}").read_text() == "old"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("output", ["o.pdf", "o.png", "out/"])
def test_named_pipe_is_refused_before_it_is_waited_for(run, tmp_path, output):
    os.mkfifo(tmp_path / "pipe.pdf")  # nobody writes to it: opening it would never end
    code, _, err = run("restore", tmp_path / "pipe.pdf", "-o", f"{tmp_path}/{output}", *CLASSICAL)
    assert code == ExitCode.INPUT
    assert "pipe.pdf: is a pipe" in err and "restore - ..." in err


@pytest.mark.parametrize("long", ["input", "output"])
def test_a_name_that_is_too_long_is_told(run, png, long):
    name = "a" * 300 + ".png"
    words = [name, "-o", "o.png"] if long == "input" else [png, "-o", name]
    code, _, err = run("restore", *words, *CLASSICAL)
    assert code == ExitCode.USAGE and "name too long" in err and "stdout" not in err


def test_input_that_is_gone_does_not_keep_others_from_being_restored(run, png, tmp_path):
    (tmp_path / "in").mkdir()
    png.rename(tmp_path / "in/a.png")
    (tmp_path / "in/b.png").symlink_to(tmp_path / "gone.png")  # as one that has just vanished
    shutil.copyfile(tmp_path / "in/a.png", tmp_path / "in/c.png")
    inputs = [tmp_path / f"in/{name}.png" for name in "abc"]
    code, _, err = run("restore", *inputs, "-o", tmp_path / "out/", *CLASSICAL)
    assert code == ExitCode.INPUT and "b.png: no such file" in err
    assert "1 of 3 documents failed" in err.splitlines()[-1]
    assert everything(tmp_path / "out") == {"a.png", "c.png"}


def test_page_that_takes_too_long_is_copied(run, noise, tmp_path):
    Image.fromarray(noise(700, 500)).save(tmp_path / "in.png")
    code, _, err = run(
        "restore", tmp_path / "in.png", "-o", tmp_path / "o.png", "--tile", 64,
        "--page-timeout", 0.001,
    )  # fmt: skip
    assert code == ExitCode.PARTIAL and "took longer than 0.001 seconds" in err
    assert (tmp_path / "o.png").read_bytes() == (tmp_path / "in.png").read_bytes()


@pytest.mark.parametrize("command", ["train", "export", "prune", "study"])
def test_without_the_extra_its_name_is_told(command, tmp_path):
    words = {"export": ["scanclean", "-o", "x.onnx"], "prune": ["--dsd"]}.get(command, ["data"])
    code = (
        "import sys; sys.modules['torch'] = None\nfrom scanclean.cli import main; sys.exit(main())"
    )
    given = [sys.executable, "-c", code, command, *words]
    done = subprocess.run(given, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == ExitCode.DEVICE, done.stderr
    assert "pip install" in done.stderr and "Traceback" not in done.stderr


HANGING = """
import sys, threading
from scanclean import documents, restoration
from scanclean.cli import _app
from scanclean.config import ReadOptions, StoreOptions
from pathlib import Path

source, target = map(Path, sys.argv[1:])

def clean(pixels):
    threading.Event().wait()  # as a library that never comes back

def command(words, **settings):
    with documents.open_document(source, "in", ReadOptions()) as document:
        with documents.create(target, document, ".pdf", StoreOptions()) as writer:
            treatment = restoration.Treatment(clean, patience=0.2)
            restoration.restore_document(document, writer, treatment)

_app.build = lambda: command
sys.exit(_app.run([]))
"""


def test_page_that_hangs_ends_the_process(pdf, tmp_path):
    words = [sys.executable, "-c", HANGING, pdf, tmp_path / "o.pdf"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == ExitCode.DEVICE, done.stderr
    assert "page 1 does not come to an end" in done.stderr and "Traceback" not in done.stderr
    assert everything(tmp_path) == {"in.pdf"}


def test_killed_at_random_moments():
    """A few of the kills of tests/bench/kills.py."""
    done = subprocess.run(
        [sys.executable, BENCH / "kills.py", "5", "classical"],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and "0 broken" in done.stdout, done.stdout + done.stderr


KILLED = """
import os, signal, sys
from scanclean import restoration
from scanclean.cli import main

def killed(*args):  # when the output has been begun
    os.kill(os.getpid(), signal.SIGKILL)

restoration.restore_document = killed
main(sys.argv[1:])
"""


@pytest.mark.parametrize("output", ["out/o.png", "out/", "out/o.pdf"])
def test_what_a_killed_run_has_left_is_named_by_the_next(run, png, tmp_path, output):
    words = ["restore", png, "-o", f"{tmp_path}/{output}", *CLASSICAL]
    command = [sys.executable, "-c", KILLED, *map(str, words)]
    assert subprocess.run(command, check=False, timeout=60).returncode == -signal.SIGKILL
    (left,) = (tmp_path / "out").iterdir()
    assert left.suffix == ".tmp"
    code, _, err = run(*words)
    assert code == 0 and f"delete them: {left.name}" in err
    left.unlink()
    assert "delete them" not in run(*words, "--force")[2]


def test_too_little_memory_is_no_bug(png, tmp_path):
    """Whatever the limit: a result, too little memory (6), or pages copied (9).

    All libraries are loaded before: one in Rust that is refused memory while it is loaded ends the
    process, and Python has no say.
    """
    script = (
        "import resource, sys; from scanclean.cli import main, _restore; import pymupdf, PIL.Image;"
        "main(['restore', '--help']);"
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


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (OSError(errno.ENOMEM, "Cannot allocate memory", "a folder of modules"), True),
        (ImportError("lib.so: failed to map segment from shared object"), True),
        (SystemError("<built-in> returned NULL without setting an exception"), True),
        (OSError(errno.EIO, "Input/output error"), False),
        (ImportError("No module named 'nothing'"), False),
        (ValueError("a value without a meaning"), False),
        (None, False),
    ],
)
def test_memory_that_is_refused_goes_by_many_names(error, refused):
    """Where the limit strikes is chance: `ENOMEM` while a library loads was once called a bug."""
    assert _is_no_memory(error) is refused


def test_memory_that_is_refused_while_writing_is_no_fault_of_the_output(png, capfd, monkeypatch):
    def refuse(fd, *_, **__):
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(os, "fdopen", refuse)
    assert run_app(["restore", str(png), "-o", "-", *CLASSICAL]) == ExitCode.DEVICE
    monkeypatch.undo()
    assert "not enough memory" in capfd.readouterr().err
