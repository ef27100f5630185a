"""Fixtures that many tests share: pictures, and engines that need no weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from scanclean.page import Pixels, Tiles
from scanclean.spec import ModelSpec


class FunctionBackend:
    """A backend whose network is a plain function."""

    device = "cpu"
    name = "function"
    precision = "fp32"
    lanes = 2

    def __init__(self, function: Callable[[Tiles], Tiles], **spec: object) -> None:
        self.spec = ModelSpec("function", **spec)  # type: ignore[arg-type]
        self._function = function
        self.calls: list[tuple[int, ...]] = []

    def __call__(self, tiles: Tiles) -> Tiles:
        self.calls.append(tiles.shape)
        return self._function(tiles)


@pytest.fixture
def function_backend() -> type[FunctionBackend]:
    return FunctionBackend


@pytest.fixture
def identity_backend() -> FunctionBackend:
    return FunctionBackend(lambda tiles: tiles, tile=256, overlap=32)


@pytest.fixture
def noise() -> Callable[..., Pixels]:
    """noise(height, width[, 3]): a picture in which every pixel differs."""

    def make(*shape: int, seed: int = 0) -> Pixels:
        return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)

    return make
