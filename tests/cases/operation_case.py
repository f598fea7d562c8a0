"""What holds for every operation of a plan on any graph: the equation, one result everywhere, replay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np

from smoothbit.engine import KernelBackend, PreparedGraph, Session, run_plan, same_codes
from smoothbit.formats.schema import Plan
from smoothbit.kernels import isa
from smoothbit.nn.simulation import TorchBackend
from smoothbit.numerics.affine import AffineLaw, dequantize, quantize
from smoothbit.numerics.csr import CSR, csr_from_coo
from smoothbit.numerics.features import Features
from smoothbit.numerics.node_order import NodeOrder

TOLERANCE = 2e-5
"""Of the largest value: a dozen float32 operations and sums of at most 40 float32 terms, 2^-24 each."""


def _random(num_nodes: int, num_edges: int, seed: int) -> CSR:
    rng = np.random.default_rng(seed)
    return csr_from_coo(*rng.integers(0, num_nodes, (2, num_edges)), num_nodes, num_nodes)


GRAPHS: dict[str, CSR] = {
    "directed, loops, duplicates": csr_from_coo(
        [0, 0, 0, 0, 1, 1, 2, 2, 2, 5, 5], [1, 2, 3, 3, 0, 1, 2, 2, 0, 4, 0], 7, 7
    ),
    "random": _random(23, 90, 0),
    "hub": csr_from_coo([0] * 40, list(range(20)) * 2, 20, 20),
    "no edges": csr_from_coo([], [], 5, 5),
    "one node": csr_from_coo([], [], 1, 1),
    "one node and its loop": csr_from_coo([0], [0], 1, 1),
    "no nodes": csr_from_coo([], [], 0, 0),
}


def weighted(graph: CSR, lowest: float = 0.0) -> CSR:
    """Return the graph with weights from `lowest` to 2, one of them 0."""
    weights = np.random.default_rng(1).uniform(lowest, 2.0, graph.num_entries).astype(np.float32)
    weights[1:2] = 0
    return CSR(graph.indptr, graph.indices, graph.num_cols, weights)


def make_features(num_nodes: int, num_features: int, seed: int = 0) -> Features:
    """Return standard-normal features."""
    return Features(np.random.default_rng(seed).standard_normal((num_nodes, num_features), dtype=np.float32))


def through(x: np.ndarray, law: AffineLaw | None) -> np.ndarray:
    """Return what float32 values become by a law, float64."""
    x = np.asarray(x, dtype=np.float32)
    return (x if law is None else dequantize(quantize(x, law), law)).astype(np.float64)


def check_operation(
    plan: Plan,
    graph: CSR,
    oracle: Callable[[np.ndarray], np.ndarray],
    *,
    num_features: int = 16,
    is_exact: bool = True,
    **options: object,
) -> None:
    """Check a plan on dense float32 features.

    Args:
        plan: Plan whose scores are float32.
        graph: Graph.
        oracle: Function of x [N, F] that gives the scores in float64.
        num_features: F.
        is_exact: Whether sums are of integers, so that the simulation has the same bits.
        options: Options of `PreparedGraph`.
    """
    features, prepared = make_features(graph.num_rows, num_features), PreparedGraph(graph, **options)
    wanted = run_plan(plan, prepared, features, KernelBackend(), has_trace=True)
    expected = oracle(features.matrix)
    assert wanted.scores.shape == expected.shape
    allowed = TOLERANCE * max(1.0, np.abs(expected).max(initial=0))
    np.testing.assert_allclose(wanted.scores, expected, rtol=0, atol=allowed)
    simulated = run_plan(plan, prepared, features, TorchBackend(), has_trace=True)
    np.testing.assert_allclose(simulated.scores, wanted.scores, rtol=0, atol=0 if is_exact else allowed)
    if is_exact:
        assert simulated.trace.keys() == wanted.trace.keys()
        assert all(same_codes(value, simulated.trace[stage]) for stage, value in wanted.trace.items())
    for name, threads in product(isa.available(), (1, 3)):
        with isa.use(name):
            scores = run_plan(plan, prepared, features, KernelBackend(threads)).scores
        np.testing.assert_array_equal(scores, wanted.scores, err_msg=f"{name}, {threads} threads")
    shuffled = np.random.default_rng(2).permutation(graph.num_rows).astype(np.int32)
    for order in ("degree", NodeOrder("shuffled", shuffled)):
        run = run_plan(plan, PreparedGraph(graph, order, **options), features, KernelBackend(), has_trace=True)
        np.testing.assert_array_equal(run.scores, wanted.scores)
        assert all(same_codes(value, run.trace[stage]) for stage, value in wanted.trace.items())
    _check_session(plan, prepared, features)


def _check_session(plan: Plan, prepared: PreparedGraph, features: Features) -> None:
    features = replace(features, matrix=features.matrix.copy())
    session = Session(plan, prepared, features)
    other = make_features(features.num_nodes, features.num_features, seed=1)
    features.matrix[:] = other.matrix
    again = session.run().scores
    np.testing.assert_array_equal(again, run_plan(plan, prepared, other, KernelBackend()).scores)
