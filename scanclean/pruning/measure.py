"""What a network costs, measured, and how well it restores."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from scanclean import backends, checkpoint
from scanclean.backends.pytorch import TorchBackend
from scanclean.models import kbnet
from scanclean.models._cost import macs
from scanclean.pruning.masks import share_of_zeros
from scanclean.pruning.options import TILE
from scanclean.restorer import Restorer
from scanclean.spec import ModelSpec
from scanclean.training.metrics import pooled_rmse
from scanclean.training.pairs import Pair, load_rgb

ROUNDS = 7
"""The best of so many is the time."""
FEW_ZEROS = 0.01
"""Trained weights are never zero; a share above this was made."""
BLOCK_ROUNDS = 5
"""The same for a block alone."""


@dataclass(frozen=True)
class Cost:
    """What a network costs, for a tile of `TILE` x `TILE`."""

    gmac: float
    """10^9 multiply-accumulate operations, zeros counted like any number."""
    ms: float
    """ONNX Runtime on one thread of this processor, the best of `ROUNDS`."""
    parameters: int
    """Numbers that the network has."""
    zeros: float
    """Share of zeros in the layers that are pruned."""
    bases: float | None
    """Kernel bases of a block on average; None for networks without."""
    file_mb: float
    """Size of its weights file, 10^6 bytes."""


def rmse(path: Path, validation: Sequence[Pair]) -> float | None:
    """Pooled error of a weights file on pages, 0..1, without the guard; None without pages."""
    if not validation:
        return None
    net, spec = checkpoint.load(path)
    restorer = Restorer(TorchBackend(net, spec), use_guard=False)
    pages = ((restorer(load_rgb(pair.scan)), load_rgb(pair.clean)) for pair in validation)
    error = pooled_rmse(pages)
    restorer.close()
    return error


def costs(files: Mapping[str, Path]) -> dict[str, Cost]:
    """What weights files cost. They are timed in turn, so that all meet the same machine.

    Networks of one shape take as long whatever their weights are, so that one of each is timed. It
    could be otherwise where many are zero: these are timed for themselves.
    """
    loaded = {name: checkpoint.load(path) for name, path in files.items()}
    zeros = {name: share_of_zeros(net) for name, (net, _) in loaded.items()}
    shapes = {
        name: (spec.arch, str(net.config), zeros[name] > FEW_ZEROS)
        for name, (net, spec) in loaded.items()
    }
    first = {shape: name for name, shape in reversed(shapes.items())}
    times = milliseconds({name: loaded[name] for name in first.values()})
    return {
        name: Cost(
            gmac=_gmac(net, spec),
            ms=times[first[shapes[name]]],
            parameters=sum(p.numel() for p in net.parameters()),
            zeros=zeros[name],
            bases=float(np.mean(net.config.bases_of_blocks))
            if isinstance(net, kbnet.KBNet)
            else None,
            file_mb=files[name].stat().st_size / 1e6,
        )
        for name, (net, spec) in loaded.items()
    }


def _gmac(net: nn.Module, spec: ModelSpec) -> float:
    deployed = kbnet.fold(net) if isinstance(net, kbnet.KBNet) else net
    return macs(deployed, spec.channels) * TILE**2 / 1e9


def milliseconds(
    networks: Mapping[str, tuple[nn.Module, ModelSpec]], side: int = TILE, rounds: int = ROUNDS
) -> dict[str, float]:
    """CPU time of ONNX Runtime for a tile on one thread: the best of some rounds in turn."""
    with tempfile.TemporaryDirectory(prefix="scanclean-") as folder:
        engines = {}
        for number, (name, (net, spec)) in enumerate(networks.items()):
            path = Path(folder) / f"{number}.onnx"
            checkpoint.export_onnx(net, spec, path)
            engines[name] = backends.open_backend(path, device="cpu", backend="onnx", threads=1)
        best = dict.fromkeys(networks, float("inf"))
        for _ in range(rounds + 1):  # the first one warms up
            for name, engine in engines.items():
                tile = np.full((1, engine.spec.channels, side, side), 0.5, np.float32)
                begun = time.process_time()
                engine(tile)
                best[name] = min(best[name], 1000 * (time.process_time() - begun))
    return best


def block_milliseconds(block: nn.Module, channels: int, side: int) -> float:
    """Time of a folded block for `(1, channels, side, side)`.

    Two small layers around it, so that engines take it for a picture's network, are in it: only
    differences between blocks of equal channels mean something.
    """
    around = nn.Sequential(nn.Conv2d(3, channels, 1), block, nn.Conv2d(channels, 3, 1)).eval()
    network = around.requires_grad_(False), ModelSpec("kbnet", multiple_of=1)
    return milliseconds({"": network}, side, BLOCK_ROUNDS)[""]
