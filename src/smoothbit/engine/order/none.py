"""Order `none`: nodes stay as the caller numbered them."""

from __future__ import annotations

import numpy as np

from smoothbit.engine.order.base import ORDERS
from smoothbit.numerics.csr import CSR
from smoothbit.typing import Int32Array


@ORDERS.register("none")
def callers_order(graph: CSR) -> Int32Array:
    """Return 0, 1, 2, ..."""
    return np.arange(graph.num_rows, dtype=np.int32)
