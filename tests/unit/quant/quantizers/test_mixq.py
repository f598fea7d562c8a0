from __future__ import annotations

import pytest
import torch

from smoothbit.quant import MixQ
from smoothbit.train.policies import POLICIES


def test_grid_starts_over_the_first_batch():
    quantizer = MixQ(2)
    assert quantizer(torch.tensor([-1.0, 2.0, 0.6])).tolist() == pytest.approx([-1.0, 2.0, 1.0])
    assert quantizer.zero_point.tolist() == [1.0]


def test_step_moves_and_zero_point_stays():
    quantizer = MixQ(2)
    x = torch.tensor([[-1.0, 2.0, 0.3]])
    quantizer(x)
    quantizer(3 * x).sum().backward()
    # Outside: levels q - z = 2 and -1; inside 0.9 / 1: q - x / s = 1 - 0.9. d log s = s times that, s = 1.
    assert quantizer.log_step.grad.item() == pytest.approx(2 - 1 + 0.1, abs=1e-5)
    assert quantizer.zero_point.tolist() == [1.0]


def test_its_width_policy_exists():
    assert MixQ.width_policy in POLICIES
