"""Weights files for torch: written with their spec inside, read strictly, exported to ONNX.

A file of ours is plain safetensors: tensors under the names of the published code, and the
`ModelSpec` as JSON in the metadata. Published checkpoints (`.pth`) say nothing about themselves;
the shape of their network is read off their tensors.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from scanclean import _sparse, plugins
from scanclean.atomic import replacing
from scanclean.errors import WeightsError
from scanclean.models import kbnet, kbnet_l
from scanclean.spec import ModelSpec, from_metadata

State = Mapping[str, Tensor]

WRAPPERS = ("params_ema", "params", "model", "net", "state_dict", "model_state_dict")
"""Names under which published checkpoints hide their tensors, in order of preference."""


def build(spec: ModelSpec) -> nn.Module:
    """A fresh network of the kind that a spec describes.

    Raises:
        WeightsError: there is no such architecture, or its options are not known.
    """
    try:
        module = plugins.load("models", spec.arch)
        config = module.Config(**{k: _frozen(v) for k, v in spec.config.items()})
        net: nn.Module = module.build(config)
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"weights of kind {spec.arch!r} cannot be built: {error}") from error
    return net


def spec_of(net: Any, arch: str, **more: Any) -> ModelSpec:
    """The spec of a network that was built from its module's `Config`."""
    multiple = int(getattr(net.config, "multiple_of", 1))
    return ModelSpec(
        arch=arch,
        config=asdict(net.config),
        channels=net.config.channels,
        multiple_of=multiple,
        fixed_tile=bool(getattr(net.config, "fixed_tile", False)),
        **more,
    )


def save(
    net: nn.Module,
    spec: ModelSpec,
    path: Path,
    notes: Mapping[str, str] | None = None,
    *,
    compact: bool = False,
) -> None:
    """Write a weights file, atomically.

    Args:
        net: the network.
        spec: what the file says about itself.
        path: the file.
        notes: more metadata entries, under names of their own; readers need not know them.
        compact: leave out zeros (`_sparse`). `load` reads that as any other, other programs do not.
    """
    from safetensors.torch import save_file

    state = {
        name: tensor.detach().float().contiguous() for name, tensor in net.state_dict().items()
    }
    notes = dict(notes or {})
    if compact:
        state, notes[_sparse.KEY] = _sparse.packed(state)
    with replacing(path, force=True) as temporary:
        save_file(state, str(temporary), metadata={**notes, **spec.to_metadata()})


def load(path: Path) -> tuple[nn.Module, ModelSpec]:
    """Read a weights file without running any code in it.

    Returns:
        The network in evaluation mode, and its spec.

    Raises:
        WeightsError: damaged, of unknown shape, or not fitting its own description.
    """
    state, spec = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    if spec is None:
        spec = guess(state, str(path))
    net = build(spec)
    try:
        net.load_state_dict(dict(state), strict=True)
    except RuntimeError as error:
        what = str(error).strip().splitlines()
        raise WeightsError(f"{path}: does not fit its network: {what[-1].strip()}") from error
    return net.eval(), spec


def guess(state: State, where: str) -> ModelSpec:
    """Read the shape of a published KBNet off its tensors.

    Raises:
        WeightsError: it is no KBNet.
    """
    for module, arch in ((kbnet, "kbnet"), (kbnet_l, "kbnet_l")):
        config = module.guess(state)
        if config is not None:
            return ModelSpec(
                arch=arch,
                config=asdict(config),
                channels=config.channels,
                multiple_of=config.multiple_of,
                fixed_tile=True,
                overlap=64,
                trained_on="not stated",
            )
    raise WeightsError(
        f"{where}: no network that scanclean knows has these layers",
        hint="known without a description are the published KBNet checkpoints",
    )


def unwrap(content: Any) -> State:
    """The tensors of a checkpoint, without wrappers and without the prefix of DataParallel."""
    while isinstance(content, dict):
        inner = next((content[k] for k in WRAPPERS if isinstance(content.get(k), dict)), None)
        if inner is None:
            break
        content = inner
    if not isinstance(content, dict) or not content:
        raise ValueError("holds no tensors")
    state = {str(k): v for k, v in content.items() if isinstance(v, Tensor)}
    if state and all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    return state


def export_onnx(net: nn.Module, spec: ModelSpec, path: Path) -> None:
    """Write the network as ONNX: float32, dynamic height and width, the spec in its metadata."""
    import onnx

    deployed = kbnet.fold(net) if isinstance(net, kbnet.KBNet) else net.eval()
    side = max(64, spec.multiple_of)
    example = torch.rand(1, spec.channels, side, side)
    axes = {0: "batch", 2: "height", 3: "width"}
    with replacing(path, force=True) as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that this exporter is the older one, and about its trace
        torch.onnx.export(
            deployed,
            (example,),
            str(temporary),
            input_names=["input"],
            output_names=["output"],
            dynamic_axes={"input": axes, "output": axes},
            opset_version=17,
            dynamo=False,  # one file, one dialect, seconds instead of half a minute
        )
        model = onnx.load(str(temporary))
        if any(isinstance(module, kbnet.FoldedBlock) for module in deployed.modules()):
            _name_sides(model, spec.multiple_of)
        onnx.helper.set_model_props(model, spec.to_metadata())
        onnx.save(model, str(temporary))


def _name_sides(model: Any, multiple_of: int) -> None:
    """Say which tensors inside a network are equally large: height/2, height/4 and so on.

    Without names ONNX Runtime must take two dynamic sides for different, and leaves its fast layout
    at every product of two tensors whose sides it cannot trace to one place. For networks that only
    divide and multiply sides: these are read off with one fixed picture, 7 units by 5.
    """
    import onnx

    high, wide = 7 * 16 * multiple_of, 5 * 16 * multiple_of
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    del probe.graph.value_info[:]
    for end, sides in ((probe.graph.input[0], (high, wide)), (probe.graph.output[0], (high, wide))):
        shape = end.type.tensor_type.shape.dim
        for dimension, size in zip((shape[0], *shape[2:]), (1, *sides), strict=True):
            dimension.dim_value = size
    found = onnx.shape_inference.infer_shapes(probe, data_prop=True).graph.value_info
    del model.graph.value_info[:]
    for value in found:
        shape = value.type.tensor_type.shape.dim
        height, width = (d.dim_value for d in shape[2:]) if len(shape) == 4 else (0, 0)
        if not width or height * wide != width * high or high % height:
            continue
        shape[0].dim_param = "batch"
        shape[2].dim_param = f"height/{high // height}"
        shape[3].dim_param = f"width/{high // height}"
        model.graph.value_info.append(value)


def _read_safetensors(path: Path) -> tuple[State, ModelSpec | None]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            names = file.keys()
            metadata = file.metadata() or {}
            stored = {name: file.get_tensor(name) for name in names}
            state = _sparse.unpacked(stored, metadata.get(_sparse.KEY, ""))
            state = {name: tensor.float() for name, tensor in state.items()}
            return state, from_metadata(metadata, str(path))
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path}: is not a safetensors file, or is damaged ({error})") from error


def _read_pickle(path: Path) -> tuple[State, ModelSpec | None]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        return {name: tensor.float() for name, tensor in unwrap(content).items()}, None
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError, KeyError) as error:
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"{path}: is not a checkpoint, or is damaged ({what})") from error


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
