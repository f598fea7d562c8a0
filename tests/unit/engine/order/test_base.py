from __future__ import annotations

import numpy as np
import pytest

from smoothbit.engine import ORDERS, make_order
from smoothbit.engine.order.base import by_falling, stable_order
from smoothbit.errors import ArgumentError
from tests.helpers import random_graph


def test_names():
    assert ORDERS.names() == ["degree", "locality", "none", "rcm"]


def test_name_is_kept_as_registered():
    graph = random_graph().with_self_loops()
    assert make_order(graph, "Degree").name == "degree"
    assert make_order(graph, "none").is_identity


def test_unknown_order_names_the_nearest():
    with pytest.raises(
        ArgumentError, match=r"Expected node order to be a registered name \(got 'degre'\). Did you mean"
    ):
        make_order(random_graph(), "degre")


@pytest.mark.parametrize("largest", [9, 1 << 20], ids=["16-bit", "wide"])
def test_equal_keys_stay_in_sequence(largest):
    keys = np.array([largest, 3, 0, 3, largest])
    assert stable_order(keys).tolist() == [2, 1, 3, 0, 4]
    assert by_falling(keys).tolist() == [0, 4, 1, 3, 2]
