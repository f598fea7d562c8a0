from __future__ import annotations

import numpy as np
import pytest
import torch

from smoothbit.formats.coding import MAX_MESSAGE, delta_grid
from smoothbit.nn.propagation.gcn import GCNPropagation
from smoothbit.numerics import affine
from smoothbit.quant import QuantConfig
from smoothbit.quant.quantizers.difference import MAX_HALVINGS, DifferenceQuantizer, max_halvings

BITS = [1, 2, 4, 8]


def make(bits, base=None, log_step=0.0):
    quantizer = DifferenceQuantizer(bits, base, 4)
    quantizer.is_initialised.fill_(True)
    quantizer.log_step.data.fill_(log_step)
    return quantizer


@pytest.mark.parametrize("bits", BITS)
def test_steps_are_exact_powers_of_two_below_the_first(bits):
    rng = np.random.default_rng(0)
    halvings = set()
    for first, below in zip(rng.normal(0, 3, 50), rng.uniform(-2, 6, 50), strict=True):
        base = make(bits, log_step=first)
        quantizer = make(bits, base, first - below)
        coarse, fine = (q.law().scale[0] for q in (base, quantizer))
        wanted = np.clip(below / np.log(2), 0, quantizer.max_halvings)
        found = round(float(np.log2(coarse / fine)))
        assert coarse == np.ldexp(fine, found)
        assert abs(found - wanted) <= 0.5 + 1e-5
        halvings.add(found)
    assert halvings == set(range(base.max_halvings + 1))


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("num_steps", [1, 2, 10, 64, 128])
def test_sums_of_the_widest_spread_of_steps_fit_into_int16(bits, num_steps):
    propagation = GCNPropagation(num_steps, 4, QuantConfig("qlr", bits, coding="delta"))
    quantizers = [propagation.message, *list(propagation.updates)[:-1]]
    for quantizer in quantizers:
        quantizer.is_initialised.fill_(True)
    if num_steps > 1:
        quantizers[-1].log_step.data.fill_(-100.0)  # all others are `max_halvings` above it
    grid = delta_grid(propagation.to_op(0))
    halvings = max_halvings(bits, num_steps)
    assert max(grid.exponents) == (halvings if num_steps > 1 else 0)
    assert grid.bounds[-1] <= MAX_MESSAGE
    assert halvings == MAX_HALVINGS or (num_steps * (2**bits - 1)) << (halvings + 1) > MAX_MESSAGE


@pytest.mark.parametrize("bits", BITS)
def test_grid_has_no_level_at_zero(bits):
    law = make(bits).law()
    grid = affine.dequantize(np.arange(2**bits, dtype=np.uint8)[None], law)[0]
    np.testing.assert_array_equal(grid, np.arange(2**bits) - (2**bits - 1) / 2)


@pytest.mark.parametrize("bits", BITS)
def test_first_step_has_the_least_square_error(bits):
    x = torch.randn(1, 4000, generator=torch.Generator().manual_seed(0)) ** 3
    quantizer = DifferenceQuantizer(bits, None, 4)
    found = float((quantizer(x).detach() - x).square().mean())
    start = quantizer.log_step.item()
    others = []
    for factor in (0.25, 0.5, 0.7, 1.4, 2.0, 4.0):
        quantizer.log_step.data.fill_(start + float(np.log(factor)))
        others.append(float((quantizer.eval()(x).detach() - x).square().mean()))
    assert found < min(others)


@pytest.mark.parametrize("is_first", [True, False], ids=["first", "later"])
def test_gradient_of_the_step_is_that_of_lsq(is_first):
    """x^ = s (q - h/2): d x^ / d log s = s (q - h/2 - x/s) inside, and x^ beyond the grid."""
    base = make(2)
    quantizer = base if is_first else make(2, base, float(np.log(0.5)))
    step = 1.0 if is_first else 0.5
    for x, wanted in ((0.2, 0.5 - 0.2), (-1.1, -1.5 + 1.1), (9.0, 1.5), (-9.0, -1.5)):
        quantizer.log_step.grad = None
        quantizer(torch.tensor([[x * step]])).sum().backward()
        assert quantizer.log_step.grad.item() == pytest.approx(wanted * step, abs=1e-6)


def test_gradient_ends_where_steps_may_not_go_further():
    base = make(2)
    quantizer = make(2, base, 1.0)
    quantizer(torch.tensor([[0.2]])).sum().backward()
    assert quantizer.log_step.grad.item() == 0.0
