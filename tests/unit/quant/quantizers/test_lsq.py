from __future__ import annotations

import pytest
import torch

from smoothbit.quant import LSQ


def _signed(num_bits: int, step: float) -> LSQ:
    quantizer = LSQ(num_bits)
    quantizer(torch.tensor([[-1.0, 1.0]]))
    quantizer.log_step.data.fill_(torch.tensor(step).log().item())
    return quantizer.eval()


@pytest.mark.parametrize(
    ("v", "wanted"), [(-3.0, -2.0), (-2.0, 0.0), (-0.3, 0.3), (0.0, 0.0), (0.4, -0.4), (1.0, 0.0), (2.0, 1.0)]
)
def test_step_gradient_matches_the_paper(v, wanted):
    """Esser et al. eq. 3 at n-1, n, -0.3, 0, 0.4, p, p+1 for 2 signed bits (n = -2, p = 1).

    On the limits v = n and v = p the value counts as inside: its gradient q - v is 0 there.
    """
    quantizer = _signed(2, 0.5)
    quantizer(torch.tensor([[v * 0.5]])).sum().backward()
    assert quantizer.log_step.grad is not None
    assert quantizer.log_step.grad.item() / 0.5 == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(("num_bits", "fixed_point"), [(2, 1.096), (4, 0.340)])
@pytest.mark.parametrize("start", [0.2, 5.0], ids=["five-times-too-small", "five-times-too-large"])
def test_step_converges_on_gaussian_values(num_bits, fixed_point, start):
    """methods/14, acceptance 2: the zero of the straight-through gradient, within 2 percent."""
    x = torch.randn(1, 20000, generator=torch.Generator().manual_seed(0))
    quantizer = _signed(num_bits, fixed_point * start)
    optimiser = torch.optim.Adam(quantizer.parameters(), lr=0.05, betas=(0.9, 0.9))
    for step in range(300):
        optimiser.param_groups[0]["lr"] = 0.05 * 0.98**step
        optimiser.zero_grad()
        ((quantizer(x) - x) ** 2).mean().backward()
        optimiser.step()
    assert quantizer.log_step.exp().item() == pytest.approx(fixed_point, rel=0.02)


def test_start_ignores_zeros():
    sparse, full = LSQ(4), LSQ(4)
    full(torch.tensor([[1.0, 2.0]]))
    sparse(torch.tensor([[1.0, 2.0, 0.0, 0.0, 0.0]]))
    assert torch.equal(sparse.log_step, full.log_step)


def test_positive_tensor_is_unsigned():
    quantizer = LSQ(2)
    quantizer(torch.tensor([[0.0, 1.0, 2.0]]))
    assert quantizer.law().zero_point[0] == 0


def test_one_bit_signed_levels_are_plus_and_minus_half_a_step():
    assert _signed(1, 2.0)(torch.tensor([[-3.0, -0.1, 0.1, 3.0]])).tolist() == [[-1.0, -1.0, 1.0, 1.0]]
