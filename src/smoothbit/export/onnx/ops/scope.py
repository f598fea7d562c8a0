"""What the writers of operations share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from smoothbit.errors import UnsupportedError
from smoothbit.export.onnx.values import Value
from smoothbit.export.onnx.writer import Writer
from smoothbit.formats.schema import Op
from smoothbit.registry import Registry


@dataclass
class Scope:
    """State while a plan is written.

    Args:
        writer: Nodes so far.
        values: Values so far; index 0 is reserved for the features.
    """

    writer: Writer
    values: list[Value | None] = field(default_factory=lambda: [None])

    def value(self, index: int) -> Value:
        """Return value `index`, which an earlier operation wrote."""
        value = self.values[index]
        assert value is not None
        return value

    def write(self, op: Op) -> None:
        """Write one operation.

        Raises:
            UnsupportedError: there are no ONNX nodes for it.
        """
        if op.kind not in OPERATIONS:
            raise UnsupportedError(
                f"Expected the operations of the plan to be among {', '.join(OPERATIONS.names())} "
                f"(got {op.kind} as value {len(self.values)}). Run this model with the engine."
            )
        self.values.append(OPERATIONS.resolve(op.kind)(op, self))


OPERATIONS: Registry[Callable[[Any, Scope], Value]] = Registry("operation of ONNX")
"""Writers by kind: function of (operation, scope) that returns the operation's value."""
