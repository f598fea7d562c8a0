from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smoothbit.engine import KernelBackend, PreparedGraph, Session, run_plan
from smoothbit.errors import TimeLimitError
from smoothbit.kernels import recording
from smoothbit.nn import TorchGraph
from tests.helpers import FEATURES, random_graph, trained_net


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
