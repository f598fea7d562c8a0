"""Order `degree`: longest rows first, and among equals those with the same hub beside each other.

In a graph with hubs most entries point to few nodes. Side by side, those fill whole cache lines and
stay in the nearest cache; and rows of one length follow each other, so that the kernel's branches
are predicted. Among the many rows of one length, the ones whose longest neighbour is the same gather more
rows in common than others do, and are gathered together: four of them are one cache line at 64 channels of 2 bits.
"""

from __future__ import annotations

import numpy as np

from smoothbit.engine.order.base import ORDERS, by_falling, stable_order
from smoothbit.numerics.csr import CSR
from smoothbit.typing import Int32Array


@ORDERS.register("degree")
def degree_order(graph: CSR) -> Int32Array:
    """Return nodes by falling row length, those of one length by their first neighbour in such an order.

    Neighbours come by falling row length, too, equal ones in sequence, as do rows with the same first neighbour.
    """
    degree = graph.row_lengths
    place = np.empty(graph.num_rows, dtype=np.int32)
    place[by_falling(degree)] = np.arange(graph.num_rows, dtype=np.int32)
    if graph.num_entries == 0:
        return place
    hub = np.minimum.reduceat(place[graph.indices], graph.indptr[:-1])
    by_hub = stable_order(hub)
    return by_hub[by_falling(degree[by_hub])].astype(np.int32)
