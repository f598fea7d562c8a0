"""Order `degree`: longest rows first.

In a graph with hubs most entries point to few nodes. Side by side, those fill whole cache lines and
stay in the nearest cache; and rows of one length follow each other, so that the kernel's branches
are predicted.
"""

from __future__ import annotations

import numpy as np

from smoothbit.engine.order.base import ORDERS, by_falling
from smoothbit.numerics.csr import CSR
from smoothbit.typing import Int32Array


@ORDERS.register("degree")
def degree_order(graph: CSR) -> Int32Array:
    """Return nodes by falling row length; equal ones stay in sequence."""
    return by_falling(graph.row_lengths).astype(np.int32)
