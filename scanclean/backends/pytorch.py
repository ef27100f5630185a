"""PyTorch: every architecture and weights file, on the CPU, CUDA or Apple's MPS."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scanclean.errors import INSTALL_TORCH, BackendUnavailable, DeviceError
from scanclean.page import Tiles
from scanclean.spec import ModelSpec

if TYPE_CHECKING:
    from torch import nn

KINDS = (".safetensors", ".pth", ".pt", ".ckpt")
"""Endings of the weights files it opens."""
DEVICES = ("cuda", "mps", "cpu")
"""Devices it can run on, the fastest first."""


class TorchBackend:
    """A network in PyTorch, in float32 or with autocast to a shorter type."""

    name = "torch"
    lanes = 1  # torch spreads one call over all cores by itself

    def __init__(
        self, net: nn.Module, spec: ModelSpec, device: str = "cpu", precision: str = "fp32"
    ) -> None:
        self.spec = spec
        self.device = device
        self.precision = precision
        self._net = net.to(device).eval()

    def __call__(self, tiles: Tiles) -> Tiles:
        """Run the network on `(N, C, H, W)` tiles."""
        import torch

        try:
            with torch.inference_mode(), self._autocast():
                out = self._net(torch.from_numpy(np.ascontiguousarray(tiles)).to(self.device))
                result: Tiles = out.float().cpu().numpy()
        except (RuntimeError, MemoryError) as error:  # torch's out of memory is a RuntimeError
            raise DeviceError(f"{self.device}: {str(error).splitlines()[0]}") from error
        return result

    def _autocast(self) -> AbstractContextManager[Any]:
        import torch

        kind = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(self.precision)
        return torch.autocast(self.device, kind) if kind else nullcontext()


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


def precisions(device: str) -> list[str]:
    """Arithmetic on a device, the fastest first: short floats where the hardware has them."""
    torch = _torch()
    if device == "cuda":
        short = ["bf16"] if torch.cuda.is_bf16_supported(including_emulation=False) else []
        return ["fp16", *short, "fp32"]
    if device == "mps":
        return ["fp16", "fp32"]
    if torch.cpu._is_amx_tile_supported():
        return ["bf16", "fp32"]
    # AVX-512 alone gains nothing on these small convolutions: 0.082 against 0.077 CPU-s a tile.
    return ["fp32", "bf16"] if torch.cpu._is_avx512_bf16_supported() else ["fp32"]


def open_backend(path: Path, device: str, threads: int, precision: str = "fp32") -> TorchBackend:
    """Load a weights file.

    Args:
        path: the file.
        device: one of `available()`.
        threads: CPU threads of a call; 0 lets torch decide.
        precision: one of `precisions(device)`.

    Raises:
        BackendUnavailable: PyTorch is not installed.
        WeightsError: the file is damaged.
    """
    torch = _torch()
    from scanclean import checkpoint
    from scanclean.models import kbnet

    if threads:
        torch.set_num_threads(threads)
    net, spec = checkpoint.load(path)
    if isinstance(net, kbnet.KBNet):
        net = kbnet.without_idle_bases(net)
    return TorchBackend(net, spec, device, precision)


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise BackendUnavailable("PyTorch is not installed", hint=INSTALL_TORCH) from error
    return torch
