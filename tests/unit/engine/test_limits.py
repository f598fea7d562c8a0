"""Sums at the end of int32: the last graph that fits is computed exactly, the next one is refused."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from smoothbit.engine import KernelBackend, PreparedGraph, limits, run_plan
from smoothbit.engine.limits import check_bounds, check_memory, free_bytes, least_bytes
from smoothbit.errors import ArgumentError, MemoryLimitError
from smoothbit.formats import PackedTensor
from smoothbit.formats.schema import (
    AggregateOp,
    AttendOp,
    DiffuseOp,
    ElasticOp,
    FeaturesOp,
    LinearOp,
    Plan,
    ReadoutOp,
)
from smoothbit.kernels import isa
from smoothbit.numerics.affine import AffineLaw, per_tensor_law
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.features import Features

BYTES = per_tensor_law(8, 1.0)
INT32_MAX = 2**31 - 1
MAX_DEGREE = INT32_MAX // 255
"""Most 8-bit codes that a sum holds: 8,421,504."""
MAX_PRODUCTS = INT32_MAX // 255**2
"""Most products of two 8-bit codes: 33,025."""
REFUSED = r"of the model: Expected `max_terms .* at most 2147483647 \(got {} \* {} \* {} = \d+\)\. Use fewer bits"


def hub(degree):
    """Two nodes; the first has one neighbour `degree - 1` times and itself."""
    indices = np.ones(degree - 1, np.int32)
    return PreparedGraph(CSR(np.array([0, degree - 1, degree - 1]), indices, 2))


def sum_plan(law=BYTES, **changes):
    """Scores are sums over neighbours, divided by the degree in float32."""
    op = DiffuseOp(1, 1, 0.0, 1.0, 0.0, (), (), law, (None,), (None,))
    return Plan((FeaturesOp(0, 1, None), replace(op, **changes)), 2)


def constant(num_nodes, num_features, value=255.0):
    return Features(np.full((num_nodes, num_features), value, np.float32))


@pytest.mark.parametrize("name", [name for name in isa.available() if name != "numpy"])
def test_largest_degree_that_fits_is_summed_exactly(name):
    graph = hub(MAX_DEGREE)
    graph.rsqrt_degree = np.ones(2, np.float32)  # the state is the value itself: codes of 255 throughout
    with isa.use(name):
        scores = run_plan(sum_plan(), graph, constant(2, 1), KernelBackend()).scores
    total = np.float32(MAX_DEGREE * 255)
    assert scores[0, 0] == total * graph.inv_degree[0] * graph.sqrt_degree[0]


@pytest.mark.parametrize("num_bits", [1, 2, 4, 8])
def test_degree_beyond_the_bound_of_its_width_is_refused(num_bits, monkeypatch):
    graph, law, qmax = hub(3), per_tensor_law(num_bits, 1.0), 2**num_bits - 1
    monkeypatch.setattr(PreparedGraph, "max_degree", INT32_MAX // qmax)
    check_bounds(sum_plan(law), graph, constant(2, 1))
    monkeypatch.setattr(PreparedGraph, "max_degree", INT32_MAX // qmax + 1)
    with pytest.raises(
        ArgumentError, match=r"^Operation 2 \(diffuse\) " + REFUSED.format(INT32_MAX // qmax + 1, qmax, 1)
    ):
        check_bounds(sum_plan(law), graph, constant(2, 1))


def test_a_real_hub_beyond_the_bound_is_refused():
    with pytest.raises(ArgumentError, match=REFUSED.format(MAX_DEGREE + 1, 255, 1)):
        run_plan(sum_plan(), hub(MAX_DEGREE + 1), constant(2, 1), KernelBackend())


@pytest.mark.parametrize("part", ["updates", "deltas"])
def test_widest_law_of_what_is_sent_counts(part, monkeypatch):
    monkeypatch.setattr(PreparedGraph, "max_degree", MAX_DEGREE + 1)
    plan = sum_plan(per_tensor_law(1, 1.0), **{part: (BYTES,)})
    with pytest.raises(ArgumentError, match=REFUSED.format(MAX_DEGREE + 1, 255, 1)):
        check_bounds(plan, hub(3), constant(2, 1))


def test_largest_degree_of_a_delta_coded_sum_is_exact_and_the_next_is_refused():
    """M grows to 510 * 2**5 + 510 half units, the sum of a hub to that times its degree."""
    laws = (per_tensor_law(8, 32.0), BYTES)
    bound = 510 * 33
    plan = sum_plan(laws[0], num_steps=2, aggregates=(None, None), updates=(laws[1], None), coding="delta")
    plan = replace(plan, ops=(plan.ops[0], replace(plan.ops[1], aggregate_weight=4.0)))
    graph = hub(INT32_MAX // bound)
    graph.rsqrt_degree = np.ones(2, np.float32)
    for name in isa.available():
        with isa.use(name):
            run = run_plan(plan, graph, constant(2, 1, 1e9), KernelBackend(), has_trace=True)
        assert [run.trace[f"value2.{stage}"].codes()[0, 0] for stage in ("message", "update0")] == [255, 255]
        total = np.float32(graph.max_degree * bound) * np.float32(4.0 * 0.5)
        assert run.scores[0, 0] == total * graph.inv_degree[0] * graph.sqrt_degree[0], name
    with pytest.raises(ArgumentError, match=REFUSED.format(INT32_MAX // bound + 1, bound, 1)):
        check_bounds(plan, hub(INT32_MAX // bound + 1), constant(2, 1))


def elastic_plan():
    narrow = per_tensor_law(1, 1.0)
    op = ElasticOp(1, 1, 0.5, 1.0, 1.0, "l1", narrow, (None,), (narrow,), (BYTES,), (None,))
    return Plan((FeaturesOp(0, 1, None), op), 2)


def test_edges_of_a_node_count_where_only_the_other_end_lists_them():
    graph = PreparedGraph(CSR(np.array([0, 1, 2, 2]), np.array([2, 2], np.int32), 3))
    assert (graph.max_degree, graph.incidence.transposed.row_lengths.tolist()) == (2, [1, 1, 2])
    for num_edges in (MAX_DEGREE, MAX_DEGREE + 1):
        row_lengths = np.array([num_edges])
        graph.__dict__["incidence"] = SimpleNamespace(transposed=SimpleNamespace(row_lengths=row_lengths))
        if num_edges == MAX_DEGREE:
            check_bounds(elastic_plan(), graph, constant(3, 1))
    with pytest.raises(ArgumentError, match=r"^Operation 2 \(elastic\) " + REFUSED.format(MAX_DEGREE + 1, 255, 1)):
        check_bounds(elastic_plan(), graph, constant(3, 1))


def product_plan(depth, input_law=BYTES):
    weight = PackedTensor(np.full((depth, 1), 255, np.uint8), 1, BYTES)
    return Plan((FeaturesOp(0, depth, input_law), LinearOp(1, weight, None, False, None)), 2)


def repeated(num_entries, values=None):
    """Two rows of a matrix of two columns; the first has `num_entries` entries in column 0."""
    indptr = np.array([0, num_entries, num_entries])
    return Features(CSR(indptr, np.zeros(num_entries, np.int32), 2, values))


@pytest.mark.parametrize("name", isa.available())
def test_deepest_product_that_fits_is_exact(name):
    with isa.use(name):
        run = run_plan(product_plan(MAX_PRODUCTS), hub(2), constant(2, MAX_PRODUCTS), KernelBackend())
    assert run.scores.tolist() == [[float(np.float32(MAX_PRODUCTS * 255**2))]] * 2


@pytest.mark.parametrize("name", isa.available())
def test_longest_sparse_row_that_fits_is_exact(name):
    features = repeated(MAX_PRODUCTS, np.full(MAX_PRODUCTS, 255, np.float32))
    with isa.use(name):
        run = run_plan(product_plan(2), hub(2), features, KernelBackend())
    assert run.scores.tolist() == [[float(np.float32(MAX_PRODUCTS * 255**2))], [0.0]]


def test_product_beyond_the_bound_is_refused():
    wanted = r"^Operation 2 \(linear\) " + REFUSED.format(MAX_PRODUCTS + 1, 255, 255)
    with pytest.raises(ArgumentError, match=wanted):
        run_plan(product_plan(MAX_PRODUCTS + 1), hub(2), constant(2, MAX_PRODUCTS + 1), KernelBackend())
    with pytest.raises(ArgumentError, match=wanted):
        run_plan(product_plan(2), hub(2), repeated(MAX_PRODUCTS + 1), KernelBackend())


@pytest.mark.parametrize(
    ("law", "dense", "sparse"),
    [
        (BYTES, 255, 255),
        (per_tensor_law(8, 1.0, zero_point=100), 255, 155),
        (per_tensor_law(8, 1.0, zero_point=255), 255, 255),
        (per_tensor_law(2, 1.0, zero_point=1), 3, 2),
        (AffineLaw(2, np.float32([1]), np.float32([0]), np.float32([0]), divisor=85), 3, 255),
    ],
)
def test_bound_of_inputs_is_their_largest_integer(law, dense, sparse):
    """Packed codes enter a product as they are; stored entries as divisor * code - zero_point."""
    for largest, features in ((dense, lambda n: constant(2, n)), (sparse, repeated)):
        fits = INT32_MAX // (255 * largest)
        plan = product_plan(2, law) if features is repeated else product_plan(fits, law)
        check_bounds(plan, hub(2), features(fits))
        plan = product_plan(2, law) if features is repeated else product_plan(fits + 1, law)
        with pytest.raises(ArgumentError, match=REFUSED.format(fits + 1, 255, largest)):
            check_bounds(plan, hub(2), features(fits + 1))


def test_run_larger_than_the_free_memory_is_refused(monkeypatch):
    plan, num_nodes = product_plan(2), 1 << 25
    needed = 4 * num_nodes
    assert least_bytes(plan, num_nodes) == needed > limits.NEGLIGIBLE_BYTES
    monkeypatch.setattr(limits, "free_bytes", lambda: needed)
    check_memory(plan, num_nodes)
    monkeypatch.setattr(limits, "free_bytes", lambda: needed - 1)
    with pytest.raises(
        MemoryLimitError, match=rf"at least {needed} bytes .* on {num_nodes} nodes \(got {needed - 1}\)\. Free some"
    ):
        check_memory(plan, num_nodes)
    check_memory(plan, 1000)
    monkeypatch.setattr(limits, "free_bytes", lambda: None)
    check_memory(plan, num_nodes)


def test_run_asks_for_memory_before_it_takes_any(monkeypatch):
    monkeypatch.setattr(limits, "NEGLIGIBLE_BYTES", 0)
    monkeypatch.setattr(limits, "free_bytes", lambda: 3)
    with pytest.raises(MemoryError, match=r"Expected at least 8 bytes of free memory"):
        run_plan(product_plan(2), hub(2), repeated(5), KernelBackend())


def test_packed_values_count_by_their_rows():
    weight = PackedTensor(np.zeros((2, 2), np.uint8), 5, per_tensor_law(2, 1.0))
    plan = Plan((FeaturesOp(0, 2, BYTES), LinearOp(1, weight, None, False, per_tensor_law(2, 1.0))), 2)
    assert least_bytes(plan, 100) == 200


def test_free_memory_is_that_of_the_table(monkeypatch, tmp_path):
    table = tmp_path / "meminfo"
    monkeypatch.setattr(limits, "MEMORY_TABLE", table)
    assert free_bytes() is None
    table.write_text("MemTotal: 9 kB\n")
    assert free_bytes() is None
    table.write_text("MemTotal:  9 kB\nMemAvailable:   7 kB\n")
    assert free_bytes() == 7 * 1024


def reduce_plan(kind, law=BYTES):
    """Two values of one channel, then a reduction over edges or nodes."""
    ops = {
        "sum": AggregateOp(1, "sum", False, False, False, law),
        "weighted": AggregateOp(1, "sum", False, False, True, law),
        "largest": AggregateOp(1, "max", False, False, False, law),
        "attend": AttendOp(1, 1, 1, 1, "additive", False, law),
        "readout": ReadoutOp(1, "sum", law),
    }
    return Plan((FeaturesOp(0, 1, None), ops[kind]), 2)


@pytest.mark.parametrize(
    ("kind", "law", "largest"),
    [
        ("sum", BYTES, 255),
        ("sum", None, 1),
        ("weighted", BYTES, 255 * 127),
        ("weighted", per_tensor_law(2, 1.0), 3 * 127),
        ("attend", BYTES, 255 * 255),
        ("attend", None, 255),
    ],
)
def test_terms_of_a_reduction_are_the_edges_of_a_row(kind, law, largest, monkeypatch):
    graph = PreparedGraph(
        CSR(np.array([0, 1, 2]), np.int32([1, 0]), 2, np.float32([1, 2]) if kind == "weighted" else None)
    )
    edges, plan, fits = graph.edges(False), reduce_plan(kind, law), INT32_MAX // largest
    monkeypatch.setattr(type(edges), "max_count", fits)
    check_bounds(plan, graph, constant(2, 1))
    monkeypatch.setattr(type(edges), "max_count", fits + 1)
    with pytest.raises(ArgumentError, match=rf"^Operation 2 \({plan.ops[1].kind}\) of the model: .*got {fits + 1} \*"):
        check_bounds(plan, graph, constant(2, 1))


def test_a_maximum_adds_nothing_up(monkeypatch):
    graph = PreparedGraph(CSR(np.array([0, 1, 2]), np.int32([1, 0]), 2))
    monkeypatch.setattr(type(graph.edges(False)), "max_count", INT32_MAX)
    check_bounds(reduce_plan("largest"), graph, constant(2, 1))


def test_terms_of_a_readout_are_the_nodes_of_a_graph(monkeypatch):
    graph = PreparedGraph(CSR(np.zeros(6, np.int64), np.zeros(0, np.int32), 5), graph_ids=np.array([0, 1, 1, 1, 0]))
    assert graph.readout.max_count == 3
    monkeypatch.setattr(type(graph.readout), "max_count", MAX_DEGREE + 1)
    with pytest.raises(ArgumentError, match=r"^Operation 2 \(readout\) " + REFUSED.format(MAX_DEGREE + 1, 255, 1)):
        check_bounds(reduce_plan("readout"), graph, constant(5, 1))


@pytest.mark.parametrize("name", [name for name in isa.available() if name != "numpy"])
def test_weighted_sum_at_the_end_of_int32_is_exact(name):
    fits = INT32_MAX // (255 * 127)
    weights = np.full(fits, -3, np.float32)
    graph = PreparedGraph(CSR(np.array([0, fits, fits]), np.ones(fits, np.int32), 2, weights))
    with isa.use(name):
        scores = run_plan(reduce_plan("weighted"), graph, constant(2, 1), KernelBackend()).scores
    assert scores[0, 0] == np.float32(-fits * 127 * 255) * (np.float32(3) / np.float32(127))


@pytest.mark.parametrize("plan", [reduce_plan("sum"), reduce_plan("attend"), sum_plan()], ids=["sum", "attend", "old"])
def test_weights_that_a_model_does_not_know_are_refused(plan):
    graph = PreparedGraph(CSR(np.array([0, 1, 2]), np.int32([1, 0]), 2, np.float32([1, 2])))
    with pytest.raises(
        ArgumentError, match=r"`graph` to have no edge weights, as the model knows none \(got 2 weights\)"
    ):
        run_plan(plan, graph, constant(2, 1), KernelBackend())


def test_weights_beside_an_operation_that_knows_none_are_refused():
    graph = PreparedGraph(CSR(np.array([0, 1, 2]), np.int32([1, 0]), 2, np.float32([1, 2])))
    plan = Plan((*reduce_plan("weighted").ops, replace(sum_plan().ops[1], source=2)), 3)
    with pytest.raises(ArgumentError, match=r"^Operation 3 \(diffuse\) of the model: Expected `graph` to have no edge"):
        run_plan(plan, graph, constant(2, 1), KernelBackend())


def test_rows_of_graphs_take_little():
    plan = Plan((*reduce_plan("readout").ops, LinearOp(2, np.ones((1, 8), np.float32), None, False, None)), 3)
    assert least_bytes(plan, 1000, 10) == 10 * (4 + 32)
