from __future__ import annotations

import torch

from smoothbit.numerics import affine
from smoothbit.quant import SGQuant
from smoothbit.train.policies import POLICIES


def test_codes_fill_the_range_and_hold_zero():
    """methods/08, acceptance 1."""
    quantizer = SGQuant(2)
    x = torch.tensor([[-1.0, -0.4, 0.0, 0.9, 2.0]])
    out = quantizer(x)
    codes = affine.quantize(x.numpy(), quantizer.law())
    assert (codes.min(), codes.max()) == (0, 3)
    assert out[0, 2] == 0


def test_constant_tensor_returns_itself():
    """Within the rounding of scale = 0.7 / 15 and 15 * scale: 2 ULP."""
    torch.testing.assert_close(SGQuant(4)(torch.full((3, 4), 0.7)), torch.full((3, 4), 0.7), rtol=2 * 2**-23, atol=0)


def test_its_width_policy_exists():
    assert SGQuant.width_policy in POLICIES
