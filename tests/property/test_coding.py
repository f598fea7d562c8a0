"""Coded messages: one result everywhere, and an error that does not grow with the number of steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothbit.engine import KernelBackend, PreparedGraph, Session, run_plan, same_codes
from smoothbit.formats.schema import DiffuseOp, FeaturesOp, Plan
from smoothbit.kernels import isa
from smoothbit.nn.simulation import TorchBackend
from smoothbit.numerics.affine import per_tensor_law
from smoothbit.numerics.csr import csr_from_coo
from smoothbit.numerics.features import Features
from tests.property import strategies as own


def assert_same(run, wanted):
    assert set(run.trace) == set(wanted.trace)
    assert [name for name, value in wanted.trace.items() if not same_codes(value, run.trace[name])] == []
    np.testing.assert_array_equal(run.scores, wanted.scores)


def features_of(num_nodes, width, seed):
    return Features(np.random.default_rng(seed).normal(size=(num_nodes, width)).astype(np.float32))


@settings(deadline=None, max_examples=60)
@given(data=st.data(), width=st.integers(1, 40), graph=own.graphs(max_nodes=12))
def test_engine_reference_and_simulation_agree(data, width, graph):
    if graph.num_rows == 0:
        return
    plan = data.draw(own.coded_plans(width))
    features = features_of(graph.num_rows, width, data.draw(own.seeds))
    prepared = PreparedGraph(graph)
    wanted = run_plan(plan, prepared, features, TorchBackend(), has_trace=True)
    for name in isa.available():
        with isa.use(name):
            for threads in (1, 2, 4):
                assert_same(run_plan(plan, prepared, features, KernelBackend(threads), has_trace=True), wanted)
            ordered = PreparedGraph(graph, "degree")
            assert_same(run_plan(plan, ordered, features, KernelBackend(2), has_trace=True), wanted)
            session = Session(plan, prepared, features)
            for _ in range(2):
                np.testing.assert_array_equal(session.run().scores, wanted.scores)


def star(num_nodes):
    """Everybody sends to node 0 and node 0 to everybody but the last two, which have no neighbours."""
    others = np.arange(1, num_nodes - 2)
    rows, cols = np.concatenate([0 * others, others]), np.concatenate([others, 0 * others])
    return csr_from_coo(rows, cols, num_nodes, num_nodes)


def delta_plan(width, laws, num_bits=2, **fields):
    steps = len(laws)
    diffuse = DiffuseOp(1, steps, 0.0, 0.9, 0.1, (), (), laws[0], (None,) * steps, (*laws[1:], None), coding="delta")
    return Plan((FeaturesOp(0, width, per_tensor_law(num_bits, 0.5, 1)), replace(diffuse, **fields)), 2)


def laws_of(exponents, num_bits=2, unit=0.01):
    top = (1 << num_bits) - 1
    return [per_tensor_law(num_bits, unit * 2.0**e, top // 2, 0.5 if num_bits < 8 else 0.0) for e in exponents]


@pytest.mark.parametrize("num_bits", [1, 2, 4, 8])
@pytest.mark.parametrize("width", [1, 7, 40, 65, 128, 129, 260])
def test_sums_beyond_int16(num_bits, width):
    """A hub whose sums need int32 beside rows whose sums do not, in rows of every length of block."""
    graph, features = PreparedGraph(star(600)), features_of(600, width, width)
    plan = delta_plan(width, laws_of([6, 5, 3, 0], num_bits), num_bits)
    wanted = run_plan(plan, graph, features, TorchBackend(), has_trace=True)
    for name in isa.available():
        with isa.use(name):
            for threads in (1, 3):
                assert_same(run_plan(plan, graph, features, KernelBackend(threads), has_trace=True), wanted)


@pytest.mark.parametrize("steps", [1, 128])
def test_one_step_and_many(steps):
    graph, features = PreparedGraph(star(40)), features_of(40, 21, steps)
    plan = delta_plan(21, laws_of([max(0, 6 - k) for k in range(steps)]))
    wanted = run_plan(plan, graph, features, TorchBackend(), has_trace=True)
    for name in isa.available():
        with isa.use(name):
            assert_same(run_plan(plan, graph, features, KernelBackend(), has_trace=True), wanted)
