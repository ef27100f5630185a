"""Backends: one file is one engine that runs a network on tiles."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, cast

from scanclean import plugins
from scanclean.backends._probe import Probe, probe, sample
from scanclean.errors import BackendUnavailable, DeviceError, UsageError
from scanclean.page import Tiles
from scanclean.spec import ModelSpec


class Backend(Protocol):
    """A network, loaded and ready. Calls may come from several threads at once."""

    spec: ModelSpec
    """What the weights say about themselves."""
    device: str
    """Where it runs: "cpu", "cuda", "mps", "coreml"."""
    name: str
    """The engine: name of its module."""
    precision: str
    """Arithmetic of the network: "fp32", "bf16", "fp16"."""
    lanes: int
    """Calls that may run at once with profit."""

    def __call__(self, tiles: Tiles) -> Tiles:
        """Run the network: `(N, C, T, T)` float32 in [0, 1] to the same shape, not clamped.

        Raises:
            DeviceError: the engine failed, or ran out of memory.
        """


class BackendModule(Protocol):
    """What a module in this folder offers."""

    KINDS: tuple[str, ...]
    """Endings of the weights files it opens."""

    def available(self) -> list[str]:
        """Devices of this machine that the engine can use, the fastest first.

        Raises:
            BackendUnavailable: the engine is not installed.
        """

    def precisions(self, device: str) -> list[str]:
        """Arithmetic that the engine has on a device out of `available()`, the fastest first.

        "fp32", with which the others are compared, is always there.
        """

    def open_backend(self, path: Path, device: str, threads: int, precision: str) -> Backend:
        """Load a weights file for a device out of `available()`; `threads` 0: all cores.

        Raises:
            BackendUnavailable: the engine is not installed.
            WeightsError: the file is damaged.
            DeviceError: the device refuses the network.
        """


ENGINES = {"onnx": "ort", "torch": "pytorch"}
"""Module of each engine, by the name a user types; the preferred engine first."""


def engine(name: str) -> BackendModule:
    """The engine's module; `name` is a key of `ENGINES`."""
    return cast(BackendModule, plugins.load("backends", ENGINES[name]))


def kinds(backend: str) -> tuple[str, ...]:
    """Endings of weights files that an engine (or "auto": any engine) opens, preferred first."""
    names = ENGINES if backend == "auto" else [backend]
    return tuple(kind for name in names for kind in engine(name).KINDS)


def open_backend(
    path: Path,
    *,
    device: str = "auto",
    backend: str = "auto",
    threads: int = 0,
    precision: str = "auto",
) -> Backend:
    """Load a weights file on the device and engine, and in the arithmetic, that were asked for.

    Args:
        path: the file; its ending decides which engines can open it.
        device: "auto", "cpu", "cuda", "mps" or "coreml".
        backend: "auto", or a key of `ENGINES`.
        threads: CPU threads in all; 0 means all cores.
        precision: "fp32", "bf16", "fp16" or "int8"; "auto" takes the fastest whose result on a
            drawn tile is that of fp32 (`_probe`).

    Raises:
        UsageError: the engine cannot open a file of that kind.
        DeviceError: a device or arithmetic that was named is not there; never a silent fallback.
        WeightsError: the file is damaged.
    """
    fitting = [n for n in ENGINES if path.suffix in engine(n).KINDS and backend in ("auto", n)]
    if not fitting:
        raise UsageError(
            f"{path}: the engine {backend!r} does not open {path.suffix or 'such'} files",
            hint="type --backend auto",
        )
    missing: BackendUnavailable | None = None
    for name in fitting:
        try:
            devices = engine(name).available()
        except BackendUnavailable as error:
            missing = error
            continue
        if device == "auto" or device in devices:
            where = devices[0] if device == "auto" else device
            return _in_precision(engine(name), path, where, threads, precision)
    if missing:
        raise missing
    raise missing_device(device, path.suffix + " weights")


def _in_precision(
    module: BackendModule, path: Path, device: str, threads: int, precision: str
) -> Backend:
    offered = module.precisions(device)
    if precision not in ("auto", *offered):
        why = "; int8 was slower than fp32 for these networks" if precision == "int8" else ""
        raise DeviceError(
            f"{precision}: this engine has no such arithmetic on {device}{why}",
            hint="there is: " + ", ".join(offered),
        )
    if precision != "auto":
        return module.open_backend(path, device, threads, precision)
    exact = module.open_backend(path, device, threads, "fp32")
    # By the engine's order and not by the clock: the same machine must always choose alike.
    for name in offered[: offered.index("fp32")]:
        candidate = module.open_backend(path, device, threads, name)
        if compare(candidate, exact).passed:
            return candidate
    return exact


def compare(candidate: Backend, exact: Backend) -> Probe:
    """Hold a network against the same in fp32, on a drawn tile.

    Raises:
        DeviceError: one of them failed.
    """
    tile = sample(exact.spec.channels)
    return probe(candidate, exact(tile), tile)


def missing_device(device: str, what: str) -> DeviceError:
    """The error for a device that was named and is not there."""
    return DeviceError(
        f"{device}: this machine has no such device for {what}",
        hint="type --device auto, which takes the fastest that is there",
    )
