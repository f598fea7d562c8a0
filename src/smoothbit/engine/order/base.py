"""What an order is: a function of the graph that says which node comes first, second, and so on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from smoothbit.numerics.csr import CSR
from smoothbit.numerics.node_order import NodeOrder
from smoothbit.registry import Registry
from smoothbit.typing import AnyArray, Int32Array, Int64Array

OrderFunction: TypeAlias = Callable[[CSR], Int32Array]
ORDERS: Registry[OrderFunction] = Registry("node order")
"""Orders by name: functions of the graph with self-loops A~ that return the node at each place [N].

They depend on the graph alone: no random state, no thread count, no instruction set. The graph may be
directed, and rows may hold duplicates.
"""


def make_order(graph: CSR, name: str) -> NodeOrder:
    """Order the nodes of a graph.

    Args:
        graph: A~, CSR [N, N] with one self-loop in each row.
        name: Registered order.

    Raises:
        ArgumentError: no such order.
    """
    return NodeOrder(name.lower(), ORDERS.resolve(name)(graph))


def by_falling(degree: Int64Array) -> Int64Array:
    """Return indices [N] by falling degree [N]; equal ones stay in sequence."""
    return stable_order(degree.max(initial=0) - degree)


def stable_order(keys: AnyArray) -> Int64Array:
    """Return indices [N] that sort `keys` [N], integers >= 0; equal ones stay in sequence.

    NumPy sorts 16-bit keys stably in linear time, wider ones ten times slower, so these go digit by digit.
    """
    order: Int64Array = np.argsort(keys.astype(np.uint16), kind="stable")  # the lowest 16 bits
    rest = keys >> 16
    while rest.any():
        order = order[np.argsort(rest[order].astype(np.uint16), kind="stable")]
        rest = rest >> 16
    return order
