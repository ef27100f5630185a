"""Tiny networks that look trained, data for them, settings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from scanclean import checkpoint
from scanclean.config import TrainConfig
from scanclean.models import kbnet

TINY = kbnet.Config(
    width=4, encoder=(1,), middle=1, decoder=(1,), bases=8, shuffle=2, pooling="none"
)


def trained(config=TINY, scale=0.1):
    """A network whose gains are not at their tiny start, so that every part shows in the output."""
    torch.manual_seed(0)
    net = kbnet.build(config).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * scale)
    return net


@pytest.fixture
def tiny():
    return TINY


@pytest.fixture
def make():
    """make([config]): a network."""
    return trained


@pytest.fixture
def net():
    return trained()


@pytest.fixture
def weights(net, tmp_path) -> Path:
    """The network in a file."""
    path = tmp_path / "dense.safetensors"
    checkpoint.save(net, checkpoint.spec_of(net, "kbnet", trained_on="nothing"), path)
    return path


@pytest.fixture
def make_dense():
    """make_dense(path): another network in a file."""

    def write(path):
        net = trained(scale=0.2)
        checkpoint.save(net, checkpoint.spec_of(net, "kbnet"), path)

    return write


@pytest.fixture
def data(tmp_path) -> Path:
    """Four pages with a few strokes, and the same on gray, noisy paper."""
    rng = np.random.default_rng(0)
    for n in range(4):
        clean = np.full((40, 48), 255, np.uint8)
        clean[8 + n : 12 + n, 6:-6] = clean[20:36, 10 + n : 13 + n] = 20
        scan = np.clip(clean * 0.7 + 20 + rng.normal(0, 4, clean.shape), 0, 255).astype(np.uint8)
        for name, pixels in (("scan", scan), ("clean", clean)):
            (tmp_path / "data" / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{n}.png")
    return tmp_path / "data"


@pytest.fixture
def settings(data, weights, tmp_path) -> TrainConfig:
    return TrainConfig(
        data=str(data),
        run=str(tmp_path / "out"),
        start_from=str(weights),
        even_paper=False,
        steps=3,
        batch=2,
        patch=32,
        warmup=0,
        rate=1e-2,
        workers=0,
        threads=1,
    )
