"""Weights: the catalogue, where its files are, and having them whole before anybody opens them.

    entries, find          the catalogue: rows of a table
    path_of                where a file is, or would be; never touches the network
    resolve                a name or a file of the user's -> a verified file, downloaded if need be
    pull, verify           the same for the command line: fetch ahead, look at everything
    cache_folder           where downloads live: `SCANCLEAN_CACHE`, or the system's place for caches

Files with a known checksum, all bundled ones included, are verified against the table. Where nobody
published a checksum, the first download is pinned: its SHA-256 is written beside it, and from then
on the file must match. No other module has settings that come from environment variables.
"""

from __future__ import annotations

import contextlib
import difflib
import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from scanclean._weightfile import KINDS, flaw, hash_file, hint_for, quarantine, require_usable
from scanclean.config import CLASSICAL
from scanclean.errors import OutputError, WeightsError
from scanclean.progress import SILENT, Progress

if TYPE_CHECKING:
    from scanclean._download import Policy

__all__ = [
    "BUNDLED_SHA256",
    "CATALOGUE",
    "KINDS",
    "Checked",
    "Entry",
    "Resolved",
    "bundled_folder",
    "cache_folder",
    "entries",
    "find",
    "hash_file",
    "offline_asked",
    "path_of",
    "pull",
    "resolve",
    "verify",
]

logger = logging.getLogger(__name__)

Status: TypeAlias = Literal["good", "pinned", "unpinned", "not downloaded", "damaged"]
"""good: matches the table · pinned: matches its first download · unpinned: whole as far as one can
see, first use will pin it · not downloaded · damaged: must not be used (or a bundled file is gone).
"""


@dataclass(frozen=True)
class Entry:
    """One row of the catalogue."""

    name: str
    """What the user types."""
    summary: str
    """What it is for, in a line."""
    licence: str
    """Under which terms, in a few words."""
    arch: str
    """Name of the module in `scanclean.models`, for files that do not say so themselves."""
    size_mb: float
    """Size of its largest file in 10^6 bytes, about."""
    files: Mapping[str, str]
    """Kind (".onnx", ".safetensors", ".pth") -> file name in the bundled or the cache folder."""
    sha256: Mapping[str, str] = field(default_factory=dict)
    """File name -> checksum, of the files whose checksum is known."""
    url: str | None = None
    """Where its one file comes from; None: the files are bundled."""


@dataclass(frozen=True)
class Resolved:
    """A weights file that may be opened."""

    path: Path
    """The file."""
    sha256: str
    """Its checksum, for the report."""
    entry: Entry | None = None
    """The row of the catalogue that it belongs to; None for a file of the user's own."""
    notices: tuple[str, ...] = ()
    """What the user should be told, a sentence each."""


class Checked(NamedTuple):
    """What `verify` found out about one file."""

    name: str
    """Name of the entry."""
    path: Path
    """Where the file is, or would be."""
    status: Status
    """Whether it may be used."""


BUNDLED_SHA256: Mapping[str, str] = {
    "scanclean-hq.onnx": "b7b1e67fab7d14b4e37ce2f57914a3d42d63abd1dc47bdcd193106b11065f9f3",
    "scanclean-hq.safetensors": "5840b22bbaece93d316ef0c152bda4772f7cecf3035d26720a53a53ca436acc3",
    "scanclean.onnx": "5254ddf8b0c23d2b693a1ff584de7ce484acd3d2e5451f81b375a69c600397c0",
    "scanclean.safetensors": "a16c1c98de8699f364b4c91841ce01376e4379c10191e8afbad2bc432d0e1b27",
}
"""Checksums of the files in `weights/`, one row each, as `sha256sum weights/*` prints them."""

CATALOGUE: tuple[Entry, ...] = (
    Entry(
        name="scanclean",
        summary="the default: text, drawings and pictures on scanned pages, quick on a laptop",
        licence="AGPL-3.0-or-later, as the program",
        arch="kbnet",
        size_mb=2.3,
        files={".onnx": "scanclean.onnx", ".safetensors": "scanclean.safetensors"},
        sha256=BUNDLED_SHA256,
    ),
    Entry(
        name="scanclean-hq",
        summary="a larger network: better on stained pages, up to seven times as long",
        licence="AGPL-3.0-or-later, as the program",
        arch="kbnet",
        size_mb=4.9,
        files={".onnx": "scanclean-hq.onnx", ".safetensors": "scanclean-hq.safetensors"},
        sha256=BUNDLED_SHA256,
    ),
    Entry(
        name="kbnet-sidd",
        summary="KBNet_s for the noise of phone photographs; not for text, minutes for a page",
        licence="none stated by its authors",
        arch="kbnet",
        size_mb=514,
        files={".pth": "kbnet-sidd.pth"},
        url="https://github.com/OpenModelDB/model-hub/releases/download/kbnet/1x-KBNet_sidd.pth",
    ),
    Entry(
        name="kbnet-derain",
        summary="KBNet_l for rain in photographs; not for text, minutes for a page",
        licence="none stated by its authors",
        arch="kbnet",
        size_mb=118,
        files={".pth": "kbnet-derain.pth"},
        url="https://github.com/OpenModelDB/model-hub/releases/download/kbnet/1x-KBNet_derain.pth",
    ),
)

_USABLE = ("good", "pinned", "unpinned")


def entries() -> tuple[Entry, ...]:
    """All rows of the catalogue."""
    return CATALOGUE


def find(name: str) -> Entry:
    """The row called `name`.

    Raises:
        WeightsError: there is none.
    """
    for entry in CATALOGUE:
        if entry.name == name:
            return entry
    if name == CLASSICAL:
        raise WeightsError(
            f"{name}: is a filter, not a network, and has no file",
            hint=f"type: scanclean restore INPUT -o OUTPUT --weights {name}",
        )
    names = [entry.name for entry in CATALOGUE]
    close = difflib.get_close_matches(Path(name).stem, [*names, CLASSICAL], n=2, cutoff=0.5)
    meant = f"did you mean {' or '.join(close)}? " if close else ""
    raise WeightsError(
        f"{name}: there are no weights of that name",
        hint=f"{meant}`scanclean weights list` shows all names; a file is given with its path",
    )


def bundled_folder() -> Path:
    """Folder of the weights that come with the program: in the package, or in the checkout."""
    package = Path(__file__).parent
    installed = package / "_weights"
    return installed if installed.is_dir() else package.parent / "weights"


def cache_folder() -> Path:
    """Folder for downloads: `SCANCLEAN_CACHE`, or the system's place for caches. Not made here."""
    chosen = os.environ.get("SCANCLEAN_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("scanclean", appauthor=False)


def offline_asked() -> bool:
    """Whether `SCANCLEAN_OFFLINE` forbids the network."""
    return os.environ.get("SCANCLEAN_OFFLINE", "").lower() not in ("", "0", "false", "no")


def path_of(name: str, kind: str | None = None) -> Path:
    """Where a file of the catalogue is, or would be after a download.

    Args:
        name: name of an entry.
        kind: suffix of the file wanted; None takes the first that the entry has.

    Raises:
        WeightsError: unknown name, or no file of that kind.
    """
    entry = find(name)
    return _place(entry, _choose(entry, tuple(entry.files) if kind is None else (kind,)))


def resolve(
    name_or_path: str | Path,
    *,
    kinds: Sequence[str] = KINDS,
    offline: bool = False,
    progress: Progress = SILENT,
    policy: Policy | None = None,
) -> Resolved:
    """Give the weights file that the user means, verified; download it if it is not here.

    A name of the catalogue wins over a file or folder that happens to be called the same. A good
    file never touches the network.

    Args:
        name_or_path: name of an entry, or a weights file.
        kinds: suffixes that can be used, the preferred one first.
        offline: never touch the network; `SCANCLEAN_OFFLINE` asks for the same.
        progress: told of the bytes of a download.
        policy: patience of a download.

    Raises:
        WeightsError: unknown, missing, damaged, of no use here, or not to be had.
    """
    text = str(name_or_path)
    known = any(entry.name == text for entry in CATALOGUE)
    if isinstance(name_or_path, Path) or (not known and _is_path(text)):
        path = Path(name_or_path)
        require_usable(path, kinds)
        return Resolved(path, hash_file(path))
    entry = find(text)
    suffix = _choose(entry, kinds)
    look = _look(entry, suffix)
    if look.status in _USABLE:
        return _accept(entry, suffix, look)
    if entry.url is None:
        raise WeightsError(
            f"{_place(entry, suffix)}: the bundled weights are not as released: {look.reason}",
            hint="install scanclean again, or give a file with --weights FILE",
        )
    if offline or offline_asked():
        raise _not_here(entry, suffix, look)
    return _bring(entry, suffix, progress, policy)


def pull(
    name: str, *, offline: bool = False, progress: Progress = SILENT, policy: Policy | None = None
) -> list[Resolved]:
    """Have all files of an entry here and verified, ahead of their use.

    Raises:
        WeightsError: as `resolve`.
    """
    return [
        resolve(name, kinds=(kind,), offline=offline, progress=progress, policy=policy)
        for kind in find(name).files
    ]


def verify() -> list[Checked]:
    """Look at every file of the catalogue, bundled and cached, without changing or fetching any."""
    return [
        Checked(entry.name, _place(entry, suffix), _look(entry, suffix).status)
        for entry in CATALOGUE
        for suffix in entry.files
    ]


@dataclass(frozen=True)
class _Look:
    """What there is of one file."""

    status: Status
    sha256: str = ""
    reason: str = ""


def _place(entry: Entry, suffix: str) -> Path:
    return (bundled_folder() if entry.url is None else cache_folder()) / entry.files[suffix]


def _pin_of(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _choose(entry: Entry, kinds: Sequence[str]) -> str:
    for kind in kinds:
        if kind in entry.files:
            return kind
    raise WeightsError(
        f"{entry.name}: comes as {' and '.join(entry.files)}, but {' or '.join(kinds)} is needed",
        hint=hint_for(kinds),
    )


def _look(entry: Entry, suffix: str) -> _Look:
    path = _place(entry, suffix)
    expected, good = _expected(entry, path)
    try:
        if not path.is_file():
            missing = "it is not there"
            return _Look("not downloaded" if entry.url else "damaged", reason=missing)
        if entry.url is None and expected is None:
            return _Look("damaged", reason="its checksum is not in the table")
        wrong = flaw(path, suffix)
        if wrong:
            return _Look("damaged", reason=wrong)
        digest = hash_file(path)
    except (WeightsError, OSError) as error:
        return _Look("damaged", reason=str(error))
    if expected not in (None, digest):
        return _Look("damaged", reason=f"its SHA-256 is {digest}, not {expected}")
    return _Look("unpinned" if expected is None else good, sha256=digest)


def _expected(entry: Entry, path: Path) -> tuple[str | None, Literal["good", "pinned"]]:
    """The checksum that a file must have, if one is known, and what to call a file that has it."""
    known = entry.sha256.get(path.name)
    if known is not None or entry.url is None:
        return known, "good"
    with contextlib.suppress(OSError, UnicodeDecodeError):
        pin = _pin_of(path).read_text("ascii").split()
        if pin and re.fullmatch(r"[0-9a-f]{64}", pin[0]):
            return pin[0], "pinned"
    return None, "pinned"


def _accept(entry: Entry, suffix: str, look: _Look, notices: tuple[str, ...] = ()) -> Resolved:
    path = _place(entry, suffix)
    if look.status == "unpinned":
        notices = (*notices, _pin(entry, path, look.sha256))
    for notice in notices:
        logger.debug("%s", notice)
    return Resolved(path, look.sha256, entry, notices)


def _pin(entry: Entry, path: Path, digest: str) -> str:
    """Write the checksum of a file beside it; say so, or why not."""
    from scanclean.atomic import replacing

    pin = _pin_of(path)
    fact = f"{entry.name}: nobody published a checksum; this file's SHA-256 is {digest}"
    try:
        with replacing(pin, force=True) as temporary:
            temporary.write_text(f"{digest}  {path.name}\n", "ascii")
    except OutputError as error:
        return f"{fact}; it could not be pinned: {error}"
    return f"{fact}, pinned from now on in {pin}"


def _bring(entry: Entry, suffix: str, progress: Progress, policy: Policy | None) -> Resolved:
    """Download a file that is missing or damaged, unless somebody else does at this moment."""
    from scanclean import _download

    path = _place(entry, suffix)
    notices: tuple[str, ...] = ()
    with _download.exclusive(path) as alone:
        look = _look(entry, suffix)
        if look.status in _USABLE:
            return _accept(entry, suffix, look)
        if look.status == "damaged":
            done = quarantine(path, path)
            notices = (f"{path} was damaged: {look.reason}; {done}; downloading it again",)
        expected, good = _expected(entry, path)
        job = _download.Job(
            name=entry.name,
            url=entry.url or "",
            target=path,
            sha256=expected,
            limit=int(2e6 * entry.size_mb),
            hint=_hint_to_bring(entry, path, pinned=good == "pinned" and expected is not None),
        )
        digest = _download.fetch(job, resume=alone, progress=progress, policy=policy)
        status: Status = "unpinned" if expected is None else good
        return _accept(entry, suffix, _Look(status, sha256=digest), notices)


def _hint_to_bring(entry: Entry, path: Path, *, pinned: bool) -> str:
    hint = (
        f"`scanclean weights pull {entry.name}` tries again and goes on from what has arrived;"
        " or fetch the file by other means and give it with --weights FILE"
    )
    if pinned:
        hint += f"; if its authors replaced it and you trust the new one, remove {_pin_of(path)}"
    return hint


def _not_here(entry: Entry, suffix: str, look: _Look) -> WeightsError:
    path = _place(entry, suffix)
    what = "is not on this machine"
    if look.status == "damaged":
        what = f"is damaged on this machine: {look.reason}; {quarantine(path, path)}"
    return WeightsError(
        f"{entry.name}: {path} {what}, and the network is off; it comes from {entry.url}",
        hint=f"type `scanclean weights pull {entry.name}` where there is a network,"
        " or give a file with --weights FILE",
    )


def _is_path(text: str) -> bool:
    separators = [separator for separator in (os.sep, os.altsep) if separator]
    if Path(text).suffix or any(separator in text for separator in separators):
        return True
    return os.path.exists(text)  # noqa: PTH110 - unlike Path.exists, never raises
