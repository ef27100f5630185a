"""The kernel basis attention: fast forms against the literal one."""

import pytest
import torch

from scanclean.models._layers import (
    LayerNorm2d,
    bank,
    kernel_basis_fused,
    kernel_basis_grouped,
    kernel_basis_literal,
)

FORMS = [kernel_basis_fused, kernel_basis_grouped]
SHAPES = [(8, 3, 4, 3), (4, 1, 4, 3), (12, 5, 2, 3), (8, 2, 4, 5)]  # channels, bases, group, k


def inputs(channels, bases, group, k, batch=2):
    torch.manual_seed(channels)
    w, b = bank(bases, channels, group, k)
    shape = (batch, channels, 5, 6)
    u, a = torch.randn(shape).double(), torch.randn(batch, bases, 5, 6).double()
    return [x.detach().double().requires_grad_() for x in (u, a, w, b)]


@pytest.mark.parametrize("form", FORMS, ids=["fused", "grouped"])
@pytest.mark.parametrize("shape", SHAPES)
def test_form_equals_the_definition(form, shape):
    arguments = inputs(*shape)
    expected = kernel_basis_literal(*arguments, *shape[2:])
    torch.testing.assert_close(form(*arguments, *shape[2:]), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("form", FORMS, ids=["fused", "grouped"])
def test_gradients_equal_those_of_the_definition(form):
    arguments = inputs(8, 3, 4, 3)
    weights = torch.randn(2, 8, 5, 6).double()
    expected = torch.autograd.grad(
        (kernel_basis_literal(*arguments, 4, 3) * weights).sum(), arguments
    )
    found = torch.autograd.grad((form(*arguments, 4, 3) * weights).sum(), arguments)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def test_layer_norm_is_over_the_channels_of_a_pixel():
    x = torch.randn(2, 8, 3, 4).double()
    norm = LayerNorm2d(8).double()
    with torch.no_grad():
        norm.weight.copy_(torch.arange(8))
        norm.bias.copy_(torch.arange(8) / 10)
    mean = x.mean(1, keepdim=True)
    deviation = torch.sqrt(x.var(1, unbiased=False, keepdim=True) + 1e-6)
    scale, shift = (p[None, :, None, None] for p in (norm.weight, norm.bias))
    torch.testing.assert_close(norm(x), (x - mean) / deviation * scale + shift)
