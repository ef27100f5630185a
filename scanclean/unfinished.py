"""What a run leaves for the one that goes on where it was cut off (`--resume`).

Beside the output lies a hidden folder, for as long as the output is made:

    .scanclean-0123456789ab.resume/
        journal     finished pages, and at the end what the output is
        work/       the output itself, until it is whole

A page is taken over only if input, settings, weights, program and libraries are the same, if its
pixels are decoded to the same values again, and if its entry is undamaged. So the result has the
bytes of a run that nobody disturbed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import platform
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Self

from scanclean import __version__
from scanclean.atomic import output_error, publish, refuse_existing
from scanclean.config import RestoreOptions
from scanclean.documents import Encoded, Source, payloads, suffixes
from scanclean.errors import OutputError
from scanclean.fidelity import Ink
from scanclean.jobs import NUMBERED, Job
from scanclean.journal import Journal, JournalInUse
from scanclean.packing import pack, unpack
from scanclean.page import Kept, Page, fingerprint

LIBRARIES = ("numpy", "onnxruntime", "pillow", "pymupdf", "torch")
"""Packages whose version may decide about bytes."""


@dataclass(frozen=True)
class Outcome:
    """What became of a page, before it is put in its place."""

    kept: Kept | None = None
    """It goes through as it came."""
    encoded: Encoded | None = None
    """It was cleaned."""
    ink: Ink | None = None
    """What the guard found."""
    warnings: tuple[str, ...] = ()
    """What a user should know."""
    seconds: float = 0.0
    """Time it took."""


@dataclass(frozen=True)
class Done:
    """What an output is, written down when it is whole and before it appears."""

    input: str
    """Digest of the input."""
    files: tuple[tuple[str, str], ...]
    """Name and digest of each file."""
    report: bytes
    """The packed report."""


def identity(options: RestoreOptions, about: Mapping[str, str]) -> bytes:
    """Everything beside the input that decides about the bytes of the output.

    Args:
        options: all settings.
        about: what the engine says about itself, with the hash of its weights.
    """
    settings = replace(
        options,
        weights=about.get("sha256") or options.weights,
        device="auto",  # what it came to is in `about`
        backend="auto",
        precision="auto",
        jobs=0,
        offline=False,
        resume=False,
        page_timeout=0,
        read=replace(options.read, password=None),
        store=replace(options.store, force=False),
    )
    ran = sorted((key, about.get(key, "")) for key in ("device", "backend", "precision"))
    return repr((__version__, _versions(), platform.machine(), settings, ran)).encode()


def _versions() -> list[str]:
    found = []
    for name in LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found.append(f"{name} {metadata.version(name)}")
    return found


def digest_of(source: Source) -> str:
    """SHA-256 of a document's bytes, in hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Memory:
    """Finished pages of one input in a journal. Calls may come from several threads.

    Args:
        journal: holds them.
        source: digest of the input's bytes and, where that matters, the kind of output.
        secret: the input is locked, so that nothing of its pages may be written down.
    """

    def __init__(self, journal: Journal, source: str, *, secret: bool = False) -> None:
        self.recalled: list[str] = []
        """Keys of pages that were taken over."""
        self._journal, self._source, self._secret = journal, source, secret

    def recall(self, key: str) -> Outcome | None:
        """What became of a page in an earlier run; None if that is not known for certain."""
        data = self._journal.get(key)
        if data is None:
            return None
        try:
            found = unpack(data, Outcome, (Encoded, Ink, Kept, *payloads()))
        except ValueError:
            return None
        self.recalled.append(key)
        return found

    def keep(self, key: str, outcome: Outcome) -> None:
        """Write down what became of a page, if it went as it always would."""
        copied = outcome.kept is not None and outcome.kept.action == "copied"
        if not (self._secret or copied or outcome.warnings):
            self._journal.add(key, pack(outcome))

    def key(self, position: int, page: Page) -> str:
        """Name of a scan: its place among the scans of the input, and its pixels."""
        return f"{self._source} {position} {fingerprint(page.pixels).hex()}"


class State:
    """The hidden folder beside one output. Close it, or `finish` it when the output is there.

    Args:
        place: folder of the output.
        name: name of the output.
        identity: see `identity`.

    Raises:
        OutputError: it cannot be made, or another run is at work on this output.
    """

    def __init__(self, place: Path, name: str, identity: bytes) -> None:
        self.place = place
        """Folder of the output."""
        short = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:12]
        self._folder = place / f".scanclean-{short}.resume"
        self.work = self._folder / "work"
        """Folder in which the output is made."""
        try:
            place.mkdir(parents=True, exist_ok=True)
            self._folder.mkdir(mode=0o700, exist_ok=True)
            if not stat.S_ISDIR(self._folder.lstat().st_mode):
                raise NotADirectoryError(errno.ENOTDIR, "is a link", str(self._folder))
            self.journal = Journal(self._folder / "journal", identity)
            if self.work.exists():  # of a run that was cut off; its pages are in the journal
                shutil.rmtree(self.work)
            self.work.mkdir(mode=0o700)
        except JournalInUse as error:
            raise OutputError(
                f"{place / name}: another run with --resume is at work on it",
                hint="wait until it has ended",
            ) from error
        except OSError as error:
            raise output_error(place / name, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Leave what a later run can use; nothing if there is nothing of use."""
        if not len(self.journal):
            self.finish()
            return
        shutil.rmtree(self.work, ignore_errors=True)
        self.journal.close()

    def finish(self) -> None:
        """Remove everything: the output is there."""
        with contextlib.suppress(OSError):
            shutil.rmtree(self.work, ignore_errors=True)
            self.journal.path.unlink(missing_ok=True)
            self._folder.rmdir()
        self.journal.close()

    def deliver(self, source: str, report: bytes, *, force: bool) -> Done:
        """Let the files in `work` appear.

        First it is written down what they are: a run that is cut off on the way can then be told
        from one in which somebody else made files of these names.

        Raises:
            OutputError: a file exists, and is not to be replaced; none appears then.
        """
        made = sorted(path for path in self.work.iterdir() if path.is_file())
        done = Done(source, tuple((path.name, digest_of(path)) for path in made), report)
        try:
            self.journal.add("done", pack(done))
            new = [
                path
                for path, (_, digest) in zip(made, done.files, strict=True)
                if not has_digest(self.place / path.name, digest)
            ]
            for path in new:
                refuse_existing(self.place / path.name, force=force)
            for path in new:
                publish(path, self.place / path.name, force=force)
        except OSError as error:
            raise output_error(self.place, error) from error
        return done


def finished(journal: Journal, key: str) -> Done | None:
    """What is written down about an output that was whole; it may not have appeared yet."""
    with contextlib.suppress(ValueError):
        return unpack(journal.get(key) or b"", Done, ())
    return None


def is_there(done: Done, place: Path, source: str, *, in_place: bool) -> bool:
    """Whether an output is what a run made from this input.

    Args:
        done: what was written down.
        place: folder of the output.
        source: digest of the input.
        in_place: the output has taken the place of the input.
    """
    outputs = [digest for _, digest in done.files]
    if source != done.input and not (in_place and [source] == outputs):
        return False
    return all(has_digest(place / name, digest) for name, digest in done.files)


def has_digest(path: Path, digest: str) -> bool:
    """Whether a file is there and has these bytes."""
    try:
        return digest_of(path) == digest
    except OSError:
        return False


def place_of(job: Job) -> Path:
    """The folder in which a job's files appear."""
    assert job.target is not None
    if not job.numbered:
        return job.target.parent
    pattern = NUMBERED.search(job.target.name) and job.target.suffix.lower() in suffixes()
    return job.target.parent if pattern and not job.target.is_dir() else job.target


def staged(job: Job, work: Path) -> Job:
    """The same job with its files in another folder."""
    assert job.target is not None
    return replace(job, target=work if place_of(job) == job.target else work / job.target.name)
