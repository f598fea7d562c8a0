"""Invariants of every propagation; a concrete case states the registered name and options."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
import torch

from smoothbit.engine import KernelBackend, PreparedGraph, run_plan, same_codes
from smoothbit.errors import ArgumentError
from smoothbit.nn import PROPAGATIONS, TorchGraph, simulate
from smoothbit.nn.propagation import Propagation
from smoothbit.numerics.csr import csr_from_coo
from smoothbit.quant import QuantConfig, Quantizer
from smoothbit.quant.quantizers.difference import DifferenceQuantizer
from tests.helpers import binary_features, random_graph, trained_net

# K steps of at most 64-term float32 sums on values of order 1: 64 * K * 2**-24 < 1e-4.
REDUCTION_TOLERANCE = 1e-4


class PropagationCase:
    """Family invariants; subclasses set `name`, may set `options`, and give a dense closed form."""

    name: ClassVar[str]
    options: ClassVar[dict[str, object]] = {}

    def make(self, num_steps: int = 3, bits: int = 32, *, has_output_quantizer: bool = False, **options: object):
        torch.manual_seed(0)
        return PROPAGATIONS.resolve(self.name)(
            num_steps,
            4,
            QuantConfig("qlr", bits),
            has_output_quantizer=has_output_quantizer,
            **{**self.options, **options},
        )

    def dense(self, propagation: Propagation, z: torch.Tensor, graph: TorchGraph) -> torch.Tensor:
        """Return h_K by the method's own equations on dense matrices."""
        raise AssertionError("each case gives its closed form")

    @staticmethod
    def graph(seed: int = 0) -> TorchGraph:
        return TorchGraph(PreparedGraph(random_graph(seed=seed)))

    @pytest.mark.parametrize("num_steps", [1, 2, 5])
    def test_float_equals_the_dense_equations(self, num_steps):
        graph = self.graph()
        z = torch.randn(graph.num_nodes, 4, generator=torch.Generator().manual_seed(1))
        propagation = self.make(num_steps)
        torch.testing.assert_close(
            propagation(z, graph), self.dense(propagation, z, graph), atol=REDUCTION_TOLERANCE, rtol=REDUCTION_TOLERANCE
        )

    def test_nodes_can_be_renumbered(self):
        csr = random_graph()
        order = np.random.default_rng(0).permutation(csr.num_rows)
        renumbered = csr_from_coo(order[csr.entry_rows()], order[csr.indices], csr.num_rows, csr.num_rows)
        z = torch.randn(csr.num_rows, 4, generator=torch.Generator().manual_seed(1))
        moved = torch.empty_like(z)
        moved[torch.from_numpy(order)] = z
        first = self.make()(z, TorchGraph(PreparedGraph(csr)))
        second = self.make()(moved, TorchGraph(PreparedGraph(renumbered)))
        torch.testing.assert_close(
            second[torch.from_numpy(order)], first, atol=REDUCTION_TOLERANCE, rtol=REDUCTION_TOLERANCE
        )

    def test_graph_without_edges(self):
        empty = csr_from_coo(np.zeros(0, np.int64), np.zeros(0, np.int64), 6, 6)
        out = self.make()(torch.ones(6, 4), TorchGraph(PreparedGraph(empty)))
        assert torch.isfinite(out).all()

    def test_gradient_reaches_the_input_at_two_bits(self):
        z = torch.randn(30, 4, requires_grad=True)
        self.make(bits=2)(z, self.graph()).square().sum().backward()
        assert z.grad is not None
        assert float(z.grad.abs().sum()) > 0

    @pytest.mark.parametrize("has_output_quantizer", [False, True], ids=["scores", "embedding"])
    def test_every_quantizer_is_active_and_none_is_shared(self, has_output_quantizer):
        graph, z = self.graph(), torch.randn(30, 4, generator=torch.Generator().manual_seed(1))
        propagation = self.make(num_steps=2, bits=2, has_output_quantizer=has_output_quantizer)
        propagation(z, graph)
        propagation.eval()
        if hasattr(propagation, "multipliers"):  # as trained they are too small to see at 2 bits
            propagation.multipliers.fill_(3.0)
        expected = propagation(z, graph).detach()
        named = {name: m for name, m in propagation.named_modules() if isinstance(m, Quantizer)}
        assert len({id(m) for m in named.values()}) == len(named) > 0
        for name, quantizer in named.items():
            keep = {k: v.clone() for k, v in quantizer.state_dict().items()}
            quantizer.observer.hi.mul_(0.2)
            quantizer.observer.lo.mul_(0.2)
            assert not torch.equal(propagation(z, graph), expected), f"{name} is not active"
            quantizer.load_state_dict(keep)

    @pytest.mark.parametrize("bits", [1, 2, 4, 8])
    @pytest.mark.parametrize("order", ["predict_first", "propagate_first"])
    def test_engine_equals_the_simulation_stage_by_stage(self, bits, order):
        self.check_stages(bits, order, "plain")

    def test_simulation_is_the_trained_network(self):
        self.check_network("plain")

    def trained(self, bits, coding, order="predict_first"):
        """Return a trained network, its inputs, features and graph; multipliers are large enough to be seen."""
        graph, features = self.graph(), binary_features()
        options = {"propagation": self.name, "propagation_options": self.options, "order": order}
        net, inputs = trained_net(graph, features, bits=bits, coding=coding, **options)
        if hasattr(net.propagation, "multipliers"):
            net.propagation.multipliers.copy_(torch.linspace(1.0, 2.0, net.propagation.num_steps))
        return net, inputs, features, graph

    def check_stages(self, bits, order, coding):
        net, _, features, graph = self.trained(bits, coding, order)
        simulated = simulate(net, graph.prepared, features, has_trace=True)
        run = run_plan(net.to_plan(), graph.prepared, features, KernelBackend(), has_trace=True)
        assert simulated.trace.keys() == run.trace.keys()
        for stage, value in simulated.trace.items():
            assert same_codes(value, run.trace[stage]), stage
        np.testing.assert_array_equal(simulated.scores, run.scores)

    def check_network(self, coding):
        """At 8 bits only rounding ties may part the fake-quantized network and the codes: under 2% of the largest."""
        net, inputs, features, graph = self.trained(8, coding)
        net.eval()
        with torch.no_grad():
            fake = net(inputs, graph).numpy()
        scores = simulate(net, graph.prepared, features).scores
        assert np.abs(fake - scores).max() < 0.02 * np.abs(scores).max()

    def test_float_plan_equals_the_float_network(self):
        graph, features = self.graph(), binary_features()
        net, inputs = trained_net(graph, features, propagation=self.name, propagation_options=self.options)
        net.eval()
        with torch.no_grad():
            wanted = net(inputs, graph).numpy()
        run = run_plan(net.to_plan(), graph.prepared, features, KernelBackend())
        np.testing.assert_allclose(run.scores, wanted, atol=REDUCTION_TOLERANCE, rtol=REDUCTION_TOLERANCE)

    def test_zero_steps_are_refused(self):
        with pytest.raises(ArgumentError, match=r"Expected `num_steps` to be at least 1 \(got 0\)"):
            self.make(0)

    def test_repr_shows_the_number_of_steps(self):
        assert "num_steps=3" in repr(self.make())


class DiffusionCase(PropagationCase):
    """Invariants of the linear propagations, which may send coded messages."""

    @pytest.mark.parametrize("bits", [1, 2, 4, 8])
    @pytest.mark.parametrize("order", ["predict_first", "propagate_first"])
    @pytest.mark.parametrize("coding", ["feedback", "delta"])
    def test_coded_engine_equals_the_simulation_stage_by_stage(self, bits, order, coding):
        self.check_stages(bits, order, coding)

    @pytest.mark.parametrize("coding", ["feedback", "delta"])
    def test_simulation_is_the_trained_network_with_coded_messages(self, coding):
        self.check_network(coding)

    def test_every_quantizer_of_differences_is_active(self):
        net, inputs, _, graph = self.trained(2, "delta")
        net.eval()
        expected = net(inputs, graph)
        quantizers = [m for m in net.modules() if isinstance(m, DifferenceQuantizer)]
        assert len(quantizers) == net.propagation.num_steps
        for quantizer in quantizers:
            quantizer.log_step.data -= 2.0
            assert not torch.equal(net(inputs, graph), expected)
            quantizer.log_step.data += 2.0
