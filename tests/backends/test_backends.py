import os
import subprocess
import sys

import pytest
import torch

from scanclean import backends, plugins, weights
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


@pytest.fixture
def tiny(tmp_path):
    """A small KBNet as a weights file."""
    from scanclean import checkpoint
    from scanclean.models import kbnet

    torch.manual_seed(0)
    net = kbnet.build(
        kbnet.Config(width=8, encoder=(1,), middle=1, decoder=(1,), bases=2, pooling="none")
    )
    spec = checkpoint.spec_of(net, "kbnet")
    checkpoint.save(net, spec, tmp_path / "w.safetensors")
    checkpoint.export_onnx(net, spec, tmp_path / "w.onnx")
    return tmp_path


@pytest.mark.parametrize("name", backends.ENGINES)
def test_every_arithmetic_that_is_offered_runs_and_fp32_is_among_them(name, tiny):
    engine = backends.engine(name)
    offered = engine.precisions("cpu")
    assert "fp32" in offered
    path = next(tiny / f"w{kind}" for kind in engine.KINDS if (tiny / f"w{kind}").exists())
    exact = engine.open_backend(path, "cpu", 1, "fp32")
    for precision in offered:
        network = backends.open_backend(path, backend=name, precision=precision)
        assert network.precision == precision
        assert backends.compare(network, exact).mean < 1


def test_an_arithmetic_that_is_not_there_is_an_error_and_not_a_fallback(tiny):
    with pytest.raises(DeviceError, match="int8") as caught:
        backends.open_backend(tiny / "w.onnx", precision="int8")
    assert "fp32" in caught.value.hint


@pytest.mark.parametrize("name", [e.name for e in weights.entries() if e.url is None])
def test_both_files_of_bundled_weights_compute_the_same(name):
    onnx, torch_net = (
        backends.open_backend(weights.path_of(name, kind), backend=engine, precision="fp32")
        for kind, engine in ((".onnx", "onnx"), (".safetensors", "torch"))
    )
    assert backends.compare(onnx, torch_net).largest < 0.1


def test_auto_never_takes_what_fails_the_probe(tiny, monkeypatch):
    engine = backends.engine("torch")
    honest = engine.open_backend

    def wrong(path, device, threads, precision="fp32"):
        network = honest(path, device, threads, "fp32")
        if precision == "fp32":
            return network
        network.precision = precision
        network._net = torch.nn.Sequential(network._net, torch.nn.Hardtanh(0.2, 0.8))
        return network

    monkeypatch.setattr(engine, "open_backend", wrong)
    monkeypatch.setattr(engine, "precisions", lambda device: ["bf16", "fp32"])
    assert backends.open_backend(tiny / "w.safetensors").precision == "fp32"


def test_nodes_are_counted_where_they_run(tiny):
    from scanclean.backends.ort import placement

    nodes = placement(tiny / "w.onnx", "cpu")
    assert {provider for provider, _ in nodes} == {"CPUExecutionProvider"}
    assert sum(count for (_, op), count in nodes.items() if op == "Conv") >= 10
