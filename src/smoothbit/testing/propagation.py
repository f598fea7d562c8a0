"""Invariants of every propagation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from smoothbit.engine import KernelBackend, PreparedGraph, run_plan, same_codes
from smoothbit.nn import PROPAGATIONS, Inputs, Network, SMPNet, SMPNetConfig, TorchGraph, inputs_from_features, simulate
from smoothbit.nn.propagation import Diffusion, Propagation
from smoothbit.numerics.csr import csr_from_coo
from smoothbit.quant import QuantConfig, Quantizer
from smoothbit.quant.quantizers.difference import DifferenceQuantizer
from smoothbit.testing.check_list import (
    Check,
    CheckList,
    require,
    require_close,
    require_equal,
    require_refusal,
    run_all,
)
from smoothbit.testing.graphs import binary_features, random_graph

BITS = (1, 2, 4, 8)
ORDERS = ("predict_first", "propagate_first")
CODINGS = ("feedback", "delta")
CHANNELS = 4
REDUCTION_TOLERANCE = 1e-4
"""K steps of at most 64-term float32 sums on values of order 1: 64 * K * 2**-24 < 1e-4."""
TIE_SHARE = 0.02
"""At 8 bits only rounding ties part the fake-quantized network and the codes: this share of the largest score."""

Dense: TypeAlias = Callable[[Propagation, Tensor, TorchGraph], Tensor]
PAGE = "docs/adding-a-propagation.md"


@dataclass(frozen=True)
class _Case:
    """A class with what the checks need to know of it.

    Args:
        method: The class.
        dense: Its own equations on dense matrices, or None.
        enlarge: Makes what a short training leaves too small to be seen larger, or None.
        options: Options for every one that is made.
    """

    method: type[Propagation]
    dense: Dense | None
    enlarge: Callable[[Propagation], object] | None
    options: Mapping[str, object]

    def make(
        self, num_steps: int = 3, bits: int = 32, channels: int = CHANNELS, coding: str = "plain", *, has_output: bool
    ) -> Propagation:
        torch.manual_seed(0)
        quant = QuantConfig("qlr", bits, coding=coding)
        return self.method(num_steps, channels, quant, has_output_quantizer=has_output, **self.options)

    def trained(self, bits: int, coding: str = "plain", order: str = "predict_first") -> tuple[SMPNet, Inputs]:
        """Return a network around the propagation after three optimiser steps, and its inputs."""
        features = binary_features()
        inputs = inputs_from_features(features)
        torch.manual_seed(0)
        quant = QuantConfig("qlr", bits, coding=coding)
        config = SMPNetConfig(
            features.num_features,
            5,
            inputs.kind,
            quant=quant,
            hidden_channels=12,
            num_steps=3,
            order=order,
            dropout=0.2,
        )
        net = SMPNet(config)
        is_hidden = order == "propagate_first"
        net.propagation = self.make(3, bits, 12 if is_hidden else 5, coding, has_output=is_hidden)
        train_briefly(net, inputs, _graph())
        if self.enlarge is not None:
            self.enlarge(net.propagation)
        return net, inputs


CHECKS: CheckList[_Case] = CheckList(PAGE)
CLOSED_FORM_CHECKS: CheckList[_Case] = CheckList(PAGE)
DIFFUSION_CHECKS: CheckList[_Case] = CheckList(PAGE)


def check_propagation(
    propagation: str | type[Propagation],
    dense: Dense | None = None,
    *,
    enlarge: Callable[[Propagation], object] | None = None,
    **options: object,
) -> None:
    """Check that a propagation keeps the rules that training, export and engine rely on.

    Args:
        propagation: Registered name, name of an installed plugin, or class.
        dense: The method's own equations on dense matrices: function of (propagation, z [N, F], graph) that
            returns h_K [N, F]; `dense_normalised` gives A^. Without it that one comparison is left out.
        enlarge: Called with each trained propagation, to make parts that three steps of training leave too
            small to be seen larger.
        options: Options of the class for every propagation that is made.

    Raises:
        InvariantError: a rule is broken; the message names it, the case and the values.
        ArgumentError: no propagation of that name.
    """
    run_all(propagation_checks(propagation, dense, enlarge=enlarge, **options))


def propagation_checks(
    propagation: str | type[Propagation],
    dense: Dense | None = None,
    *,
    enlarge: Callable[[Propagation], object] | None = None,
    **options: object,
) -> list[Check]:
    """Return name and function of each check of `check_propagation`."""
    method = PROPAGATIONS.resolve(propagation) if isinstance(propagation, str) else propagation
    name = propagation if isinstance(propagation, str) else getattr(method, "__name__", repr(method))
    label = f"propagation '{name}'"
    case = _Case(method, dense, enlarge, options)
    closed_form = [] if dense is None else CLOSED_FORM_CHECKS.bind(case, label)
    is_linear = isinstance(method, type) and issubclass(method, Diffusion)
    diffusion = DIFFUSION_CHECKS.bind(case, label) if is_linear else []
    return [*CHECKS.bind(case, label), *closed_form, *diffusion]


def dense_normalised(graph: TorchGraph) -> Tensor:
    """Return A^ = D^-1/2 (A + I) D^-1/2 as a dense matrix [N, N], for closed forms on small graphs."""
    csr = graph.prepared.csr
    dense = torch.zeros(csr.num_rows, csr.num_cols)
    dense[torch.from_numpy(csr.entry_rows()).long(), torch.from_numpy(csr.indices).long()] = 1.0
    return graph.rsqrt_degree * dense * graph.rsqrt_degree.t()


def train_briefly(net: Network, inputs: Inputs, graph: TorchGraph) -> None:
    """Take three optimiser steps on random labels of 5 classes, so that all parts of `net` have moved."""
    labels = torch.randint(0, 5, (graph.num_nodes,))
    optimiser = torch.optim.Adam(net.parameters(), lr=0.05)
    for _ in range(3):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(net(inputs, graph), labels).backward()  # type: ignore[no-untyped-call]
        optimiser.step()


def _graph() -> TorchGraph:
    return TorchGraph(PreparedGraph(random_graph()))


def _signal(num_nodes: int = 30) -> Tensor:
    return torch.randn(num_nodes, CHANNELS, generator=torch.Generator().manual_seed(1))


def _array(values: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return values.detach().numpy()


@CHECKS.add()
def is_a_propagation(case: _Case) -> None:
    """The class has the interface."""
    is_one = isinstance(case.method, type) and issubclass(case.method, Propagation)
    require(is_one, "a subclass of smoothbit.nn.propagation.Propagation", case.method)


@CLOSED_FORM_CHECKS.add(num_steps=(1, 2, 5))
def float_equals_the_dense_equations(case: _Case, num_steps: int) -> None:
    """Without quantization the result is that of the method's own equations."""
    assert case.dense is not None
    graph, z = _graph(), _signal()
    propagation = case.make(num_steps, has_output=False)
    got, want = propagation(z, graph), case.dense(propagation, z, graph)
    require_close(_array(got), _array(want), REDUCTION_TOLERANCE, "h_K is that of the dense equations")


@CHECKS.add()
def nodes_can_be_renumbered(case: _Case) -> None:
    """Another numbering of nodes gives the same rows in that numbering."""
    csr, z = random_graph(), _signal()
    order = np.random.default_rng(0).permutation(csr.num_rows)
    renumbered = csr_from_coo(order[csr.entry_rows()], order[csr.indices], csr.num_rows, csr.num_rows)
    moved = torch.empty_like(z)
    moved[torch.from_numpy(order)] = z
    first = case.make(has_output=False)(z, TorchGraph(PreparedGraph(csr)))
    second = case.make(has_output=False)(moved, TorchGraph(PreparedGraph(renumbered)))
    got, want = _array(second)[order], _array(first)
    require_close(got, want, REDUCTION_TOLERANCE, "h_K of renumbered nodes is h_K renumbered")


@CHECKS.add()
def a_graph_without_edges_is_no_exception(case: _Case) -> None:
    """Nodes without neighbours have finite states."""
    empty = csr_from_coo(np.zeros(0, np.int64), np.zeros(0, np.int64), 6, 6)
    out = case.make(has_output=False)(torch.ones(6, CHANNELS), TorchGraph(PreparedGraph(empty)))
    require(bool(torch.isfinite(out).all()), "finite states without edges", out)


@CHECKS.add()
def gradient_reaches_the_input_at_two_bits(case: _Case) -> None:
    """Quantizers pass gradients from the loss to z."""
    z = _signal().requires_grad_(True)
    case.make(bits=2, has_output=False)(z, _graph()).square().sum().backward()
    size = None if z.grad is None else float(z.grad.abs().sum())
    require(size is not None and size > 0, "a gradient of z that is not 0", size)


@CHECKS.add(output=("scores", "embedding"))
def every_quantizer_is_active_and_none_is_shared(case: _Case, output: str) -> None:
    """A narrower range of any quantizer changes the result."""
    graph, z = _graph(), _signal()
    propagation = case.make(2, 2, has_output=output == "embedding")
    propagation(z, graph)
    propagation.eval()
    if case.enlarge is not None:
        case.enlarge(propagation)
    expected = propagation(z, graph).detach()
    named = [(name, m) for name, m in propagation.named_modules(remove_duplicate=False) if isinstance(m, Quantizer)]
    require(len(named) > 0, "a quantizer at least", len(named))
    for name, quantizer in named:
        others = [other for other, module in named if module is quantizer and other != name]
        require(not others, f"a quantizer of its own at `{name}`", f"the one of {others}")
        keep = {key: value.clone() for key, value in quantizer.state_dict().items()}
        for end in ("observer.hi", "observer.lo"):
            quantizer.get_buffer(end).mul_(0.2)
        is_seen = not torch.equal(propagation(z, graph), expected)
        require(is_seen, f"another result with a fifth of the range at `{name}`", "the same")
        quantizer.load_state_dict(keep)


@CHECKS.add(bits=BITS, order=ORDERS)
def engine_equals_the_simulation_stage_by_stage(case: _Case, bits: int, order: str) -> None:
    """The plan gives the codes of the float simulation, all of them."""
    _require_same_stages(case, bits, "plain", order)


@CHECKS.add()
def simulation_is_the_trained_network(case: _Case) -> None:
    """The plan computes what was trained."""
    _require_same_network(case, "plain")


@CHECKS.add()
def float_plan_equals_the_float_network(case: _Case) -> None:
    """Without quantization too."""
    graph = _graph()
    net, inputs = case.trained(32)
    net.eval()
    wanted = _array(net(inputs, graph))
    run = run_plan(net.to_plan(), graph.prepared, inputs.features, KernelBackend())
    require_close(run.scores, wanted, REDUCTION_TOLERANCE, "scores of the plan are those of the network")


@CHECKS.add()
def zero_steps_are_refused(case: _Case) -> None:
    """There is no propagation of no steps."""
    require_refusal(lambda: case.make(0, has_output=False), "`num_steps`", "0 steps are refused")


@CHECKS.add()
def repr_shows_the_number_of_steps(case: _Case) -> None:
    """`extra_repr` continues that of the base class."""
    text = repr(case.make(has_output=False))
    require("num_steps=3" in text, "a repr with num_steps=3", text)


@DIFFUSION_CHECKS.add(bits=BITS, order=ORDERS, coding=CODINGS)
def coded_engine_equals_the_simulation_stage_by_stage(case: _Case, bits: int, order: str, coding: str) -> None:
    """A linear propagation may send coded messages."""
    _require_same_stages(case, bits, coding, order)


@DIFFUSION_CHECKS.add(coding=CODINGS)
def simulation_is_the_trained_network_with_coded_messages(case: _Case, coding: str) -> None:
    """The plan with coded messages computes what was trained."""
    _require_same_network(case, coding)


@DIFFUSION_CHECKS.add()
def every_quantizer_of_differences_is_active(case: _Case) -> None:
    """A finer step of any one changes the result."""
    graph = _graph()
    net, inputs = case.trained(2, "delta")
    net.eval()
    expected = net(inputs, graph)
    quantizers = [module for module in net.modules() if isinstance(module, DifferenceQuantizer)]
    require(len(quantizers) == 3, "a quantizer of differences for each of 3 steps", len(quantizers))
    for index, quantizer in enumerate(quantizers):
        quantizer.log_step.data -= 2.0
        is_seen = not torch.equal(net(inputs, graph), expected)
        require(is_seen, f"another result with a finer quantizer of differences {index}", "the same")
        quantizer.log_step.data += 2.0


def _require_same_stages(case: _Case, bits: int, coding: str, order: str) -> None:
    graph = _graph()
    net, inputs = case.trained(bits, coding, order)
    simulated = simulate(net, graph.prepared, inputs.features, has_trace=True)
    run = run_plan(net.to_plan(), graph.prepared, inputs.features, KernelBackend(), has_trace=True)
    stages = list(simulated.trace)
    require(list(run.trace) == stages, f"the stages {stages}", list(run.trace))
    for stage, value in simulated.trace.items():
        require(same_codes(value, run.trace[stage]), f"codes of the simulation at {stage}", run.trace[stage])
    require_equal(run.scores, simulated.scores, "scores are those of the simulation")


def _require_same_network(case: _Case, coding: str) -> None:
    graph = _graph()
    net, inputs = case.trained(8, coding)
    net.eval()
    fake = _array(net(inputs, graph))
    scores = simulate(net, graph.prepared, inputs.features).scores
    gap, largest = float(np.abs(fake - scores).max()), float(np.abs(scores).max())
    require(gap < TIE_SHARE * largest, f"scores within {TIE_SHARE} of the largest, {largest}", gap)
