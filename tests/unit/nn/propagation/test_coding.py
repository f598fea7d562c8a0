from __future__ import annotations

import numpy as np
import pytest
import torch

from smoothbit.errors import ArgumentError
from smoothbit.formats import coding
from smoothbit.formats.coding import delta_grid
from smoothbit.nn.propagation.coding import CODINGS
from smoothbit.nn.propagation.gcn import GCNPropagation
from smoothbit.numerics import affine
from smoothbit.quant import QuantConfig, calibrate
from smoothbit.quant.quantizers.min_max import MinMax

NUM_STEPS = 6


def converging_messages() -> list[torch.Tensor]:
    """Messages that change less from step to step."""
    normal = torch.randn(NUM_STEPS, 20, 4, generator=torch.Generator().manual_seed(0))
    return list(torch.cumsum(normal * 0.6 ** torch.arange(NUM_STEPS)[:, None, None], dim=0))


def test_names_are_those_of_the_format():
    assert CODINGS.names() == sorted(coding.CODINGS)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_differences_add_up_to_the_message_that_neighbours_hold(bits):
    """m^_k = half * M_k with M_k the int32 sum of 2**e_j (2 q_j - h_j) over j <= k (docs/numerics.md)."""
    propagation = GCNPropagation(NUM_STEPS, 4, QuantConfig("qlr", bits, coding="delta"))
    quantizers, messages = [propagation.message, *propagation.updates], converging_messages()
    coder = propagation.coder(quantizers)
    for step, message in enumerate(messages):
        coder.encode(message, step)
    propagation.eval()
    coder, held = propagation.coder(quantizers), torch.zeros(20, 4)
    grid, total = delta_grid(propagation.to_op(0)), np.zeros((20, 4), dtype=np.int32)
    with torch.no_grad():
        for step, message in enumerate(messages):
            codes = affine.quantize((message - held).numpy(), quantizers[step].law()).astype(np.int32)
            total += (2 * codes - grid.centers[step]) << grid.exponents[step]
            held = coder.encode(message, step)
            # Each of the k + 1 additions in float32 rounds a sum that is no larger than the bound.
            atol = (step + 1) * 2.0**-23 * float(grid.half) * grid.bounds[step]
            np.testing.assert_allclose(held.numpy(), float(grid.half) * total.astype(np.float64), rtol=0, atol=atol)
    if bits == 8:
        assert (held - messages[-1]).abs().mean() < 0.01 * messages[-1].abs().mean()


def test_feedback_keeps_the_error_of_all_messages_together_within_half_a_step():
    quantizers = [MinMax(4) for _ in range(NUM_STEPS)]
    for quantizer in quantizers:
        with calibrate(quantizer):
            quantizer(torch.tensor([[-2.0, 2.0]]))
        quantizer.is_observing = False
    coder = CODINGS.resolve("feedback")(quantizers)
    half_step = float(quantizers[0].law().scale[0]) / 2
    sent = wanted = torch.zeros(50, 4)
    for step in range(NUM_STEPS):
        message = torch.rand(50, 4, generator=torch.Generator().manual_seed(step)) * 2 - 1
        sent, wanted = sent + coder.encode(message, step), wanted + message
        error = (sent - wanted).abs().max()
        assert 0.5 * half_step < error <= half_step * (1 + 1e-5)  # rounding of sums of order 10 steps
    torch.testing.assert_close(coder.kept, wanted - sent, atol=1e-5, rtol=0)


def test_plain_sends_the_quantized_message_and_keeps_nothing():
    quantizers = [MinMax(2) for _ in range(2)]
    coder = CODINGS.resolve("plain")(quantizers)
    for step, message in enumerate(converging_messages()[:2]):
        assert torch.equal(coder.encode(message, step), quantizers[step](message))
    assert not coder.kept.any()


def test_widths_of_messages_and_updates_must_be_one_for_delta():
    quant = QuantConfig("qlr", 2, {"updates": 4}, coding="delta")
    with pytest.raises(ArgumentError, match=r"messages and updates of one width for coding delta \(got 2 and 4 bits\)"):
        GCNPropagation(3, 4, quant)


def test_unknown_coding_lists_the_nearest():
    with pytest.raises(ArgumentError, match=r"Expected coding to be a registered name \(got 'dleta'\).*'delta'"):
        GCNPropagation(3, 4, QuantConfig("qlr", 2, coding="dleta"))


def test_float_messages_are_sent_as_they_are():
    assert GCNPropagation(3, 4, QuantConfig("qlr", 32, coding="delta")).coder is CODINGS.resolve("plain")
