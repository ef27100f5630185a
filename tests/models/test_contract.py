"""What every architecture must keep: a new file in `scanclean/models` is tested by being there."""

import dataclasses

import numpy as np
import pytest
import torch

from scanclean import backends, checkpoint, plugins
from scanclean.restorer import Restorer

SMALL = {
    "kbnet": {"width": 4, "encoder": (1,), "middle": 1, "decoder": (1,), "bases": 2},
    "kbnet_l": {"dim": 12, "blocks": (1, 1, 1, 1), "refinement": 1, "bases": 2},
    "dncnn": {"width": 4, "depth": 3},
    "srresnet": {"width": 4, "blocks": 1},
    "unet": {"width": 4, "depth": 2},
    "pix2pix": {"width": 4, "depth": 3},
}
"""Options that make an architecture quick; a new one without an entry is tested as it comes."""
VARIANTS = {
    "kbnet": [{"pooling": "none", "shuffle": 2}],
    "dncnn": [{"norm": "none", "channels": 1}],
    "srresnet": [
        {"block": "1x1-3x3-1x1", "activation": "glu", "input_norm": "instance"},
        {"activation": "gelu", "input_norm": "channel", "norm": "none", "mean": (0.1, 0.2, 0.3)},
        {"activation": "relu", "input_norm": "range", "skip": False, "channels": 1},
    ],
    "unet": [{"channels": 1, "depth": 1}],
    "pix2pix": [{"norm": "pixel", "channels": 1}, {"norm": "instance"}],
}
CASES = [
    pytest.param(name, {**SMALL.get(name, {}), **more}, id=f"{name}-{number}")
    for name in plugins.names("models")
    for number, more in enumerate([{}, *VARIANTS.get(name, [])])
]


@pytest.fixture
def made(shaken):
    """made(name, options): the architecture's network and its spec."""

    def make(name, options):
        module = plugins.load("models", name)
        net = shaken(module, module.Config(**options))
        return net, checkpoint.spec_of(net, name, trained_on="nothing")

    return make


@pytest.mark.parametrize(("name", "options"), CASES)
def test_config_is_frozen_and_goes_into_the_spec(name, options, made):
    net, spec = made(name, options)
    assert type(net.config).__dataclass_params__.frozen
    assert spec.channels == net.config.channels and spec.config == dataclasses.asdict(net.config)
    assert spec.tile % spec.multiple_of == 0


@pytest.mark.parametrize(("name", "options"), CASES)
def test_shape_is_kept_at_odd_multiples(name, options, made):
    net, spec = made(name, options)
    for height, width in ((3, 5), (5, 7)):
        x = torch.rand(2, spec.channels, height * spec.multiple_of, width * spec.multiple_of)
        assert net(x).shape == x.shape


@pytest.mark.parametrize(("name", "options"), CASES)
def test_weights_file_gives_the_network_back(name, options, made, tmp_path):
    net, spec = made(name, options)
    checkpoint.save(net, spec, tmp_path / "w.safetensors")
    again, found = checkpoint.load(tmp_path / "w.safetensors")
    x = torch.rand(1, spec.channels, 3 * spec.multiple_of, spec.multiple_of * 2)
    assert torch.equal(again(x), net(x))
    assert again.config == net.config
    assert (found.arch, found.multiple_of, found.fixed_tile) == (
        name,
        spec.multiple_of,
        spec.fixed_tile,
    )


@pytest.mark.parametrize(("name", "options"), CASES)
def test_onnx_is_the_same_network_at_every_size_and_restores_a_page(name, options, made, tmp_path):
    net, spec = made(name, options)
    checkpoint.export_onnx(net, spec, tmp_path / "w.onnx")
    engine = backends.open_backend(tmp_path / "w.onnx")
    assert engine.spec == from_json(spec)
    for height, width in ((3, 5), (7, 2)):
        shape = (1, spec.channels, height * spec.multiple_of, width * spec.multiple_of)
        tiles = np.random.default_rng(0).random(shape, dtype=np.float32)
        assert np.abs(engine(tiles) - net(torch.from_numpy(tiles)).numpy()).max() < 1e-4
    page = np.random.default_rng(1).integers(0, 256, (23, 17, 3), dtype=np.uint8)
    restorer = Restorer(engine, use_guard=False)
    assert restorer(page).shape == page.shape
    restorer.close()


@pytest.mark.parametrize(("name", "options"), CASES)
def test_spec_says_whether_the_tile_matters(name, options, made):
    net, spec = made(name, options)
    far = 128 // spec.multiple_of * spec.multiple_of  # beyond what convolutions of these sizes see
    x = torch.rand(1, spec.channels, 2 * far, spec.multiple_of * 2)
    y = x.clone()
    y[:, :, far:] = 0
    alone = torch.equal(net(x)[:, :, : far // 4], net(y)[:, :, : far // 4])
    assert alone != spec.fixed_tile


@pytest.mark.parametrize(("name", "options"), CASES)
def test_every_weight_gets_a_finite_gradient(name, options):
    module = plugins.load("models", name)
    net = module.build(module.Config(**options)).train()
    side = 4 * getattr(net.config, "multiple_of", 1)
    x = torch.rand(2, net.config.channels, side, side)
    (net(x) - torch.rand_like(x)).abs().mean().backward()
    for label, parameter in net.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None and parameter.grad.isfinite().all(), label


def from_json(spec):
    """A spec as it comes back from JSON, where tuples are lists."""
    listed = {k: list(v) if isinstance(v, tuple) else v for k, v in spec.config.items()}
    return dataclasses.replace(spec, config=listed)
