from __future__ import annotations

import pytest
import torch

from smoothbit.errors import ArgumentError
from smoothbit.testing import dense_normalised, propagation_checks
from tests.helpers import make_propagation, torch_graph


def dense(propagation, z, graph):
    h = z
    for _ in range(propagation.num_steps):
        h = 0.9 * dense_normalised(graph) @ h + 0.1 * z
    return h


@pytest.mark.parametrize(("name", "check"), propagation_checks("appnp", dense))
def test_invariants(name, check):
    check()


def test_teleport_one_returns_the_input():
    z = torch.randn(30, 4)
    torch.testing.assert_close(make_propagation("appnp", teleport=1.0)(z, torch_graph()), z)


def test_teleport_outside_the_unit_interval_is_refused():
    with pytest.raises(ArgumentError, match=r"Expected `teleport` to be in \[0, 1\] \(got 1.5\)"):
        make_propagation("appnp", teleport=1.5)


def test_repr_shows_teleport():
    assert "teleport=0.1" in repr(make_propagation("appnp"))
