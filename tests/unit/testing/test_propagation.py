"""Each invariant finds a propagation that breaks it; the registered ones are checked in tests/unit/nn/propagation."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from smoothbit.errors import ArgumentError, InvariantError
from smoothbit.nn import PROPAGATIONS
from smoothbit.nn.propagation import APPNPPropagation, Propagation
from smoothbit.testing import check_propagation, dense_normalised, propagation_checks
from smoothbit.testing.check_list import run_all


def dense(propagation, z, graph):
    h = z
    for _ in range(propagation.num_steps):
        h = 0.9 * dense_normalised(graph) @ h + 0.1 * z
    return h


class Heavier(APPNPPropagation):
    """Another equation than the one it claims, in training and plan alike."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.aggregate_weight = 0.8


class Positional(APPNPPropagation):
    """Knows nodes by their number."""

    def correct(self, update, state, mean, graph, step):
        return update + torch.arange(len(update))[:, None] / len(update)


class Normalised(APPNPPropagation):
    """Divides by what may be 0."""

    def correct(self, update, state, mean, graph, step):
        return update + 0 / (graph.num_entries - graph.num_nodes)


class Blocked(APPNPPropagation):
    """Stops the gradient."""

    def forward(self, z, graph):
        return super().forward(z.detach(), graph) + 0 * z


class Tied(APPNPPropagation):
    """Has one quantizer for all updates."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.updates = nn.ModuleList([self.updates[0]] * self.num_steps)


class Unplanned(APPNPPropagation):
    """Leaves the aggregates out of its plan."""

    def to_op(self, source):
        return replace(super().to_op(source), skip_weight=0.2)


class Stepless(APPNPPropagation):
    """Rounds up."""

    def __init__(self, num_steps, *arguments, **options):
        super().__init__(max(num_steps, 1), *arguments, **options)

    def extra_repr(self):
        return ""


class Lagging(APPNPPropagation):
    """Its simulation is exact, but of another network: the last aggregate is scaled in training alone."""

    def correct(self, update, state, mean, graph, step):
        return 1.1 * update if step == self.num_steps - 1 else update


class Wrong(APPNPPropagation):
    """Gives the engine another operation with coded messages than with plain ones."""

    def to_op(self, source):
        op = super().to_op(source)
        return op if op.coding == "plain" else replace(op, aggregate_weight=0.5)


class Restless(APPNPPropagation):
    """Draws random numbers in its plan, so that no two of it are equal."""

    def to_op(self, source):
        return replace(super().to_op(source), self_weight=float(torch.rand(()) * 0.1) + 0.01)


class Deaf(APPNPPropagation):
    """Quantizers of differences are not used."""

    def forward(self, z, graph):
        if self.quant.coding == "delta" and not self.training:
            return z
        return super().forward(z, graph)


@pytest.mark.parametrize(
    ("broken", "invariant"),
    [
        (nn.Linear, "is_a_propagation"),
        (Heavier, "float_equals_the_dense_equations"),
        (Positional, "nodes_can_be_renumbered"),
        (Normalised, "a_graph_without_edges_is_no_exception"),
        (Blocked, "gradient_reaches_the_input_at_two_bits"),
        (Tied, "every_quantizer_is_active_and_none_is_shared"),
        (Restless, "engine_equals_the_simulation_stage_by_stage"),
        (Unplanned, "simulation_is_the_trained_network"),
        (Lagging, "float_plan_equals_the_float_network"),
        (Stepless, "zero_steps_are_refused"),
        (Stepless, "repr_shows_the_number_of_steps"),
        (Restless, "coded_engine_equals_the_simulation_stage_by_stage"),
        (Wrong, "simulation_is_the_trained_network_with_coded_messages"),
        (Deaf, "every_quantizer_of_differences_is_active"),
    ],
)
def test_invariant_finds_a_propagation_that_breaks_it(broken, invariant):
    checks = (check for check in propagation_checks(broken, dense) if check[0].partition("[")[0] == invariant)
    with pytest.raises(InvariantError, match=rf"Expected propagation '{broken.__name__}' to keep {invariant}.* \(got "):
        run_all(checks)


def test_every_invariant_has_a_propagation_that_breaks_it():
    broken = test_invariant_finds_a_propagation_that_breaks_it.pytestmark[0].args[1]
    names = {name.partition("[")[0] for name, _ in propagation_checks("gcn", dense)}
    assert names == {invariant for _, invariant in broken}


def test_codings_are_for_linear_propagations_and_equations_are_optional():
    names = {
        kind: {name.partition("[")[0] for name, _ in propagation_checks(kind, closed)}
        for kind, closed in (("gcn", dense), ("elastic", None))
    }
    assert names["gcn"] - names["elastic"] == {
        "float_equals_the_dense_equations",
        "coded_engine_equals_the_simulation_stage_by_stage",
        "simulation_is_the_trained_network_with_coded_messages",
        "every_quantizer_of_differences_is_active",
    }
    assert issubclass(PROPAGATIONS.resolve("elastic"), Propagation)


def test_a_class_is_checked_with_its_options():
    name = "float_equals_the_dense_equations[num_steps=2]"
    dict(propagation_checks(APPNPPropagation, dense))[name]()
    with pytest.raises(InvariantError, match=r"within 0.0001 at \[\d+, \d\] \(got"):
        dict(propagation_checks(APPNPPropagation, dense, teleport=0.3))[name]()


def test_unknown_name_is_refused():
    with pytest.raises(ArgumentError, match="Did you mean 'appnp'"):
        check_propagation("appnpp")


def test_what_is_no_class_is_refused():
    with pytest.raises(InvariantError, match=r"keep is_a_propagation: a subclass of .* \(got 3\)"):
        check_propagation(3)
