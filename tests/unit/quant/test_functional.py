from __future__ import annotations

import numpy as np
import torch

from smoothbit.numerics import affine
from smoothbit.quant.functional import TorchLaw, dequantize, fake_quantize, quantize


def _laws(num_bits, divisor=1, shift=0):
    numbers = np.float32([0.37]), np.float32([2.0]), np.float32([0.25])
    numpy_law = affine.AffineLaw(num_bits, *numbers, divisor=divisor, shift=shift)
    torch_law = TorchLaw(*(torch.from_numpy(v) for v in numbers), numpy_law.qmax, divisor, shift)
    return numpy_law, torch_law


def test_torch_and_numpy_agree_to_the_bit():
    """Ties, huge values and every width; with and without truncation."""
    rng = np.random.default_rng(0)
    ties = (np.arange(-40, 40) / 2).astype(np.float32) * np.float32(0.37)
    x = np.concatenate([ties, rng.standard_normal(5000).astype(np.float32) * 4, np.float32([1e30, -1e30, 0.0])])[None]
    for num_bits, divisor, shift in [(1, 1, 0), (2, 1, 0), (4, 1, 0), (8, 1, 0), (2, 85, 7), (4, 17, -3), (1, 255, 0)]:
        numpy_law, torch_law = _laws(num_bits, divisor, shift)
        codes = quantize(torch.from_numpy(x), torch_law)
        np.testing.assert_array_equal(codes.numpy(), affine.quantize(x, numpy_law))
        np.testing.assert_array_equal(
            dequantize(codes, torch_law).numpy(), affine.dequantize(codes.numpy().astype(np.uint8), numpy_law)
        )


def test_scale_gradient_reduces_to_its_shape():
    scale = torch.tensor([0.5, 0.25], requires_grad=True)
    law = TorchLaw(scale, torch.zeros(2), torch.zeros(2), 3)
    fake_quantize(torch.rand(7, 2), law).sum().backward()
    assert scale.grad is not None
    assert scale.grad.shape == (2,)


def test_scale_gradient_equals_the_closed_form():
    scale = torch.tensor([0.5], requires_grad=True)
    law = TorchLaw(scale, torch.ones(1), torch.zeros(1), 3)
    x = torch.tensor([0.3, 40.0, -40.0])
    fake_quantize(x, law).backward(torch.tensor([1.0, 10.0, 100.0]))
    inside = (0.5 - 0.3) / 0.5
    assert scale.grad is not None
    torch.testing.assert_close(scale.grad, torch.tensor([inside + 10 * 2 + 100 * -1]))
