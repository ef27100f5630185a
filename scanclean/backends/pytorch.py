"""PyTorch: every architecture and weights file, on the CPU, CUDA or Apple's MPS."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scanclean.errors import BackendUnavailable, DeviceError
from scanclean.page import Tiles
from scanclean.spec import ModelSpec

if TYPE_CHECKING:
    from torch import nn

KINDS = (".safetensors", ".pth", ".pt", ".ckpt")
"""Endings of the weights files it opens."""
DEVICES = ("cuda", "mps", "cpu")
"""Devices it can run on, the fastest first."""


class TorchBackend:
    """A network in PyTorch, float32."""

    name = "torch"
    lanes = 1  # torch spreads one call over all cores by itself

    def __init__(self, net: nn.Module, spec: ModelSpec, device: str = "cpu") -> None:
        self.spec = spec
        self.device = device
        self._net = net.to(device).eval()

    def __call__(self, tiles: Tiles) -> Tiles:
        """Run the network on `(N, C, H, W)` tiles."""
        import torch

        try:
            with torch.inference_mode():
                out = self._net(torch.from_numpy(np.ascontiguousarray(tiles)).to(self.device))
                result: Tiles = out.float().cpu().numpy()
        except (RuntimeError, MemoryError) as error:  # torch's out of memory is a RuntimeError
            raise DeviceError(f"{self.device}: {str(error).splitlines()[0]}") from error
        return result


def available() -> list[str]:
    """Devices of this machine that PyTorch can use.

    Raises:
        BackendUnavailable: PyTorch is not installed.
    """
    torch = _torch()
    has = {
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
        "cpu": lambda: True,
    }
    return [device for device in DEVICES if has[device]()]


def open_backend(path: Path, device: str, threads: int) -> TorchBackend:
    """Load a weights file.

    Args:
        path: the file.
        device: one of `available()`.
        threads: CPU threads of a call; 0 lets torch decide.

    Raises:
        BackendUnavailable: PyTorch is not installed.
        WeightsError: the file is damaged.
    """
    torch = _torch()
    from scanclean import checkpoint

    if threads:
        torch.set_num_threads(threads)
    net, spec = checkpoint.load(path)
    return TorchBackend(net, spec, device)


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise BackendUnavailable(
            "PyTorch is not installed", hint='type: pip install "scanclean[torch]"'
        ) from error
    return torch
