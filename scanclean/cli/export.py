"""`scanclean export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scanclean.cli import _console
from scanclean.cli._options import Force, Offline, Quiet
from scanclean.cli._products import require_apart


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("export")(export)


def export(
    weights: Annotated[str, typer.Argument(metavar="NAME|PATH", help="Weights to convert.")],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="FILE", help="File ending in .onnx or .safetensors."
        ),
    ],
    bases: Annotated[
        int,
        typer.Option(
            "--bases",
            min=0,
            help="Fill up with zero kernel bases to so many in each block: other KBNet loaders "
            "want 32. 0: as they are. They do nothing in a .onnx file, and are left out of it.",
        ),
    ] = 0,
    offline: Offline = False,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Convert a weights file: to .onnx for the default engine, or to .safetensors."""
    if output.suffix not in (".onnx", ".safetensors"):
        raise typer.BadParameter("-o: must end in .onnx or .safetensors")
    from scanclean import weights as catalogue
    from scanclean.atomic import refuse_existing

    found = catalogue.resolve(
        weights, kinds=(".safetensors", ".pth", ".pt", ".ckpt"), offline=offline
    )
    require_apart([found.path], [("-o", output)])
    refuse_existing(output, force=force)
    from scanclean import checkpoint  # torch: only now

    net, spec = checkpoint.load(found.path)
    if bases:
        from dataclasses import replace

        from scanclean.errors import WeightsError
        from scanclean.models.kbnet import KBNet
        from scanclean.pruning.bases import padded

        if not isinstance(net, KBNet):
            raise WeightsError(
                f"{weights}: --bases {bases}: only a kbnet has kernel bases, not a {spec.arch}",
                hint="leave out --bases",
            )
        net = padded(net, bases)
        spec = replace(spec, config=checkpoint.spec_of(net, spec.arch).config)
    if output.suffix == ".onnx":
        checkpoint.export_onnx(net, spec, output)
        if bases and not quiet:
            _console.say(f"--bases {bases}: zero bases do nothing in a .onnx file and are left out")
    else:
        checkpoint.save(net, spec, output)
    if not quiet:
        _console.say(f"{output}: {output.stat().st_size / 1e6:.1f} MB")
