"""Our networks against spandrel's independent implementation of the same papers."""

import pytest
import torch

from scanclean.models import kbnet, kbnet_l

LIMIT = 2e-6


@pytest.fixture(scope="module")
def spandrel():
    try:
        # spandrel imports torchvision, which does not match every build of torch; its operators
        # are not needed here.
        register = torch.library.register_fake
        torch.library.register_fake = lambda op, *args, **kw: (
            (lambda f: f) if str(op).startswith("torchvision::") else register(op, *args, **kw)
        )
        import spandrel

        return spandrel
    except Exception as error:
        pytest.skip(f"spandrel cannot be imported: {error}")
    finally:
        torch.library.register_fake = register


CASES = {
    "s, three levels": (
        kbnet,
        kbnet.Config(width=16, encoder=(2, 3, 4), middle=4, decoder=(4, 3, 2)),
    ),
    "s, gray, lightweight": (
        kbnet,
        kbnet.Config(1, 8, (1, 2), 1, (2, 1), lightweight=True, ffn_scale=1.5),
    ),
    "l": (kbnet_l, kbnet_l.Config(dim=24, blocks=(1, 2, 1, 1), refinement=1)),
}


@pytest.mark.parametrize("name", CASES)
def test_same_weights_same_pixels(name, spandrel):
    module, config = CASES[name]
    torch.manual_seed(1)
    ours = module.build(config).eval()
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    theirs = spandrel.ModelLoader().load_from_state_dict(ours.state_dict()).model.eval()
    assert set(theirs.state_dict()) == set(ours.state_dict())
    x = torch.rand(1, config.channels, 48, 64)
    with torch.inference_mode():
        assert (ours(x) - theirs(x)).abs().max() <= LIMIT
