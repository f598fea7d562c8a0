from __future__ import annotations

import pytest
import torch

from smoothbit.errors import ArgumentError
from tests.cases.propagation_case import DiffusionCase
from tests.helpers import dense_normalised


class TestAPPNP(DiffusionCase):
    name = "appnp"

    def dense(self, propagation, z, graph):
        h = z
        for _ in range(propagation.num_steps):
            h = 0.9 * dense_normalised(graph) @ h + 0.1 * z
        return h

    def test_teleport_one_returns_the_input(self):
        z = torch.randn(30, 4)
        torch.testing.assert_close(self.make(teleport=1.0)(z, self.graph()), z)

    def test_teleport_outside_the_unit_interval_is_refused(self):
        with pytest.raises(ArgumentError, match=r"Expected `teleport` to be in \[0, 1\] \(got 1.5\)"):
            self.make(teleport=1.5)

    def test_repr_shows_teleport(self):
        assert "teleport=0.1" in repr(self.make())
