from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from smoothbit.errors import ArgumentError
from smoothbit.nn import PROPAGATIONS
from smoothbit.quant import FloatStage, QuantConfig
from smoothbit.testing import dense_normalised, propagation_checks
from smoothbit.testing.propagation import REDUCTION_TOLERANCE
from tests.helpers import make_propagation, torch_graph


def dense(propagation, z, graph):
    """DESIGN 2.2, the multiplier's step beside the layers."""
    smooth = dense_normalised(graph)
    lam = slack = 1e-3
    h = z
    for _ in range(propagation.num_steps):
        mu = propagation.aggregate_weight / 0.1
        update = mu * 0.1 * smooth @ h + (1 - (1 + mu) * 0.1) * h + 0.1 * z
        delta = update - h
        laplacian = delta - smooth @ delta
        pulled = smooth @ delta if propagation.variant == "public" else laplacian
        h = update + 2 * 0.1 * lam * pulled
        change = (delta * laplacian).sum()
        slack = slack + 2 * 1e-5 * lam * slack
        lam = lam + 0.13 / graph.num_entries * (0.1 * graph.num_entries - slack**2 - change)
    return h


def enlarge(propagation):
    """As trained the multipliers are too small to see at 2 bits."""
    propagation.multipliers.copy_(torch.linspace(3.0, 4.0, propagation.num_steps))


@pytest.mark.parametrize(("name", "check"), propagation_checks("smp", dense, enlarge=enlarge))
def test_invariants_as_derived(name, check):
    check()


@pytest.mark.parametrize(("name", "check"), propagation_checks("smp", dense, enlarge=enlarge, variant="public"))
def test_invariants_as_published(name, check):
    check()


@pytest.mark.parametrize(("name", "check"), propagation_checks("smp", dense, enlarge=enlarge, smoothness=3.0))
def test_invariants_with_a_self_weight(name, check):
    check()


def test_evaluation_uses_the_multipliers_of_the_latest_training_pass():
    propagation, graph, z = make_propagation("smp"), torch_graph(), torch.randn(30, 4)
    trained = propagation(z, graph)
    propagation.eval()
    assert torch.equal(propagation(z, graph), trained)
    propagation.multipliers.zero_()
    assert not torch.equal(propagation(z, graph), trained)


def test_zero_multipliers_reduce_to_appnp():
    propagation, graph, z = make_propagation("smp").eval(), torch_graph(), torch.randn(30, 4)
    h = z
    for _ in range(3):
        h = 0.9 * dense_normalised(graph) @ h + 0.1 * z
    torch.testing.assert_close(propagation(z, graph), h, atol=1e-5, rtol=1e-5)


def test_plan_freezes_one_number_for_each_layer():
    propagation = make_propagation("smp")
    propagation(torch.randn(30, 4), torch_graph())
    op = propagation.to_op(3)
    assert len(op.correction_self) == 3
    assert op.correction_self == tuple(-w for w in op.correction_aggregate)
    assert op.self_weight == 0.0


@pytest.mark.parametrize("variant", ["derived", "public"])
def test_delta_coding_corrects_by_the_change_that_was_sent(variant):
    """With exact messages: the correction of layer k is made of m_k - m_{k-1}, that of layer 0 is none."""
    graph, z = torch_graph(), torch.randn(30, 4, generator=torch.Generator().manual_seed(1))
    propagation = PROPAGATIONS.resolve("smp")(5, 4, QuantConfig("qlr", 2, coding="delta"), variant=variant)
    propagation.message = FloatStage()
    propagation.updates = nn.ModuleList(FloatStage() for _ in range(5))
    smooth = dense_normalised(graph)
    lam = slack = 1e-3
    h = before = z
    for step in range(5):
        update = 0.9 * smooth @ h + 0.1 * z
        delta = h - before
        laplacian = delta - smooth @ delta
        before, h = h, update + 2 * 0.1 * lam * (smooth @ delta if variant == "public" else laplacian)
        if step > 0:
            change = (delta * laplacian).sum()
            slack = slack + 2 * 1e-5 * lam * slack
            lam = lam + 0.13 / graph.num_entries * (0.1 * graph.num_entries - slack**2 - change)
    torch.testing.assert_close(propagation(z, graph), h, atol=REDUCTION_TOLERANCE, rtol=REDUCTION_TOLERANCE)


def test_plan_of_a_coding_corrects_no_first_layer():
    graph, z = torch_graph(), torch.randn(30, 4)
    ops = {}
    for coding in ("feedback", "delta"):
        propagation = PROPAGATIONS.resolve("smp")(3, 4, QuantConfig("qlr", 2, coding=coding))
        propagation(z, graph)
        ops[coding] = propagation.to_op(1)
        assert (ops[coding].coding, ops[coding].deltas, ops[coding].delta_aggregates) == (coding, (), ())
    assert ops["feedback"].correction_self == ()
    weights = ops["delta"].correction_self
    assert weights[0] == 0.0
    assert all(weights[1:])
    np.testing.assert_allclose(weights[1:], 2 * 0.1 * propagation.multipliers[1:], rtol=1e-6)
    assert ops["delta"].correction_aggregate == tuple(-w for w in weights)


@pytest.mark.parametrize(("epsilon", "weight"), [(1e9, 0.5), (-1e9, -0.5)], ids=["above", "below"])
def test_correction_stays_within_half_however_far_the_bound(epsilon, weight):
    propagation = make_propagation("smp", 4, epsilon=epsilon)
    propagation(torch.randn(30, 4), torch_graph())
    weights = 2 * propagation.step_size * propagation.multipliers
    torch.testing.assert_close(weights, torch.tensor([2e-4, weight, weight, weight]))


def test_unknown_variant_is_refused():
    with pytest.raises(ArgumentError, match=r"Expected `variant` to be one of derived, public \(got 'paper'\)"):
        make_propagation("smp", variant="paper")


def test_repr_shows_the_hyper_parameters():
    assert "smoothness=9, step_size=0.1, epsilon=0.1, variant=derived" in repr(make_propagation("smp"))
