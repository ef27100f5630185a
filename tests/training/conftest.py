"""Tiny data and settings for training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scanclean.config import TrainConfig

TINY = (
    ("width", 4),
    ("encoder", (1,)),
    ("middle", 1),
    ("decoder", (1,)),
    ("bases", 2),
    ("shuffle", 2),
    ("pooling", "none"),
)


def write_pairs(folder: Path, count: int, *, layout=("scan", "clean"), size=(48, 40)) -> Path:
    """Pages with a few strokes, and the same on gray, noisy paper."""
    rng = np.random.default_rng(0)
    for n in range(count):
        clean = np.full((size[1], size[0]), 255, np.uint8)
        clean[8 + n : 12 + n, 6:-6] = clean[20:36, 10 + n : 13 + n] = 20
        scan = np.clip(clean * 0.7 + 20 + rng.normal(0, 4, clean.shape), 0, 255).astype(np.uint8)
        for name, pixels in zip(layout, (scan, clean), strict=True):
            (folder / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / name / f"{n}.png")
    return folder


@pytest.fixture
def pairs_folder(tmp_path) -> Path:
    return write_pairs(tmp_path / "data", 4)


@pytest.fixture
def config(pairs_folder, tmp_path) -> TrainConfig:
    return TrainConfig(
        data=str(pairs_folder),
        run=str(tmp_path / "run"),
        network=TINY,
        steps=6,
        batch=2,
        patch=32,
        warmup=2,
        workers=0,
        evaluate_every=3,
    )
