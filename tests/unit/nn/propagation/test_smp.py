from __future__ import annotations

from typing import ClassVar

import pytest
import torch

from smoothbit.errors import ArgumentError
from tests.cases.propagation_case import PropagationCase
from tests.helpers import dense_normalised


class SMPCase(PropagationCase):
    name = "smp"

    def dense(self, propagation, z, graph):
        """DESIGN 2.2, the multiplier's step beside the layers."""
        smooth = dense_normalised(graph)
        lam = slack = 1e-3
        h = z
        for _ in range(propagation.num_steps):
            update = 0.9 * smooth @ h + 0.1 * z
            delta = update - h
            laplacian = delta - smooth @ delta
            pulled = smooth @ delta if propagation.variant == "public" else laplacian
            h = update + 2 * 0.1 * lam * pulled
            change = (delta * laplacian).sum()
            slack = slack + 2 * 1e-5 * lam * slack
            lam = lam + 0.13 / graph.num_entries * (0.1 * graph.num_entries - slack**2 - change)
        return h


class TestDerived(SMPCase):
    pass


class TestPublic(SMPCase):
    options: ClassVar[dict[str, object]] = {"variant": "public"}


def test_evaluation_uses_the_multipliers_of_the_latest_training_pass():
    case = TestDerived()
    propagation, graph, z = case.make(), case.graph(), torch.randn(30, 4)
    trained = propagation(z, graph)
    propagation.eval()
    assert torch.equal(propagation(z, graph), trained)
    propagation.multipliers.zero_()
    assert not torch.equal(propagation(z, graph), trained)


def test_zero_multipliers_reduce_to_appnp():
    case = TestDerived()
    propagation, graph, z = case.make().eval(), case.graph(), torch.randn(30, 4)
    h = z
    for _ in range(3):
        h = 0.9 * dense_normalised(graph) @ h + 0.1 * z
    torch.testing.assert_close(propagation(z, graph), h, atol=1e-5, rtol=1e-5)


def test_plan_freezes_one_number_for_each_layer():
    case = TestDerived()
    propagation = case.make()
    propagation(torch.randn(30, 4), case.graph())
    op = propagation.to_op(3)
    assert len(op.correction_self) == 3
    assert op.correction_self == tuple(-w for w in op.correction_aggregate)
    assert op.self_weight == 0.0


def test_unknown_variant_is_refused():
    with pytest.raises(ArgumentError, match=r"Expected `variant` to be one of derived, public \(got 'paper'\)"):
        TestDerived().make(variant="paper")


def test_repr_shows_the_hyper_parameters():
    assert "smoothness=9, step_size=0.1, epsilon=0.1, variant=derived" in repr(TestDerived().make())
