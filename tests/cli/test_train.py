from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scanclean.errors import ExitCode


@pytest.fixture
def data(tmp_path) -> Path:
    for n in range(3):
        clean = np.full((40, 48), 255, np.uint8)
        clean[10:14, 5 + n : 40] = 0
        for name, pixels in (("scan", clean // 2 + 60), ("clean", clean)):
            (tmp_path / "data" / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "data" / name / f"{n}.png")
    return tmp_path / "data"


def test_train_resume_and_restore(run, data, tmp_path):
    code, out, err = run(
        "train", data, "-o", tmp_path / "run", "--steps", 2, "--batch", 2, "--patch", 32
    )
    assert code == 0 and "RMSE" in err
    best = out.strip()
    assert Path(best) == tmp_path / "run" / "best.safetensors" and Path(best).exists()
    assert run("train", "--resume", tmp_path / "run")[0] == 0
    page = data / "scan" / "0.png"
    assert run("restore", page, "-o", tmp_path / "o.png", "--weights", best)[0] == 0


def test_faulty_data_is_exit_7_and_named(run, data, tmp_path):
    (data / "clean" / "1.png").unlink()
    code, _, err = run("train", data, "-o", tmp_path / "run")
    assert code == ExitCode.DATA and "1.png has no partner" in err
    assert not (tmp_path / "run").exists()


def test_either_data_or_resume(run, data):
    assert run("train")[0] == ExitCode.USAGE
    assert run("train", data, "--resume", data)[0] == ExitCode.USAGE
