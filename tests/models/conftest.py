"""Networks that look trained, so that every layer shows in the output."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn


@pytest.fixture
def shaken() -> Callable[..., nn.Module]:
    """shaken(module, config[, scale]): a built network whose weights were moved at random."""

    def make(module, config, scale: float = 0.05) -> nn.Module:
        torch.manual_seed(0)
        net = module.build(config).eval()
        with torch.no_grad():
            for name, tensor in (*net.named_parameters(), *net.named_buffers()):
                if not tensor.is_floating_point() or not getattr(tensor, "requires_grad", True):
                    continue
                if name.endswith("running_var"):
                    tensor.uniform_(0.5, 2)
                else:
                    tensor.add_(torch.randn_like(tensor) * scale)
        return net.requires_grad_(False)

    return make
