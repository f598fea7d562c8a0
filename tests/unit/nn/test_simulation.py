from __future__ import annotations

import itertools

import numpy as np
import pytest

from smoothbit.engine import KernelBackend, PreparedGraph, run_plan, same_codes
from smoothbit.nn import SMPNet, SMPNetConfig, TorchGraph, inputs_from_features, simulate
from smoothbit.quant import QUANTIZERS, QuantConfig
from tests.helpers import FEATURES, random_graph, trained_net


@pytest.mark.parametrize("quantizer", QUANTIZERS.names())
@pytest.mark.parametrize("kind", FEATURES)
def test_engine_holds_the_simulated_codes(quantizer, kind):
    """Every stage of every width, weights per tensor and per channel: equal integers, equal score bits."""
    graph, features = TorchGraph(PreparedGraph(random_graph())), FEATURES[kind]()
    for bits in (1, 2, 4, 8):
        net, _ = trained_net(graph, features, bits=bits, quantizer=quantizer)
        simulated = simulate(net, graph.prepared, features, has_trace=True)
        run = run_plan(net.to_plan(), graph.prepared, features, KernelBackend(), has_trace=True)
        unequal = [stage for stage, value in simulated.trace.items() if not same_codes(value, run.trace[stage])]
        assert unequal == []
        np.testing.assert_array_equal(simulated.scores, run.scores)


def test_per_channel_weights_hold_too():
    graph = TorchGraph(PreparedGraph(random_graph()))
    for kind, bits in itertools.product(FEATURES, (1, 2, 4, 8)):
        features = FEATURES[kind]()
        quant = QuantConfig("lsq", bits, weight_granularity="per_channel")
        net = SMPNet(SMPNetConfig(20, 5, kind, 12, 3, quant=quant))
        net(inputs_from_features(features), graph)
        simulated = simulate(net, graph.prepared, features)
        run = run_plan(net.to_plan(), graph.prepared, features, KernelBackend())
        np.testing.assert_array_equal(simulated.scores, run.scores)


def test_mixed_widths_hold_too():
    graph, features = TorchGraph(PreparedGraph(random_graph())), FEATURES["dense"]()
    quant = QuantConfig("qlr", 2, {"weights": 4, "aggregates": 8, "messages": 1, "updates": 32, "inputs": 8})
    net = SMPNet(SMPNetConfig(20, 5, "dense", 12, 3, quant=quant))
    net(inputs_from_features(features), graph)
    simulated = simulate(net, graph.prepared, features)
    run = run_plan(net.to_plan(), graph.prepared, features, KernelBackend())
    np.testing.assert_allclose(simulated.scores, run.scores, atol=1e-4, rtol=1e-4)
