from __future__ import annotations

import pytest
import torch

from smoothbit.quant.quantizers.min_max import MinMax, grid_over


def test_range_is_a_moving_average():
    quantizer = MinMax(8, momentum=0.25)
    quantizer(torch.tensor([[-1.0, 3.0]]))
    quantizer(torch.tensor([[-5.0, 7.0]]))
    assert quantizer.observer.lo.item() == pytest.approx(-2.0)
    assert quantizer.observer.hi.item() == pytest.approx(4.0)


def test_weight_keeps_its_latest_range():
    quantizer = MinMax(8, is_weight=True)
    quantizer(torch.tensor([[-1.0, 3.0]]))
    quantizer(torch.tensor([[-5.0, 7.0]]))
    assert (quantizer.observer.lo.item(), quantizer.observer.hi.item()) == (-5.0, 7.0)


def test_zero_is_exact_above_one_bit():
    scale, zero_point, phase = grid_over(torch.tensor([-1.0]), torch.tensor([2.0]), 2)
    assert (scale.item(), zero_point.item(), phase.item()) == (1.0, 1.0, 0.0)


def test_one_bit_signed_grid_holds_both_ends():
    quantizer = MinMax(1)
    x = torch.tensor([[-1.0, 2.0, 0.4, 0.6]])
    assert quantizer(x).tolist() == [[-1.0, 2.0, -1.0, 2.0]]
