"""The engine of a run: whatever restores pixels, opened from what the user asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from scanclean import backends, weights
from scanclean.config import CLASSICAL, RestoreOptions
from scanclean.page import Pixels
from scanclean.progress import SILENT, Progress
from scanclean.restorer import Cleaned, Restorer, clean_classical


@dataclass(frozen=True)
class Engine:
    """Something that restores, and what is to be reported about it."""

    clean: Callable[..., Cleaned]
    """`clean(pixels, progress)`."""
    close: Callable[[], None]
    """Ends its threads."""
    about: dict[str, str] = field(default_factory=dict)
    """device, backend, precision, weights, sha256."""
    notices: tuple[str, ...] = ()
    """What the user should be told once."""


def open_engine(options: RestoreOptions, progress: Progress = SILENT) -> Engine:
    """Open weights on a device, or the filter that needs neither.

    Raises:
        WeightsError: unknown, damaged, or not there.
        DeviceError: a device or arithmetic that was named is not there.
    """
    if options.weights == CLASSICAL:
        return _classical(options)
    kinds = backends.kinds(options.backend)
    found = weights.resolve(
        options.weights, kinds=kinds, offline=options.offline, progress=progress
    )
    backend = backends.open_backend(
        found.path,
        device=options.device,
        backend=options.backend,
        precision=options.precision,
    )
    restorer = Restorer(
        backend,
        tile=options.tile,
        overlap=options.overlap,
        use_guard=options.guard,
        passes=options.passes,
    )
    about = {
        "device": backend.device,
        "backend": backend.name,
        "precision": backend.precision,
        "weights": options.weights,
        "sha256": found.sha256,
    }
    return Engine(restorer.clean, restorer.close, about, tuple(found.notices))


def _classical(options: RestoreOptions) -> Engine:
    def clean(pixels: Pixels, progress: Progress = SILENT) -> Cleaned:
        return clean_classical(pixels, progress, use_guard=options.guard)

    if options.device not in ("auto", "cpu"):
        raise backends.missing_device(options.device, CLASSICAL)
    about = {"device": "cpu", "weights": CLASSICAL}
    return Engine(clean, lambda: None, about, tuple(_needless(options)))


def _needless(options: RestoreOptions) -> Iterator[str]:
    """What was asked for and only a network could do."""
    default = RestoreOptions()
    for name in ("backend", "precision", "tile", "overlap", "passes"):
        value = getattr(options, name)
        if value != getattr(default, name):
            yield f"--{name} {value} did nothing: {CLASSICAL} has no network"
