"""A small data folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def pairs(tmp_path) -> Path:
    """Three gray pairs: noisy.png (dirt, two words known), plain.png (clean already), rgb.png."""
    data = tmp_path / "data"
    for name in ("scan", "clean", "text"):
        (data / name).mkdir(parents=True)
    clean = np.full((96, 128), 255, np.uint8)
    clean[20:70, 10:110:10] = 0
    noisy = np.clip(clean.astype(int) * 0.7 + 30, 0, 255).astype(np.uint8)
    noisy[80:84, 40:44] = 60
    rgb = np.repeat(noisy[..., None], 3, axis=2)
    for name, scan in (("noisy", noisy), ("plain", clean), ("rgb", rgb)):
        Image.fromarray(scan).save(data / "scan" / f"{name}.png")
        Image.fromarray(clean).save(data / "clean" / f"{name}.png")
    facts = {
        "profile": "book",
        "language": "en",
        "words": [{"text": "quiet" * 20, "box": [1, 2, 3, 4]}],
    }
    (data / "text" / "noisy.json").write_text(json.dumps(facts))
    return data
