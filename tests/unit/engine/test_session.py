from __future__ import annotations

import numpy as np
import pytest

from smoothbit.engine import KernelBackend, PreparedGraph, Session, run_plan
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


def test_dense_features_may_be_refilled_in_place(prepared):
    features, other = FEATURES["dense"](), FEATURES["dense"](seed=1)
    plan = trained_net(TorchGraph(prepared), features, bits=4)[0].to_plan()
    session = Session(plan, prepared, features)
    features.matrix[:] = other.matrix
    wanted = run_plan(plan, prepared, other, KernelBackend())
    np.testing.assert_array_equal(session.run().scores, wanted.scores)


def test_all_but_elastic_plans_are_replayed(prepared):
    features = FEATURES["binary"]()
    for bits, propagation in ((2, "smp"), (32, "smp"), (2, "elastic")):
        plan = trained_net(TorchGraph(prepared), features, bits=bits, propagation=propagation)[0].to_plan()
        with recording() as recorder:
            run_plan(plan, prepared, features, KernelBackend())
        assert (recorder.program() is not None) is (propagation == "smp")
