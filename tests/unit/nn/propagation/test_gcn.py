from __future__ import annotations

from tests.cases.propagation_case import DiffusionCase
from tests.helpers import dense_normalised


class TestGCN(DiffusionCase):
    name = "gcn"

    def dense(self, propagation, z, graph):
        for _ in range(propagation.num_steps):
            z = dense_normalised(graph) @ z
        return z
