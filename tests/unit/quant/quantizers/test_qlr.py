from __future__ import annotations

import numpy as np
import pytest
import torch

from smoothbit.numerics import affine
from smoothbit.quant import BT, QLR, BTStar, calibrate


def test_alpha_starts_at_the_best_candidate():
    quantizer = QLR(2)
    x = torch.randn(1, 2000, generator=torch.Generator().manual_seed(0))
    quantizer(x)
    alpha = quantizer.log_alpha.exp().item()
    quantizer.eval()
    errors = {}
    for index in range(1, 11):
        quantizer.log_alpha.data.fill_(float(np.log(np.float32(index / 10))))
        errors[index / 10] = float((quantizer(x).detach() - x).abs().mean())
    assert alpha == pytest.approx(min(errors, key=errors.__getitem__), abs=1e-6)


@pytest.mark.parametrize(("x", "expected"), [(0.4, "inside"), (-9.0, "below"), (9.0, "above")])
def test_alpha_gradient_is_the_derivative_of_the_dequantized_value(x, expected):
    """DESIGN 2.1: scale/alpha * (codes - zero_point - x/scale) inside, m below, M above."""
    quantizer = QLR(2)
    with calibrate(quantizer):
        quantizer(torch.tensor([[-1.0, 2.0]]))
    quantizer.log_alpha.data.fill_(float(np.log(0.5)))
    quantizer(torch.tensor([[x]])).sum().backward()
    assert quantizer.log_alpha.grad is not None
    derivative = quantizer.log_alpha.grad.item() / 0.5
    value = quantizer(torch.tensor([[x]])).item()
    wanted = {"inside": (value - x) / 0.5, "below": -1.0, "above": 2.0}[expected]
    assert derivative == pytest.approx(wanted, abs=1e-6)


def test_bt_equals_integer_truncation_of_eight_bit_codes():
    """DESIGN 2.1: quantize at 8 bits, then round the codes to multiples of 85 (2 bits) or 17 (4 bits)."""
    for num_bits, divisor in ((1, 255), (2, 85), (4, 17)):
        quantizer = BT(num_bits)
        x = torch.randn(1, 4000, generator=torch.Generator().manual_seed(1))
        quantizer(x)
        law = quantizer.law()
        fine = affine.quantize(x.numpy(), affine.AffineLaw(8, law.scale, law.zero_point, law.phase))
        truncated = (2 * fine.astype(int) + divisor) // (2 * divisor)
        np.testing.assert_array_equal(affine.quantize(x.numpy(), law), truncated)


def test_bt_grid_is_balanced_for_symmetric_values():
    quantizer = BT(2)
    quantizer(torch.tensor([[-1.0, 1.0]]))
    law = quantizer.law()
    grid = affine.dequantize(np.arange(4, dtype=np.uint8)[None], law)[0]
    np.testing.assert_allclose(grid, -grid[::-1], atol=float(law.scale[0]))


def test_bt_star_adds_the_rounded_skewness_before_truncation():
    quantizer = BTStar(2)
    x = torch.cat([torch.zeros(96), torch.tensor([1.0, 2.0, 3.0, 4.0])])[None]
    quantizer(x)
    centred = x - x.mean()
    skewness = float(((centred / centred.square().mean().sqrt()) ** 3).mean().round())
    assert quantizer.law().shift == skewness > 0


def test_bt_star_shift_stays_within_half_a_step():
    quantizer = BTStar(4)
    quantizer(torch.cat([torch.zeros(9999), torch.ones(1)])[None])
    assert quantizer.skewness.item() > 8
    assert quantizer.law().shift == 8
