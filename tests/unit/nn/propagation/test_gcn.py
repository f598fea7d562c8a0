from __future__ import annotations

import pytest

from smoothbit.testing import dense_normalised, propagation_checks


def dense(propagation, z, graph):
    for _ in range(propagation.num_steps):
        z = dense_normalised(graph) @ z
    return z


@pytest.mark.parametrize(("name", "check"), propagation_checks("gcn", dense))
def test_invariants(name, check):
    check()
