"""Invariants of every network; a concrete case states the registered name and the paper's equations."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from smoothbit.engine import KernelBackend, PreparedGraph, Session, run_plan, same_codes
from smoothbit.export import export_model
from smoothbit.formats import read_model
from smoothbit.nn import MODELS, Network, TorchGraph, hidden_states, simulate
from smoothbit.numerics.csr import csr_from_coo
from smoothbit.numerics.features import Features
from smoothbit.quant import Quantizer
from tests.helpers import FEATURES, dense_features, dense_normalised, random_graph, trained_net

# K layers of products over at most 64 float32 terms of order 1: 64 * K * 2**-24 < 1e-4.
REDUCTION_TOLERANCE = 1e-4


class ModelCase:
    """Family invariants; subclasses set `name`, may set `options`, and give the network's equations."""

    name: ClassVar[str]
    options: ClassVar[dict[str, object]] = {}
    state_widths: ClassVar[tuple[int, ...]]
    """Widths of the states of a network of 3 steps, 12 hidden channels and 5 classes."""

    def dense(self, net: Any, x: torch.Tensor, smooth: torch.Tensor) -> torch.Tensor:
        """Return class scores from X [N, F] and a dense A^ [N, N]."""
        raise AssertionError("each case gives its closed form")

    def trained(self, features: Features | None = None, **config: Any) -> tuple[Any, Any, Features, TorchGraph]:
        """Return a network after three optimiser steps, its inputs, features and graph."""
        graph, features = self.graph(), features or dense_features()
        net, inputs = trained_net(graph, features, model=self.name, **{**self.options, **config})
        return net, inputs, features, graph

    @staticmethod
    def graph() -> TorchGraph:
        return TorchGraph(PreparedGraph(random_graph()))

    @pytest.mark.parametrize("steps", [1, 2, 5])
    def test_float_equals_the_dense_equations(self, steps):
        net, inputs, features, graph = self.trained(steps=steps)
        wanted = self.dense(net, torch.from_numpy(features.to_dense()), dense_normalised(graph)).detach().numpy()
        np.testing.assert_allclose(
            net.evaluate(inputs, graph), wanted, atol=REDUCTION_TOLERANCE, rtol=REDUCTION_TOLERANCE
        )

    @pytest.mark.parametrize("kind", FEATURES)
    @pytest.mark.parametrize("bits", [1, 2, 4, 8])
    def test_engine_equals_the_simulation_stage_by_stage(self, bits, kind):
        net, _, features, graph = self.trained(FEATURES[kind](), bits=bits)
        simulated = simulate(net, graph.prepared, features, has_trace=True)
        run = run_plan(net.to_plan(), graph.prepared, features, KernelBackend(), has_trace=True)
        assert simulated.trace.keys() == run.trace.keys()
        for stage, value in simulated.trace.items():
            assert same_codes(value, run.trace[stage]), stage
        np.testing.assert_array_equal(simulated.scores, run.scores)

    def test_order_of_nodes_changes_no_bit(self):
        net, _, features, graph = self.trained(bits=2)
        ordered = PreparedGraph(random_graph(), "degree")
        first, second = (run_plan(net.to_plan(), g, features, KernelBackend()) for g in (graph.prepared, ordered))
        np.testing.assert_array_equal(first.scores, second.scores)

    @pytest.mark.parametrize("bits", [2, 32], ids=["int2", "fp32"])
    def test_session_repeats_the_run(self, bits):
        net, _, features, graph = self.trained(bits=bits)
        session = Session(net.to_plan(), graph.prepared, features)
        once = run_plan(net.to_plan(), graph.prepared, features, KernelBackend())
        np.testing.assert_array_equal(session.run().scores, once.scores)

    def test_simulation_is_the_trained_network(self):
        """At 8 bits only rounding ties may part the fake-quantized network and the codes."""
        net, inputs, features, graph = self.trained(bits=8)
        scores = simulate(net, graph.prepared, features).scores
        assert np.abs(net.evaluate(inputs, graph) - scores).max() < 0.02 * np.abs(scores).max()

    @pytest.mark.parametrize("kind", FEATURES)
    def test_float_plan_equals_the_float_network(self, kind):
        net, inputs, features, graph = self.trained(FEATURES[kind]())
        run = run_plan(net.to_plan(), graph.prepared, features, KernelBackend())
        np.testing.assert_allclose(
            run.scores, net.evaluate(inputs, graph), atol=REDUCTION_TOLERANCE, rtol=REDUCTION_TOLERANCE
        )

    @pytest.mark.parametrize("bits", [2, 32], ids=["int2", "fp32"])
    def test_file_holds_the_plan(self, bits, tmp_path: Path):
        net, _, features, graph = self.trained(bits=bits)
        export_model(net, tmp_path / "m.smoothbit")
        packed = read_model(tmp_path / "m.smoothbit")
        assert packed.info.model == type(net).__name__
        first, second = (run_plan(p, graph.prepared, features, KernelBackend()) for p in (net.to_plan(), packed.plan))
        np.testing.assert_array_equal(first.scores, second.scores)

    def test_every_quantizer_is_active_and_none_is_shared(self):
        net, inputs, _, graph = self.trained(bits=2, steps=2)
        if hasattr(net, "propagation") and hasattr(net.propagation, "multipliers"):
            net.propagation.multipliers.fill_(3.0)  # as trained they are too small to see at 2 bits
        expected = net.evaluate(inputs, graph)
        named = {name: m for name, m in net.named_modules() if isinstance(m, Quantizer)}
        assert len({id(m) for m in named.values()}) == len(named) > 0
        assert len(net.range_parameters()) == len(named)
        for name, quantizer in named.items():
            keep = {k: v.clone() for k, v in quantizer.state_dict().items()}
            quantizer.log_alpha.data -= 2.0
            assert not np.array_equal(net.evaluate(inputs, graph), expected), f"{name} is not active"
            quantizer.load_state_dict(keep)

    def test_nodes_can_be_renumbered(self):
        net, inputs, features, graph = self.trained()
        csr, matrix = random_graph(), features.to_dense()
        order = np.random.default_rng(0).permutation(csr.num_rows)
        renumbered = csr_from_coo(order[csr.entry_rows()], order[csr.indices], csr.num_rows, csr.num_rows)
        moved = np.empty_like(matrix)
        moved[order] = matrix
        run = run_plan(net.to_plan(), PreparedGraph(renumbered), Features(moved), KernelBackend())
        np.testing.assert_allclose(
            run.scores[order], net.evaluate(inputs, graph), atol=REDUCTION_TOLERANCE, rtol=REDUCTION_TOLERANCE
        )

    def test_state_dict_and_json_rebuild_the_network(self):
        net, inputs, _, graph = self.trained(bits=2)
        network = MODELS.resolve(self.name)
        twin = network(network.config_type.from_json(net.config.to_json()))
        twin.load_state_dict(net.state_dict())
        np.testing.assert_array_equal(twin.evaluate(inputs, graph), net.evaluate(inputs, graph))

    @pytest.mark.parametrize("bits", [2, 32], ids=["int2", "fp32"])
    def test_hidden_states_are_those_of_evaluation(self, bits):
        net, inputs, _, graph = self.trained(bits=bits)
        states = hidden_states(net, inputs, graph)
        assert [tuple(h.shape) for h in states] == [(30, width) for width in self.state_widths]
        assert net.training
        assert not any(state.requires_grad for state in states)
        if self.state_widths[-1] == 5:
            np.testing.assert_array_equal(states[-1].numpy(), net.evaluate(inputs, graph))
        for first, second in zip(states, hidden_states(net, inputs, graph), strict=True):
            assert torch.equal(first, second)

    def test_float_twin_has_the_same_weights(self):
        net, inputs, features, graph = self.trained(bits=2)
        twin: Network = net.float_twin()
        assert twin.config.quant.is_float
        wanted = self.dense(net, torch.from_numpy(features.to_dense()), dense_normalised(graph)).detach().numpy()
        np.testing.assert_allclose(
            twin.evaluate(inputs, graph), wanted, atol=REDUCTION_TOLERANCE, rtol=REDUCTION_TOLERANCE
        )
