from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smoothbit.engine import KernelBackend, PreparedGraph, Session, run_plan
from smoothbit.errors import TimeLimitError
from smoothbit.formats.schema import DiffuseOp, FeaturesOp, Plan
from smoothbit.kernels import recording
from smoothbit.nn import TorchGraph
from smoothbit.numerics.affine import per_tensor_law
from tests.helpers import FEATURES, dense_features, random_graph, trained_net


@pytest.fixture
def prepared():
    return PreparedGraph(random_graph())


@pytest.mark.parametrize("kind", FEATURES)
@pytest.mark.parametrize("bits", [2, 8, 32])
@pytest.mark.parametrize("propagation", ["smp", "elastic"])
def test_repeated_runs_equal_a_full_run(prepared, kind, bits, propagation):
    features = FEATURES[kind]()
    plan = trained_net(TorchGraph(prepared), features, bits=bits, propagation=propagation)[0].to_plan()
    wanted = run_plan(plan, prepared, features, KernelBackend())
    session = Session(plan, prepared, features)
    for _ in range(2):
        result = session.run()
        np.testing.assert_array_equal(result.scores, wanted.scores)
        np.testing.assert_array_equal(result.labels, wanted.labels)
    if bits < 32:
        np.testing.assert_array_equal(result.embedding.codes(), wanted.embedding.codes())


@pytest.mark.parametrize("propagation", ["smp", "elastic"])
def test_session_goes_on_after_a_time_limit(prepared, propagation):
    features = FEATURES["dense"]()
    plan = trained_net(TorchGraph(prepared), features, bits=2, propagation=propagation)[0].to_plan()
    session = Session(plan, prepared, features)
    wanted = session.run().scores.copy()
    with pytest.raises(TimeLimitError, match="Expected the run to end within 1e-09 s"):
        session.run(timeout_s=1e-9)
    np.testing.assert_array_equal(session.run(timeout_s=600).scores, wanted)


MIXED = [(4, {}), (32, {}), (2, {"inputs": 32}), (2, {"inputs": 32, "activations": 32}), (2, {"weights": 32})]


@pytest.mark.parametrize(("bits", "stage_bits"), MIXED, ids=["int4", "fp32", "inputs", "weight-only", "weights"])
@pytest.mark.parametrize("has_row_scale", [False, True], ids=["plain", "row-scale"])
def test_dense_features_may_be_refilled_in_place(prepared, bits, stage_bits, has_row_scale):
    features, other = (FEATURES["dense"](seed=seed) for seed in (0, 1))
    if has_row_scale:
        scale = np.linspace(0.5, 2, features.num_nodes, dtype=np.float32)
        features, other = replace(features, row_scale=scale), replace(other, row_scale=scale)
    plan = trained_net(TorchGraph(prepared), features, bits=bits, stage_bits=stage_bits)[0].to_plan()
    session = Session(plan, prepared, features)
    features.matrix[:] = other.matrix
    wanted = run_plan(plan, prepared, other, KernelBackend())
    np.testing.assert_array_equal(session.run().scores, wanted.scores)


@pytest.mark.parametrize(("bits", "stage_bits"), MIXED, ids=["int4", "fp32", "inputs", "weight-only", "weights"])
@pytest.mark.parametrize("kind", FEATURES)
def test_float_stages_beside_codes_give_the_scores_of_the_simulation(prepared, kind, bits, stage_bits):
    features = FEATURES[kind]()
    net, inputs = trained_net(TorchGraph(prepared), features, bits=bits, stage_bits=stage_bits)
    run = run_plan(net.to_plan(), prepared, features, KernelBackend())
    np.testing.assert_allclose(run.scores, net.evaluate(inputs, TorchGraph(prepared)), atol=1e-5, rtol=1e-5)


def test_all_but_elastic_plans_are_replayed(prepared):
    features = FEATURES["binary"]()
    for bits, propagation in ((2, "smp"), (32, "smp"), (2, "elastic")):
        plan = trained_net(TorchGraph(prepared), features, bits=bits, propagation=propagation)[0].to_plan()
        with recording() as recorder:
            run_plan(plan, prepared, features, KernelBackend())
        assert (recorder.program() is not None) is (propagation == "smp")


class SpoilingBackend(KernelBackend):
    """Overwrites rows as soon as they are released, and notes where outputs are."""

    def __init__(self):
        super().__init__()
        self.places, self.arrays = [], set()

    def _rows(self, shape, dtype):
        rows = super()._rows(shape, dtype)
        self.arrays.add(rows.ctypes.data)
        return rows

    def release(self, rows):
        rows.view(np.uint8).fill(255)  # float32: NaN
        super().release(rows)

    def spmm(self, graph, source, num_bits, weights, epilogue):
        out = super().spmm(graph, source, num_bits, weights, epilogue)
        self.places.append(out.ctypes.data)
        return out


NUM_STEPS = 6


def diffusion(num_bits, coding, self_weight, has_correction, skip, num_steps=NUM_STEPS):
    law = None if num_bits == 32 else per_tensor_law(num_bits, 2.0 ** (3 - num_bits), (1 << num_bits) // 2)
    correction = (0.5,) * num_steps if has_correction else ()
    deltas = (law,) * num_steps if has_correction and coding == "plain" else ()
    op = DiffuseOp(
        1, num_steps, self_weight, 0.75, 0.25, correction, correction, law, (None,) * num_steps,
        (law,) * (num_steps - 1) + (None,), deltas, (None,) * len(deltas), coding, skip,
    )  # fmt: skip
    return Plan((FeaturesOp(0, 20, None), op), 2)


@pytest.mark.parametrize("order", ["none", "degree"])
@pytest.mark.parametrize("skip", [None, 1], ids=["own-skip", "skip"])
@pytest.mark.parametrize(
    ("num_bits", "coding", "has_correction", "self_weight"),
    [(2, "plain", False, 0.125), (2, "plain", True, 0.125), (32, "plain", False, 0.125), (32, "plain", True, 0.125),
     (2, "feedback", False, 0.125), (8, "delta", False, 0.125), (8, "delta", True, 0.125)],
)  # fmt: skip
def test_nothing_reads_released_rows(num_bits, coding, has_correction, self_weight, skip, order):
    graph, features = PreparedGraph(random_graph(), order), dense_features()
    plan = diffusion(num_bits, coding, self_weight, has_correction, skip)
    wanted = run_plan(plan, graph, features, KernelBackend(), has_trace=True).scores  # a trace keeps all
    np.testing.assert_array_equal(run_plan(plan, graph, features, SpoilingBackend()).scores, wanted)
    session = Session(plan, graph, features)
    np.testing.assert_array_equal(session.run().scores, wanted)


def test_steps_of_a_propagation_share_two_arrays():
    backend = SpoilingBackend()
    run_plan(diffusion(2, "plain", 0.0, False, None), PreparedGraph(random_graph()), dense_features(), backend)
    states = backend.places[:-1]  # the last one is of scores
    assert len(states) == NUM_STEPS - 1
    assert len(set(states)) == 2


@pytest.mark.parametrize("num_bits", [2, 32])
@pytest.mark.parametrize("has_correction", [False, True], ids=["plain", "corrected"])
@pytest.mark.parametrize("self_weight", [0.0, 0.125])
def test_more_steps_need_no_more_arrays(num_bits, has_correction, self_weight):
    graph, features = PreparedGraph(random_graph()), dense_features()
    found = []
    for num_steps in (4, 12):
        backend = SpoilingBackend()
        with recording() as recorder:  # keeps all arrays of the run
            run_plan(
                diffusion(num_bits, "plain", self_weight, has_correction, None, num_steps), graph, features, backend
            )
        assert recorder.is_complete
        found.append(len(backend.arrays))
    assert found[0] == found[1]
