from __future__ import annotations

from smoothbit.engine.order.none import callers_order
from tests.helpers import random_graph


def test_nodes_stay():
    assert callers_order(random_graph(30)).tolist() == list(range(30))
