"""Three ways to run the command, and inputs for it."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from scanclean.cli import main


@pytest.fixture
def run(capfd) -> Callable[..., tuple[int, str, str]]:
    """run(*words) -> (exit code, stdout, stderr), inside this process."""

    def call(*words: object) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main([str(word) for word in words])
        captured = capfd.readouterr()
        return int(code), captured.out, captured.err

    return call


@pytest.fixture
def shell() -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """shell(*words, stdin=b"") in a process of its own, as users have it."""

    def call(*words: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "scanclean", *map(str, words)]
        return subprocess.run(command, input=stdin, capture_output=True, timeout=120, check=False)

    return call


def scan(width: int = 120, height: int = 160, seed: int = 0) -> Image.Image:
    """A small page: text-like strokes on uneven, noisy, yellowish paper."""
    picture = Image.new("RGB", (width, height), (236, 228, 205))
    draw = ImageDraw.Draw(picture)
    for y in range(20, height - 20, 14):
        draw.line((14, y, width - 20 - y % 31, y), (40, 40, 45), 3)
    rng = np.random.default_rng(seed)
    noisy = np.asarray(picture) + rng.normal(0, 5, (height, width, 3))
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


@pytest.fixture
def png(tmp_path) -> Path:
    scan().save(tmp_path / "scan.png", dpi=(150, 150))
    return tmp_path / "scan.png"


@pytest.fixture
def pdf(tmp_path) -> Path:
    """Two scanned pages, a page with text only."""
    import pymupdf

    document = pymupdf.open()
    for seed in range(2):
        page = document.new_page(width=216, height=288)
        buffer = io.BytesIO()
        scan(seed=seed).save(buffer, "JPEG", quality=90)
        page.insert_image(page.rect, stream=buffer.getvalue())
    document.new_page(width=216, height=288).insert_text((30, 40), "born digital")
    document.save(tmp_path / "in.pdf")
    return tmp_path / "in.pdf"


@pytest.fixture
def data(tmp_path) -> Path:
    """Three tiny pairs, in data/scan and data/clean."""
    for n in range(3):
        clean = np.full((40, 48), 255, np.uint8)
        clean[10:14, 5 + n : 40] = 0
        for name, pixels in (("scan", clean // 2 + 60), ("clean", clean)):
            (tmp_path / "data" / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "data" / name / f"{n}.png")
    return tmp_path / "data"


def names(folder: Path, *without: Path) -> Sequence[str]:
    return sorted(p.name for p in folder.iterdir() if p not in without)
