from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from smoothbit.engine import KernelBackend, PreparedGraph, run_plan, same_codes
from smoothbit.engine.limits import check_bounds
from smoothbit.engine.values import SparseCodes, SparseValues
from smoothbit.errors import ArgumentError, ShapeError
from smoothbit.formats import PackedTensor
from smoothbit.formats.schema import FeaturesOp, LinearOp, Plan
from smoothbit.kernels import isa
from smoothbit.nn import TorchGraph
from smoothbit.numerics.affine import per_tensor_law
from tests.helpers import FEATURES, binary_features, random_graph, trained_net


@pytest.fixture
def prepared():
    return PreparedGraph(random_graph())


def _net(prepared, bits, **config):
    return trained_net(TorchGraph(prepared), binary_features(), bits=bits, **config)[0]


def test_labels_are_the_best_scores(prepared):
    result = run_plan(_net(prepared, 4).to_plan(), prepared, binary_features(), KernelBackend())
    assert result.scores.shape == (30, 5)
    np.testing.assert_array_equal(result.labels, result.scores.argmax(axis=1))
    assert result.labels.dtype == np.int64
    assert result.trace == {}


@pytest.mark.parametrize(("order", "channels"), [("predict_first", 12), ("propagate_first", 12)])
def test_embedding_is_packed(prepared, order, channels):
    result = run_plan(_net(prepared, 2, order=order).to_plan(), prepared, binary_features(), KernelBackend())
    assert isinstance(result.embedding, PackedTensor)
    assert result.embedding.shape == (30, channels)
    assert result.embedding.law.num_bits == 2


def test_float_model_has_no_packed_embedding(prepared):
    assert run_plan(_net(prepared, 32).to_plan(), prepared, binary_features(), KernelBackend()).embedding is None


def test_trace_names_every_stage(prepared):
    trace = run_plan(_net(prepared, 2).to_plan(), prepared, binary_features(), KernelBackend(), has_trace=True).trace
    assert {"value1.inputs", "value2.activations", "value3.activations", "value4.message"} < set(trace)
    assert {f"value4.update{k}" for k in range(3)} < set(trace)


def test_feature_count_that_does_not_fit_is_refused(prepared):
    plan = _net(prepared, 2).to_plan()
    with pytest.raises(ShapeError, match=r"Expected `features` to have 20 columns \(got 21\)"):
        run_plan(plan, prepared, binary_features(num_features=21), KernelBackend())


def test_node_count_that_does_not_fit_is_refused(prepared):
    plan = _net(prepared, 2).to_plan()
    with pytest.raises(ShapeError, match=r"Expected `features` to have 30 rows, one for each node \(got 31\)"):
        run_plan(plan, prepared, binary_features(num_nodes=31), KernelBackend())


def test_packed_scores_are_refused(prepared):
    plan = replace(_net(prepared, 2).to_plan(), scores=3)
    with pytest.raises(ArgumentError, match=r"Expected `scores` to be float32 \(got codes in value 3\)"):
        run_plan(plan, prepared, binary_features(), KernelBackend())


def test_sparse_features_that_are_no_product_are_refused(prepared):
    plan = Plan((FeaturesOp(0, 20, None),), scores=1)
    with pytest.raises(ArgumentError, match=r"Expected `features` to be dense, as value\d reads them whole"):
        run_plan(plan, prepared, binary_features(), KernelBackend())


def test_accumulator_that_could_overflow_is_refused(prepared):
    depth = 2**31 // (255 * 255) + 1
    weight = PackedTensor(np.zeros((depth, 1), np.uint8), 1, per_tensor_law(8, 1.0))
    law = per_tensor_law(8, 1.0)
    plan = Plan((FeaturesOp(0, depth, law), LinearOp(1, weight, None, False, None)), scores=2)
    dense = FEATURES["dense"](num_nodes=30, num_features=depth)
    with pytest.raises(ArgumentError, match=r"2147483647"):
        check_bounds(plan, prepared, dense)


def test_same_codes_tells_values_apart():
    law = per_tensor_law(2, 1.0)
    first, second = (PackedTensor(np.array([[v]], np.uint8), 4, law) for v in (0b01, 0b10))
    assert same_codes(first, first)
    assert not same_codes(first, second)
    assert not same_codes(first, np.zeros((1, 4), np.float32))
    pattern = binary_features().matrix
    sums = np.zeros(30, np.float32)
    sparse = SparseCodes(pattern, None, np.float32(1), None, sums)
    weighted = SparseCodes(pattern, np.ones(pattern.num_entries, np.int16), np.float32(1), None, sums)
    assert same_codes(sparse, sparse)
    assert same_codes(weighted, weighted)
    assert not same_codes(sparse, weighted)
    assert same_codes(SparseValues(pattern, None), SparseValues(pattern, None))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("propagation", ["smp", "elastic"])
def test_instruction_set_and_threads_do_not_change_a_bit(prepared, bits, propagation):
    plan = _net(prepared, bits, propagation=propagation).to_plan()
    wanted = run_plan(plan, prepared, binary_features(), KernelBackend(), has_trace=True)
    for name, threads in product(isa.available(), (1, 2, 4)):
        with isa.use(name):
            run = run_plan(plan, prepared, binary_features(), KernelBackend(threads), has_trace=True)
        np.testing.assert_array_equal(run.scores, wanted.scores)
        assert all(same_codes(value, run.trace[stage]) for stage, value in wanted.trace.items()), (name, threads)
