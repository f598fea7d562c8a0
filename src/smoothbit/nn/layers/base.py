"""What every converted layer has, and the registry that says which layer of PyG or torch it stands for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import nn

from smoothbit.nn.plan_builder import PlanBuilder, Value


class QuantLayer(nn.Module, ABC):
    """A layer in quantized form: called as the layer it replaces, and able to write itself into a plan."""

    @abstractmethod
    def emit(self, builder: PlanBuilder, *args: Any, **kwargs: Any) -> Value:
        """Append the operations of one call and return the value of its result.

        Args:
            builder: Plan so far.
            *args: Those of `forward`, a `Value` in place of each tensor of nodes and a `GraphInput` in place
                of each tensor that describes the graph.
            **kwargs: Likewise.

        Raises:
            UnsupportedError: the engine cannot do what this call asks for.
        """
