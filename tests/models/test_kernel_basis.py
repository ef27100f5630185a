"""The kernel basis attention: fast forms against the literal one."""

import pytest
import torch

from scanclean.models._layers import (
    SLAB,
    LayerNorm2d,
    bank,
    kernel_basis,
    kernel_basis_grouped,
    kernel_basis_literal,
    kernel_basis_products,
)

FORMS = [kernel_basis_products, kernel_basis_grouped]
SHAPES = [(8, 3, 4, 3), (4, 1, 4, 3), (12, 5, 2, 3), (8, 2, 4, 5)]  # channels, bases, group, k


def inputs(channels, bases, group, k, batch=2):
    torch.manual_seed(channels)
    w, b = bank(bases, channels, group, k)
    shape = (batch, channels, 5, 6)
    u, a = torch.randn(shape).double(), torch.randn(batch, bases, 5, 6).double()
    return [x.detach().double().requires_grad_() for x in (u, a, w, b)]


@pytest.mark.parametrize("form", FORMS, ids=["products", "grouped"])
@pytest.mark.parametrize("shape", SHAPES)
def test_form_equals_the_definition(form, shape):
    arguments = inputs(*shape)
    expected = kernel_basis_literal(*arguments, *shape[2:])
    torch.testing.assert_close(form(*arguments, *shape[2:]), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("form", FORMS, ids=["products", "grouped"])
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


def test_groups_that_do_not_fit_a_slab_together_are_all_there():
    torch.manual_seed(0)
    w, b = bank(32, 16, 4, 3)
    u, a = torch.randn(1, 16, 100, 90), torch.randn(1, 32, 100, 90)
    assert SLAB < 32 * 4 * 100 * 90
    arguments = [x.detach().requires_grad_() for x in (u, a, w, b)]
    found, expected = (form(*arguments, 4, 3) for form in FORMS)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    gradients = [torch.autograd.grad(out.square().mean(), arguments) for out in (found, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-7)


def test_many_bases_train_in_half_precision():
    w, b = bank(32, 8, 4, 3)
    u, a = torch.randn(1, 8, 6, 6).requires_grad_(), torch.randn(1, 32, 6, 6)
    with torch.autocast("cpu", torch.bfloat16):
        out = kernel_basis(u.bfloat16(), a.bfloat16(), w, b, 4, 3)
    out.float().square().sum().backward()
    expected = kernel_basis(u, a, w, b, 4, 3)
    assert w.grad.dtype == torch.float32 and u.grad.isfinite().all()
    assert (out - expected).abs().max() < 0.05 * expected.abs().max()
