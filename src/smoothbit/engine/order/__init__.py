"""Orders of nodes, one file each; importing a file registers its name."""

from __future__ import annotations

from smoothbit.engine.order import degree as degree
from smoothbit.engine.order import locality as locality
from smoothbit.engine.order import none as none
from smoothbit.engine.order import rcm as rcm
from smoothbit.engine.order.base import ORDERS as ORDERS
from smoothbit.engine.order.base import make_order as make_order
