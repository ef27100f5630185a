"""ONNX Runtime: the default engine, fastest on the CPU; Core ML and CUDA where it has them."""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from scanclean.errors import BackendUnavailable, DeviceError, WeightsError
from scanclean.page import Tiles
from scanclean.spec import ModelSpec, from_metadata

KINDS = (".onnx",)
"""Endings of the weights files it opens."""
PROVIDERS = {
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
"""Execution provider of each device, the fastest first."""


class OrtBackend:
    """A network in ONNX Runtime, float32."""

    name = "onnx"
    precision = "fp32"

    def __init__(self, session: Any, spec: ModelSpec, device: str, lanes: int) -> None:
        self.spec = spec
        self.device = device
        self.lanes = lanes
        self._session = session
        self._input = session.get_inputs()[0].name

    def __call__(self, tiles: Tiles) -> Tiles:
        """Run the network on `(N, C, H, W)` tiles."""
        try:
            (out,) = self._session.run(None, {self._input: tiles})
        except Exception as error:  # its errors share no base class with a name
            raise DeviceError(f"{self.device}: {_first_line(error)}") from error
        result: Tiles = out
        return result


def available() -> list[str]:
    """Devices of this machine that ONNX Runtime can use.

    Raises:
        BackendUnavailable: it is not installed.
    """
    providers = _onnxruntime().get_available_providers()
    return [device for device, provider in PROVIDERS.items() if provider in providers]


def precisions(device: str) -> list[str]:
    """Arithmetic on a device: fp32 alone.

    Quantised to int8 (static, 8-bit weights and activations) the bundled network took 1.8 times as
    long on a CPU with VNNI: its convolutions in groups of 4 channels have no fast kernel.
    """
    return ["fp32"]


def open_backend(path: Path, device: str, threads: int, precision: str = "fp32") -> OrtBackend:
    """Load an ONNX file.

    On the CPU every call gets one thread and several calls run at once: tiles side by side scale
    better than threads inside a tile, because a tile's layers are too small to share.

    Raises:
        BackendUnavailable: ONNX Runtime is not installed.
        WeightsError: the file is damaged, or no picture-to-picture network.
        DeviceError: the device refuses the network.
    """
    ort = _onnxruntime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # a plan kept for every size of tile: memory for no time
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # failures come as exceptions; its own words would go to stderr
    try:
        session = ort.InferenceSession(str(path), options, providers=[PROVIDERS[device]])
    except Exception as error:  # its errors share no base class with a name
        raise WeightsError(
            f"{path}: is not an ONNX network, or is damaged ({_first_line(error)})"
        ) from error
    if PROVIDERS[device] not in session.get_providers():
        raise DeviceError(
            f"{device}: ONNX Runtime has it, but it could not be started", hint="type --device cpu"
        )
    lanes = (threads or len(_cores())) if device == "cpu" else 1
    return OrtBackend(session, _spec(session, path), device, lanes)


def placement(path: Path, device: str) -> Counter[tuple[str, str]]:
    """How many nodes of a network run where: (execution provider, operator) and their number.

    Read off the profile of one small run, because a provider such as Core ML leaves what it does
    not know to the CPU.

    Raises:
        DeviceError: the device refuses the network.
    """
    ort = _onnxruntime()
    with tempfile.TemporaryDirectory(prefix="scanclean-") as folder:
        options = ort.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        options.log_severity_level = 4
        session = ort.InferenceSession(
            str(path), options, providers=list(dict.fromkeys((PROVIDERS[device], PROVIDERS["cpu"])))
        )
        backend = OrtBackend(session, _spec(session, path), device, 1)
        backend(np.zeros((1, backend.spec.channels, 64, 64), np.float32))
        events = json.loads(Path(session.end_profiling()).read_text("utf-8"))
    nodes = [
        e["args"] for e in events if e.get("cat") == "Node" and e["name"].endswith("_kernel_time")
    ]
    return Counter((node["provider"], node["op_name"]) for node in nodes)


def _spec(session: Any, path: Path) -> ModelSpec:
    """What the file says about itself, or else what its input's shape tells."""
    shape = session.get_inputs()[0].shape
    if len(session.get_inputs()) != 1 or len(session.get_outputs()) != 1 or len(shape) != 4:
        raise WeightsError(
            f"{path}: must have one input and one output of shape (N, C, H, W)",
        )
    spec = from_metadata(session.get_modelmeta().custom_metadata_map, str(path))
    if spec is None:
        channels = shape[1] if isinstance(shape[1], int) else 3
        spec = ModelSpec("onnx", channels=channels, multiple_of=16, trained_on="not stated")
    if isinstance(shape[2], int):
        spec = replace(spec, tile=shape[2], multiple_of=shape[2], fixed_tile=True)
    if spec.channels not in (1, 3):
        raise WeightsError(f"{path}: takes {spec.channels} channels; pictures have 1 or 3")
    return spec


def _cores() -> set[int] | range:
    """Cores this process may use: containers and taskset give fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return range(os.cpu_count() or 1)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _onnxruntime() -> Any:
    # Before the import: its telemetry leaves a file in the temporary folder, and an offline tool
    # reports to nobody.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as error:
        raise BackendUnavailable(
            "ONNX Runtime is not installed", hint="type: pip install onnxruntime"
        ) from error
    return onnxruntime
