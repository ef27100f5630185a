"""Fetch one file over HTTP: resumed, checked as it streams in, and never half there.

While it comes, `NAME.part` holds the bytes and `NAME.part.tag` the server's word for that version
of the file, without which the rest of another version could be appended to it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.client
import io
import logging
import os
import re
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from scanclean._weightfile import flaw, is_web_page, quarantine, reason
from scanclean.errors import WeightsError
from scanclean.progress import SILENT, Progress

logger = logging.getLogger(__name__)

_CHUNK = 1 << 16
_WORTH_ANOTHER_TRY = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class Policy:
    """How patient a download is."""

    attempts: int = 4
    """How often a request is made before giving up."""
    timeout_s: float = 30.0
    """Silence of the server, in seconds, after which an attempt has failed."""
    backoff_s: float = 1.0
    """Wait before the second attempt, in seconds; each further wait is twice as long."""
    sleep: Callable[[float], None] = time.sleep
    """How to wait."""


@dataclass(frozen=True)
class Job:
    """What to fetch, where it goes, and how to know that it is right."""

    name: str
    """What the user calls it."""
    url: str
    """Where it comes from, http or https."""
    target: Path
    """The file to make; its suffix says what kind of weights it must be."""
    sha256: str | None
    """What its checksum must be; None: not known."""
    limit: int
    """More bytes than this cannot be right."""
    hint: str
    """What to do when it fails."""


class _Transient(Exception):  # noqa: N818 - not an error yet
    """An attempt failed in a way that another one may not."""


def fetch(
    job: Job, *, resume: bool = True, progress: Progress = SILENT, policy: Policy | None = None
) -> str:
    """Download a file, check it, and only then give it its name.

    Proxies are taken from the environment (`https_proxy`, `no_proxy`, ...).

    Args:
        job: what to fetch.
        resume: go on with what an earlier attempt left; only for the holder of the lock.
        progress: told of bytes; started anew with each attempt.
        policy: how patient to be.

    Returns:
        SHA-256 of the file.

    Raises:
        WeightsError: it cannot be had, is not what it should be, or cannot be stored.
    """
    policy = policy or Policy()
    part = _part(job, resume=resume)
    resumed = part.state()[0] > 0
    try:
        digest = _try_often(job, part, progress, policy)
        wrong = _wrong(job, part, digest)
        if wrong and resumed:  # the old bytes may be the bad ones
            part.discard()
            digest = _try_often(job, part, progress, policy)
            wrong = _wrong(job, part, digest)
        if wrong:
            done = quarantine(part.path, job.target)
            part.discard()
            raise WeightsError(
                f"{job.name}: what {job.url} sent is not right: {wrong}; {done}", hint=job.hint
            )
        part.publish()
    finally:
        if not resume:
            part.discard()
    return digest


@contextmanager
def exclusive(target: Path) -> Iterator[bool]:
    """Wait until no other process or thread makes `target`, and keep them out.

    The folder of `target` is made. A lock dies with its holder; the empty lock file stays, because
    removing it would let two processes lock two different files of one name.

    Returns:
        False where the disk knows no locks: then nothing shared may be written but by a rename.

    Raises:
        WeightsError: the folder cannot be written to.
    """
    with _storing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        file = target.with_name(f".{target.name}.lock").open("ab")
    with file:
        yield _lock(file)


def _lock(file: IO[bytes]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            while True:
                try:
                    msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
                    return True
                except OSError as error:
                    if error.errno != errno.EDEADLK:  # which says "waited for ten seconds"
                        raise
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
    except OSError as error:
        logger.debug("no lock on %s: %s", file.name, error)
        return False
    return True


@contextmanager
def _storing(target: Path) -> Iterator[None]:
    """Turn a failure to write into the cache folder into the words of a user."""
    try:
        yield
    except OSError as error:
        raise WeightsError(
            f"{target.parent}: cannot store {target.name} here: {reason(error)}",
            hint="choose another cache folder with SCANCLEAN_CACHE=FOLDER",
        ) from error


class _Sink:
    """A file that is being filled, and the hash of all that is in it."""

    def __init__(self, file: io.FileIO, target: Path) -> None:
        self.file, self.target = file, target
        self.digest = hashlib.sha256()
        self.size = 0
        while chunk := file.read(_CHUNK):  # what an earlier attempt left
            self.digest.update(chunk)
            self.size += len(chunk)

    def take(self, data: bytes) -> None:
        """Append `data`."""
        self.digest.update(data)
        self.size += len(data)
        rest = memoryview(data)
        with _storing(self.target):
            while rest:
                rest = rest[self.file.write(rest) :]


@dataclass(frozen=True)
class _Part:
    """What has arrived so far."""

    path: Path
    target: Path

    @property
    def tag_path(self) -> Path:
        return self.path.with_name(self.path.name + ".tag")

    def state(self) -> tuple[int, str]:
        """Bytes that can be kept, and the version of the file that they belong to."""
        try:
            tag = self.tag_path.read_text("latin-1").strip()
            return (self.path.stat().st_size, tag) if tag else (0, "")
        except OSError:
            return 0, ""

    @contextmanager
    def open(self, *, keep: bool, tag: str) -> Iterator[_Sink]:
        """Open it for more bytes; unless `keep`, it starts empty, as the version `tag`."""
        with _storing(self.target):
            if not keep:
                self.path.write_bytes(b"")  # before the tag: old bytes never get a new tag
                self.tag_path.write_text(tag, "latin-1")
            # Unbuffered, so that a full disk shows in the write and not when closing.
            file = io.FileIO(self.path, "r+")
        with file:
            yield _Sink(file, self.target)

    def publish(self) -> None:
        with _storing(self.target):
            with self.path.open("r+b") as file:
                os.fsync(file.fileno())
            self.path.replace(self.target)
        self.discard()

    def discard(self) -> None:
        for path in (self.path, self.tag_path):
            with contextlib.suppress(OSError):
                path.unlink()


def _part(job: Job, *, resume: bool) -> _Part:
    if resume:
        return _Part(job.target.with_name(job.target.name + ".part"), job.target)
    with _storing(job.target):
        handle, name = tempfile.mkstemp(
            prefix=f".{job.target.name}-", suffix=".part", dir=job.target.parent
        )
        os.close(handle)
        path = Path(name)
        path.chmod(0o644)  # mkstemp makes private files
    return _Part(path, job.target)


def _try_often(job: Job, part: _Part, progress: Progress, policy: Policy) -> str:
    failure: Exception | None = None
    for attempt in range(policy.attempts):
        if attempt:
            policy.sleep(policy.backoff_s * 2 ** (attempt - 1))
        try:
            return _attempt(job, part, progress, policy.timeout_s)
        except urllib.error.HTTPError as error:
            error.close()
            failure = _judge(job, part, error)
        except (_Transient, OSError, ValueError, http.client.HTTPException) as error:
            failure = error
        logger.debug("%s: attempt %d: %s", job.url, attempt + 1, failure)
    raise WeightsError(
        f"{job.name}: cannot be downloaded from {job.url}: {_words(failure)}"
        f" ({policy.attempts} attempts)",
        hint=job.hint,
    ) from failure


def _judge(job: Job, part: _Part, error: urllib.error.HTTPError) -> Exception:
    """Give back an answer of the server that may get better; raise for one that will not."""
    if error.code == 416:  # there are no such bytes: what we have is of another file
        part.discard()
    elif error.code not in _WORTH_ANOTHER_TRY:
        raise WeightsError(
            f"{job.name}: cannot be downloaded from {job.url}: {_words(error)}", hint=job.hint
        ) from error
    return error


def _words(error: Exception | None) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        error = error.reason if isinstance(error.reason, Exception) else error
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__


def _attempt(job: Job, part: _Part, progress: Progress, timeout_s: float) -> str:
    """Make one request and append what it brings; return the SHA-256 of the whole file."""
    have, tag = part.state()
    with _request(job.url, have, tag, timeout_s) as response:
        offset = _offset(response, have, part)
        total = _total(response, offset)
        chunk = response.read1(_CHUNK)
        _refuse(job, response, total, chunk if offset == 0 else b"")
        progress.start(total or 0, "byte")
        progress.advance(offset)
        with part.open(keep=offset > 0, tag=_tag(response)) as sink:
            while chunk:
                sink.take(chunk)
                progress.advance(len(chunk))
                if sink.size >= (job.limit if total is None else total):
                    break  # rather than wait for a server that keeps the line open
                chunk = response.read1(_CHUNK)
    if sink.size == 0 or (total is not None and sink.size < total):
        raise _Transient(f"the connection broke after {sink.size:,} of {total or 0:,} bytes")
    return sink.digest.hexdigest()


def _refuse(job: Job, response: http.client.HTTPResponse, total: int | None, start: bytes) -> None:
    """Raise if the answer cannot be the file, before anything of it is stored."""
    if response.headers.get_content_type() == "text/html" or is_web_page(start):
        raise WeightsError(
            f"{job.name}: {job.url} answered with a web page instead of the file",
            hint=f"the login page of a network or a proxy may be in the way; {job.hint}",
        )
    if total is not None and total > job.limit:
        raise WeightsError(
            f"{job.name}: {job.url} offers {total:,} bytes, far more than expected", hint=job.hint
        )


def _request(url: str, have: int, tag: str, timeout_s: float) -> http.client.HTTPResponse:
    headers = {"User-Agent": "scanclean", "Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": tag}
    request = urllib.request.Request(url, headers=headers)
    opener = urllib.request.build_opener(_SafeRedirects)
    response: http.client.HTTPResponse = opener.open(request, timeout=timeout_s)
    return response


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects to the web only, and never from https down to http."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """Make the request that a redirect asks for."""
        scheme = newurl.partition(":")[0].lower()
        if scheme not in ("http", "https") or (req.type == "https" and scheme != "https"):
            raise urllib.error.HTTPError(
                req.full_url, code, f"and an unsafe redirect to {newurl}", headers, fp
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _offset(response: http.client.HTTPResponse, have: int, part: _Part) -> int:
    """Where in the file the answer begins: after what we have, or at the start."""
    if response.status != 206:
        return 0
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    if not have or not found or int(found[1]) != have:
        part.discard()
        raise _Transient("the server sent another part of the file than was asked for")
    return have


def _total(response: http.client.HTTPResponse, offset: int) -> int | None:
    length = response.headers.get("Content-Length", "")
    return offset + int(length) if length.isdecimal() else None


def _tag(response: http.client.HTTPResponse) -> str:
    """What `If-Range` may name: a strong ETag, or else the date of the last change."""
    tag: str = response.headers.get("ETag", "")
    if tag and not tag.startswith("W/"):
        return tag
    return str(response.headers.get("Last-Modified", ""))


def _wrong(job: Job, part: _Part, digest: str) -> str | None:
    """Say what is wrong with the file that has arrived, if anything."""
    if job.sha256 not in (None, digest):
        return f"its SHA-256 is {digest}, not {job.sha256}"
    return flaw(part.path, job.target.suffix)
