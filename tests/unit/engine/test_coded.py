from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smoothbit.engine import KernelBackend, PreparedGraph, run_plan
from smoothbit.engine.backend import unpack_values
from smoothbit.engine.ops.coded import delta_parameters
from smoothbit.errors import ArgumentError
from smoothbit.formats.coding import delta_grid
from smoothbit.formats.schema import DiffuseOp, FeaturesOp, Plan
from smoothbit.kernels import Epilogue
from smoothbit.numerics.affine import dequantize, per_tensor_law, quantize
from smoothbit.numerics.features import Features
from tests.golden.make_golden import tiny_delta_model
from tests.helpers import dense_features, random_graph


def coded(coding, laws, self_weight=0.0):
    op = DiffuseOp(1, len(laws), self_weight, 0.75, 0.25, (), (), laws[0], (None,) * len(laws), (*laws[1:], None))
    return Plan((FeaturesOp(0, 20, None), replace(op, coding=coding)), 2)


@pytest.mark.parametrize("self_weight", [0.0, 0.125])
def test_feedback_adds_what_the_last_message_lost(self_weight):
    """The recurrence of docs/numerics.md with float64 sums: as near as float32 lets it be, code for code."""
    graph, features = PreparedGraph(random_graph()), dense_features()
    laws = [per_tensor_law(2, 0.5, 1, 0.5), per_tensor_law(2, 0.25, 1), per_tensor_law(2, 0.5, 2)]
    trace = run_plan(coded("feedback", laws, self_weight), graph, features, KernelBackend(), has_trace=True).trace
    state = features.matrix * graph.rsqrt_degree[:, None]
    start, error = state, 0.0
    for k, law in enumerate(laws):
        x = state + error
        value = trace["value2.message" if k == 0 else f"value2.update{k - 1}"]
        message = unpack_values(value.data, law, 20)
        near_tie = np.abs((x / law.scale[0] + law.phase[0]) % 1 - 0.5) < 1e-4
        np.testing.assert_array_equal(value.codes()[~near_tie], quantize(x.astype(np.float32), law)[~near_tie])
        error = x - message
        sums = np.zeros_like(message, dtype=np.float64)
        np.add.at(sums, graph.csr.entry_rows(), message[graph.csr.indices].astype(np.float64))
        state = 0.75 * sums * graph.inv_degree[:, None] + self_weight * message + 0.25 * start


def test_messages_of_a_delta_add_up_to_the_state():
    """After a step with a fine grid the neighbours hold what an unquantized node would send."""
    graph, features = PreparedGraph(random_graph()), dense_features()
    laws = [per_tensor_law(8, 2.0 ** (-5 - k), 128) for k in range(4)]
    trace = run_plan(coded("delta", laws), graph, features, KernelBackend(), has_trace=True).trace
    held = sum(
        dequantize(trace["value2.message" if k == 0 else f"value2.update{k - 1}"].codes(), law)
        for k, law in enumerate(laws)
    )
    start = u = (features.matrix * graph.rsqrt_degree[:, None]).astype(np.float64)
    for _ in laws[1:]:
        sums = np.zeros_like(u)
        np.add.at(sums, graph.csr.entry_rows(), u[graph.csr.indices])
        u = 0.75 * sums * graph.inv_degree[:, None] + 0.25 * start
    bound = sum(0.75 ** (3 - k) * law.scale[0] / 2 for k, law in enumerate(laws))
    assert np.abs(held - u).max() <= bound + 1e-5


def test_constants_are_folded_into_half_units():
    op = tiny_delta_model().plan.ops[2]
    step = delta_parameters(op, delta_grid(op), 1, Epilogue(2))
    assert (step.exponent, step.center, step.is_first, step.known_scale) == (1, 2, False, np.float32(0.05))
    assert (step.change_scale, step.sum_change_scale) == (
        np.float32(0.25) * np.float32(0.05),
        np.float32(-0.25) * np.float32(0.05),
    )
    assert delta_parameters(op, delta_grid(op), 2, Epilogue(2)).known_scale == 0


def test_a_graph_whose_sums_could_leave_int32_is_refused(monkeypatch):
    monkeypatch.setattr(PreparedGraph, "max_degree", 2**31 // (32 * 128))
    graph = PreparedGraph(random_graph())
    laws = [per_tensor_law(8, 0.01 * 2.0**e, 128) for e in (5, 0)]
    with pytest.raises(ArgumentError, match=r"at most 2147483647 \(got 524288 \* 8448 \* 1 = "):
        run_plan(coded("delta", laws), graph, Features(dense_features().matrix), KernelBackend())
