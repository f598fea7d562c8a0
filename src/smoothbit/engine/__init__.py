"""Integer inference without PyTorch: load a packed model, run it on a graph."""

from __future__ import annotations

from smoothbit.engine.backend import Backend as Backend
from smoothbit.engine.backend import KernelBackend as KernelBackend
from smoothbit.engine.graph import PreparedGraph as PreparedGraph
from smoothbit.engine.graph import SetupTime as SetupTime
from smoothbit.engine.model import Model as Model
from smoothbit.engine.model import load as load
from smoothbit.engine.order import ORDERS as ORDERS
from smoothbit.engine.order import make_order as make_order
from smoothbit.engine.runner import Result as Result
from smoothbit.engine.runner import run_plan as run_plan
from smoothbit.engine.runner import same_codes as same_codes
from smoothbit.engine.session import Session as Session
