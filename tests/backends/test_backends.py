import os
import subprocess
import sys

import pytest

from scanclean import backends, plugins
from scanclean.errors import DeviceError, UsageError, WeightsError


def test_every_engine_has_a_name_a_user_can_type():
    assert sorted(backends.ENGINES.values()) == plugins.names("backends")


@pytest.mark.parametrize("name", backends.ENGINES)
def test_cpu_is_always_there(name):
    assert "cpu" in backends.engine(name).available()


def test_missing_device_is_an_error_and_not_a_fallback(tmp_path):
    (tmp_path / "w.onnx").write_bytes(b"x")
    with pytest.raises(DeviceError, match="coreml") as caught:
        backends.open_backend(tmp_path / "w.onnx", device="coreml", backend="onnx")
    assert "--device auto" in caught.value.hint


def test_engine_that_cannot_open_the_file_says_so(tmp_path):
    with pytest.raises(UsageError, match="torch"):
        backends.open_backend(tmp_path / "w.onnx", backend="torch")


def test_damaged_onnx_is_a_weights_error(tmp_path):
    (tmp_path / "w.onnx").write_bytes(b"\x08\x07" + b"x" * 100)
    with pytest.raises(WeightsError, match="w.onnx"):
        backends.open_backend(tmp_path / "w.onnx")


def test_runtime_leaves_nothing_in_the_temporary_folder(tmp_path):
    script = "from scanclean.backends import ort; ort.available()"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)
    assert not list(tmp_path.iterdir())
