"""Tensors with many zeros as a bit for each number and the numbers that are not zero.

In a packed state, a tensor `NAME` is replaced by `NAME.kept`, uint8, in which bit n (the highest
bit of a byte first) says whether number n of the flattened tensor is kept, and `NAME.values`, the
kept numbers in their order. Tensors that would not get smaller stay as they are. The shapes of
those that were packed are JSON, `{NAME: [sides]}`, in the metadata of the file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

KEY = "scanclean_packed"
"""Name of the metadata entry."""
KEPT, VALUES = ".kept", ".values"


def packed(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], str]:
    """Pack float32 tensors where that saves room.

    Returns:
        The state to store, and the metadata entry that goes with it.
    """
    out: dict[str, Tensor] = {}
    shapes: dict[str, list[int]] = {}
    for name, tensor in state.items():
        flat = tensor.flatten()
        kept = flat != 0
        bits = torch.from_numpy(np.packbits(kept.numpy()))
        values = flat[kept]
        if bits.numel() + 4 * values.numel() < 4 * flat.numel():
            out[name + KEPT], out[name + VALUES] = bits, values
            shapes[name] = list(tensor.shape)
        else:
            out[name] = tensor
    return out, json.dumps(shapes, sort_keys=True)


def unpacked(state: Mapping[str, Tensor], shapes: str) -> dict[str, Tensor]:
    """What `packed` was given.

    Raises:
        ValueError: the parts do not fit each other.
    """
    out = dict(state)
    try:
        for name, shape in json.loads(shapes or "{}").items():
            bits, values = out.pop(name + KEPT), out.pop(name + VALUES)
            count = int(np.prod(shape))
            kept = torch.from_numpy(np.unpackbits(bits.numpy(), count=count).astype(np.bool_))
            if len(kept) != count or kept.sum() != len(values):
                raise ValueError(f"the zeros of {name} do not fit its numbers")
            flat = torch.zeros(count)
            flat[kept] = values.float()
            out[name] = flat.view(*shape)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"packed tensors are not readable: {error}") from error
    return out
