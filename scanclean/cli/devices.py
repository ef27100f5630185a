"""`scanclean devices`."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import typer

from scanclean.cli import _console
from scanclean.cli._options import Report
from scanclean.config import DEFAULT_WEIGHTS


@dataclass(frozen=True)
class Way:
    """One way to run the bundled weights on this machine."""

    engine: str
    """As `--backend` has it."""
    device: str
    """As `--device` has it."""
    precision: str
    """As `--precision` has it."""
    ms: float
    """Time of a tile of 256 pixels, milliseconds."""
    mean: float
    """Mean difference to fp32 of the same engine, levels."""
    largest: float
    """Largest difference, levels."""
    passed: bool
    """Whether `auto` may take it."""
    nodes: dict[str, int]
    """Nodes of the network on each execution unit, where the engine tells."""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("devices")(devices)


def devices(json_file: Report = None) -> None:
    """Show how networks can run on this machine, what auto would choose, and why."""
    from scanclean import backends
    from scanclean.errors import BackendUnavailable

    with _console.data_stdout() as stdout:
        ways: list[Way] = []
        missing: list[str] = []
        for name in backends.ENGINES:
            try:
                ways += _ways(name)
            except BackendUnavailable as error:
                missing.append(f"{name}: {error} ({error.hint})")
        first = [w for w in ways if (w.engine, w.device) == (ways[0].engine, ways[0].device)]
        chosen = next((way for way in first if way.passed), None)
        facts = {"ways": [asdict(way) for way in ways], "missing": missing}
        if json_file != "-":
            stdout.write(_words(ways, missing, chosen).encode())
        if json_file:
            _console.write_json(json_file, facts, stdout)


def _ways(name: str) -> list[Way]:
    """Everything that an engine offers, tried on the bundled weights."""
    from scanclean import backends
    from scanclean.weights import resolve

    engine = backends.engine(name)
    found = []
    for device in engine.available():
        path = resolve(DEFAULT_WEIGHTS, kinds=engine.KINDS).path
        exact = engine.open_backend(path, device, 0, "fp32")
        nodes = _nodes(path, device) if name == "onnx" else {}
        for precision in engine.precisions(device):
            network = engine.open_backend(path, device, 0, precision)
            seen = backends.compare(network, exact)
            ms, passed = 1000 * seen.seconds, seen.passed
            way = Way(name, device, precision, ms, seen.mean, seen.largest, passed, nodes)
            found.append(way)
    return found


def _nodes(path: object, device: str) -> dict[str, int]:
    from collections import Counter
    from pathlib import Path

    from scanclean.backends.ort import placement

    total: Counter[str] = Counter()
    for (provider, _), count in placement(Path(str(path)), device).items():
        total[provider.removesuffix("ExecutionProvider")] += count
    return dict(total)


def _words(ways: list[Way], missing: list[str], chosen: Way | None) -> str:
    lines = ["engine  device  precision   ms a tile  levels off fp32 (mean, most)  nodes run on"]
    for way in ways:
        units = ", ".join(f"{unit} {count}" for unit, count in way.nodes.items())
        far = f"{way.mean:.3f}, {way.largest:.1f}" + ("" if way.passed else "  too far")
        lines.append(
            f"{way.engine:<7} {way.device:<7} {way.precision:<9} {way.ms:>11.0f}  {far:<29} {units}"
        )
    lines += missing
    if chosen:
        lines.append(
            f"auto takes {chosen.engine} on {chosen.device} in {chosen.precision}: its first "
            "device, and the fastest arithmetic that is as good as fp32"
        )
    else:
        lines.append("nothing can run here")
    return "\n".join(lines) + "\n"
