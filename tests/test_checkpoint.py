import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from scanclean import backends, checkpoint
from scanclean.errors import WeightsError
from scanclean.models import kbnet
from scanclean.spec import ModelSpec

CONFIG = kbnet.Config(width=4, encoder=(1,), middle=1, decoder=(1,), bases=2, pooling="none")


@pytest.fixture
def net():
    torch.manual_seed(0)
    built = kbnet.build(CONFIG).eval()
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return built


@pytest.fixture
def published(net):
    """Tensors as the published code would have them: 32 bases, no description."""
    return kbnet.build(kbnet.Config(width=4, encoder=(1,), middle=1, decoder=(1,))).state_dict()


def test_weights_file_describes_itself(net, tmp_path):
    spec = checkpoint.spec_of(net, "kbnet", trained_on="nothing")
    checkpoint.save(net, spec, tmp_path / "w.safetensors")
    again, found = checkpoint.load(tmp_path / "w.safetensors")
    assert found == spec.__class__(**{**vars(spec), "config": found.config})
    x = torch.rand(1, 3, 8, 8)
    assert torch.equal(again(x), net(x))
    assert found.config["bases"] == 2 and found.multiple_of == 2 and not found.fixed_tile


WRAPPINGS = {
    "bare": lambda state: state,
    "params": lambda state: {"params": state},
    "params_ema beside params": lambda state: {"params": {}, "params_ema": state},
    "net and DataParallel": lambda state: {"net": {"module." + k: v for k, v in state.items()}},
    "model with extras": lambda state: {"model": state, "epoch": 3},
}


@pytest.mark.parametrize("wrap", WRAPPINGS.values(), ids=WRAPPINGS.keys())
def test_published_checkpoints_are_unwrapped(wrap, published, tmp_path):
    torch.save(wrap(published), tmp_path / "p.pth")
    net, spec = checkpoint.load(tmp_path / "p.pth")
    assert spec.arch == "kbnet" and spec.fixed_tile
    assert torch.equal(net.state_dict()["ending.weight"], published["ending.weight"])


class Malicious:
    def __reduce__(self):
        return (print, ("code ran",))


def test_code_in_a_checkpoint_does_not_run(tmp_path, capsys):
    torch.save({"model": Malicious()}, tmp_path / "evil.pth")
    with pytest.raises(WeightsError, match="evil.pth"):
        checkpoint.load(tmp_path / "evil.pth")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_damage_is_a_weights_error(name, tmp_path):
    (tmp_path / name).write_bytes(b"<html>not found</html>" * 20)
    with pytest.raises(WeightsError, match=name):
        checkpoint.load(tmp_path / name)


def test_tensors_that_do_not_fit_are_named(net, tmp_path):
    state = dict(net.state_dict())
    del state["ending.bias"]
    save_file(state, tmp_path / "w.safetensors", checkpoint.spec_of(net, "kbnet").to_metadata())
    with pytest.raises(WeightsError, match="ending.bias"):
        checkpoint.load(tmp_path / "w.safetensors")


def test_unknown_network_is_a_weights_error(tmp_path):
    save_file({"layer.weight": torch.zeros(3)}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match="no network"):
        checkpoint.load(tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match="'nosuch'"):
        checkpoint.build(ModelSpec("nosuch"))


@pytest.mark.parametrize("shuffle", [1, 2])
def test_engines_agree(shuffle, tmp_path):
    torch.manual_seed(0)
    net = kbnet.build(kbnet.Config(**{**vars(CONFIG), "shuffle": shuffle})).eval()
    spec = checkpoint.spec_of(net, "kbnet")
    checkpoint.save(net, spec, tmp_path / "w.safetensors")
    checkpoint.export_onnx(net, spec, tmp_path / "w.onnx")
    engines = [
        backends.open_backend(tmp_path / f"w.{kind}", precision="fp32")
        for kind in ("safetensors", "onnx")
    ]
    assert engines[0].spec == engines[1].spec
    for height, width in ((16, 16), (64, 24)):  # sizes other than that of the export
        tiles = np.random.default_rng(0).random((1, 3, height, width), dtype=np.float32)
        assert np.abs(engines[0](tiles) - engines[1](tiles)).max() < 1e-5


def test_exported_graph_says_which_tensors_are_equally_large(net, tmp_path):
    import onnx

    checkpoint.export_onnx(net, checkpoint.spec_of(net, "kbnet"), tmp_path / "w.onnx")
    graph = onnx.load(tmp_path / "w.onnx").graph
    sides = {
        value.name: [d.dim_param for d in value.type.tensor_type.shape.dim[2:]]
        for value in graph.value_info
    }
    outputs = {name for node in graph.node if node.op_type == "Conv" for name in node.output}
    products = [
        [sides[name] for name in node.input]
        for node in graph.node
        if node.op_type == "Mul" and outputs.issuperset(node.input)
    ]
    assert len(products) > 8
    for first, second in products:
        assert first == second and all(side.partition("/")[2] for side in first)


@pytest.mark.parametrize("pooling", ["global", "none"])
def test_exported_graph_takes_several_tiles_of_any_size(pooling, tmp_path):
    torch.manual_seed(0)
    net = kbnet.build(kbnet.Config(**{**vars(CONFIG), "pooling": pooling})).eval()
    checkpoint.export_onnx(net, checkpoint.spec_of(net, "kbnet"), tmp_path / "w.onnx")
    engine = backends.open_backend(tmp_path / "w.onnx", backend="onnx")
    tiles = np.random.default_rng(0).random((2, 3, 24, 40), dtype=np.float32)
    with torch.no_grad():
        truth = net(torch.from_numpy(tiles)).numpy()
    assert np.abs(engine(tiles) - truth).max() < 1e-5


def test_zeros_take_no_room_and_come_back(net, tmp_path):
    with torch.no_grad():
        net.middle_blks[0].w[net.middle_blks[0].w < 0.05] = 0
    spec = checkpoint.spec_of(net, "kbnet")
    for name, compact in (("plain", False), ("packed", True)):
        checkpoint.save(net, spec, tmp_path / f"{name}.safetensors", compact=compact)
    again, _ = checkpoint.load(tmp_path / "packed.safetensors")
    for name, tensor in net.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name
    plain, packed = ((tmp_path / f"{n}.safetensors").stat().st_size for n in ("plain", "packed"))
    assert packed < plain


def test_packed_file_that_does_not_fit_itself_is_refused(net, tmp_path):
    state, shapes = checkpoint._sparse.packed({"x": torch.tensor([0.0] * 40 + [1.0, 2.0])})
    state["x.values"] = torch.ones(3)
    metadata = checkpoint.spec_of(net, "kbnet").to_metadata() | {checkpoint._sparse.KEY: shapes}
    save_file(state, str(tmp_path / "w.safetensors"), metadata=metadata)
    with pytest.raises(WeightsError, match="zeros of x"):
        checkpoint.load(tmp_path / "w.safetensors")
