from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from smoothbit.numerics import affine
from smoothbit.quant import A2Q, calibrate
from smoothbit.quant.quantizers.a2q import RATE

MAX_ROUNDING_BIAS = 0.25
"""The budget holds for the real widths; rounded ones exceed it where many nodes lie just above a half."""


def _node_wise(num_bits: int, widths: list[float], step: float = 1.0) -> A2Q:
    quantizer = A2Q(num_bits, granularity="per_node")
    quantizer.prepare(torch.ones(len(widths)))
    quantizer.node_bits.data = (torch.tensor(widths) - num_bits) / RATE
    quantizer.node_step.data.fill_(math.log(step) / RATE)
    quantizer.is_initialised.fill_(True)
    return quantizer.eval()


def _rows(num_nodes: int = 50, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    size = torch.rand(num_nodes, 1, generator=generator) * 5 + 0.1
    return torch.randn(num_nodes, 16, generator=generator).relu() * size


def test_each_node_has_its_own_levels():
    """methods/02, acceptance 1 without a sign: steps of 1, widths 1, 2 and 3; halves round to even."""
    quantizer = _node_wise(2, [1, 2, 3])
    x = torch.tensor([[0.4, 0.6, 9.0]]).repeat(3, 1)
    assert quantizer(x).tolist() == [[0, 1, 1], [0, 1, 3], [0, 1, 7]]


def test_signed_tensor_of_two_bits():
    """methods/02, acceptance 1; the departures: one level more below, 0.5 rounds to even."""
    quantizer = A2Q(2)
    quantizer(torch.tensor([[-1.0, 1.0]]))
    quantizer.log_step.data.zero_()
    assert quantizer.eval()(torch.tensor([[-3.0, -0.6, 0.4, 0.6, 9.0]])).tolist() == [[-2, -1, 0, 1, 1]]


def test_law_stores_the_widths_in_the_smallest_that_holds_all():
    quantizer = _node_wise(2, [1, 2, 3], step=0.7)
    law, x = quantizer.law(), _rows(3)
    assert (law.num_bits, law.granularity) == (4, "per_node")
    codes = affine.quantize(x.numpy(), law)
    np.testing.assert_array_equal(affine.dequantize(codes, law), quantizer(x).detach().numpy())
    assert codes.min(axis=1).tolist() == [14, 12, 8]


@pytest.mark.parametrize(("value", "to_step", "to_width"), [(1.3, 1 - 1.3, 0.0), (9.0, 3.0, 4 * math.log(2))])
def test_gradients_of_the_error_are_those_of_the_paper(value, to_step, to_width):
    """dx^/ds = q - x/s in range, 2^B - 1 above; dx^/db = 0 in range, s 2^B ln 2 above; times sign(x^ - x)."""
    quantizer = _node_wise(2, [2.0])
    quantizer.node_errors(torch.tensor([[value]])).sum().backward()
    assert quantizer.node_step.grad.item() / RATE == pytest.approx(-to_step, abs=1e-5)
    assert quantizer.node_bits.grad.item() / RATE == pytest.approx(-to_width, abs=1e-5)


def test_task_gradient_reaches_values_in_range_and_no_step():
    quantizer = _node_wise(2, [2.0]).train()
    x = torch.tensor([[1.3, 9.0]], requires_grad=True)
    quantizer(x).sum().backward()
    assert x.grad.tolist() == [[1.0, 0.0]]
    assert quantizer.node_step.grad is None
    assert quantizer.node_bits.grad is None


def _minimise(quantizer: A2Q, x: torch.Tensor, steps: int) -> None:
    quantizer.train()
    optimiser = torch.optim.Adam(quantizer.range_parameters(), lr=3e-3)
    for _ in range(steps):
        optimiser.zero_grad()
        quantizer(x)
        quantizer.penalty().backward()
        optimiser.step()


def test_error_of_every_node_decreases():
    """methods/02, acceptance 2: from steps 3 times too small, with room for more bits."""
    x = _rows()
    quantizer = _node_wise(4, [2.0] * 50, step=0.2)
    before = quantizer.node_errors(x).detach()
    _minimise(quantizer, x, 100)
    after = quantizer.node_errors(x).detach()
    assert (after < before)[before > 1e-3].all()


@pytest.mark.parametrize("num_bits", [2, 4])
def test_mean_width_keeps_the_budget_while_nodes_differ(num_bits):
    x = _rows(200)
    x[::2, 0] *= 20
    quantizer = A2Q(num_bits, granularity="per_node")
    quantizer.prepare(torch.ones(200))
    with calibrate(quantizer):
        quantizer(x)
    _minimise(quantizer, x, 300)
    assert quantizer.avg_bits == pytest.approx(num_bits, abs=MAX_ROUNDING_BIAS)
    assert len(quantizer.widths.unique()) > 1
    error = float(quantizer.node_errors(x).detach().sum())
    fixed = A2Q(num_bits, granularity="per_node")
    fixed.prepare(torch.ones(200))
    with calibrate(fixed):
        fixed(x)
    assert error < float(fixed.node_errors(x).detach().sum())


def test_excess_over_the_budget_pulls_every_width_down():
    quantizer = _node_wise(2, [3.0, 4.0]).train()
    quantizer(torch.tensor([[1.0], [2.0]]))
    quantizer.penalty().backward()
    assert (quantizer.node_bits.grad > 0).all()


def test_start_is_the_best_of_the_candidates():
    x = _rows(5)
    quantizer = A2Q(2, granularity="per_node")
    quantizer.prepare(torch.ones(5))
    with calibrate(quantizer):
        quantizer(x)
    start = quantizer.node_errors(x)
    for factor in (0.5, 1.5):
        quantizer.node_step.data += math.log(factor) / RATE
        # Candidates are a twentieth of the largest value apart; none that is half or half as large again is better.
        assert (quantizer.node_errors(x) >= start - 1e-6).all()
        quantizer.node_step.data -= math.log(factor) / RATE


def test_state_of_another_number_of_nodes_is_taken_over():
    stored, fresh = _node_wise(2, [1.0, 2.0, 3.0]), A2Q(2, granularity="per_node")
    fresh.load_state_dict(stored.state_dict())
    assert torch.equal(fresh.eval()(_rows(3)), stored(_rows(3)))
    assert fresh.avg_bits == 2.0


def test_unprepared_quantizer_has_one_law():
    quantizer = A2Q(2, granularity="per_node")
    quantizer(_rows())
    assert quantizer.law().granularity == "per_tensor"
    assert float(quantizer.penalty()) == 0
