"""Linear propagation in the state u = D^-1/2 h, as `engine.ops.diffuse` runs it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from onnx import TensorProto

from smoothbit.errors import UnsupportedError
from smoothbit.export.onnx import edges
from smoothbit.export.onnx.edges import View
from smoothbit.export.onnx.ops.scope import OPERATIONS, Scope
from smoothbit.export.onnx.values import Codes, Value, finish, integers, store, term
from smoothbit.export.onnx.writer import Writer
from smoothbit.formats.schema import DiffuseOp
from smoothbit.kernels import Epilogue
from smoothbit.numerics.affine import AffineLaw


@OPERATIONS.register("diffuse")
def write_diffuse(op: DiffuseOp, scope: Scope) -> Value:
    """Return D^1/2 u_K; `DiffuseOp` states the recurrence.

    Raises:
        UnsupportedError: messages are coded.
    """
    if op.coding != "plain":
        raise UnsupportedError(
            f"Expected the coding of `diffuse` to be plain (got {op.coding}). Run this model with the engine."
        )
    w, source = scope.writer, scope.value(op.source)
    steps = _Steps(w, edges.with_missing_loops(w))
    message = store(w, term(w, source, row_scale=steps.inverse_root), op.message, source.channels)
    skip: list[str] = []
    if op.skip_weight != 0:
        first = source if op.skip is None else scope.value(op.skip)
        is_state = op.skip is None and op.message is None
        skip = [term(w, message if is_state else first, op.skip_weight, None if is_state else steps.inverse_root)]
    for number in range(op.num_steps):
        is_last = number == op.num_steps - 1
        last = {
            "output": op.updates[number],
            "has_relu": op.has_relu and is_last,
            "row_scale": steps.root if is_last else None,
        }
        message = _step(op, number, steps, message, skip, last)
    return message


def _step(op: DiffuseOp, number: int, steps: _Steps, message: Value, skip: list[str], last: dict[str, Any]) -> Value:
    w, own = steps.w, _own(steps.w, message, op.self_weight)
    if not op.correction_self or (op.correction_self[number] == 0 and op.correction_aggregate[number] == 0):
        return steps.mean(message, op.aggregate_weight, op.aggregates[number], [*own, *skip], **last)
    aggregate = steps.mean(message, 1.0, None, [], output=op.aggregates[number])
    mixed = term(w, aggregate, op.aggregate_weight)
    change = Epilogue(message.channels, output=op.deltas[number])
    delta = finish(w, None, change, terms=[mixed, *_own(w, message, op.self_weight - 1.0), *skip])
    terms = [mixed, *own, *skip, *_own(w, delta, op.correction_self[number])]
    return steps.mean(delta, op.correction_aggregate[number], op.delta_aggregates[number], terms, **last)


def _own(w: Writer, value: Value, weight: float) -> list[str]:
    return [term(w, value, weight)] if weight != 0 else []


@dataclass
class _Steps:
    """Means over A~ and powers of its degrees."""

    w: Writer
    view: View

    @cached_property
    def degree(self) -> str:
        return edges.counts(self.w, self.view)

    @cached_property
    def inverse_root(self) -> str:
        return edges.reciprocal(self.w, self.degree, is_root=True)

    @cached_property
    def inverse(self) -> str:
        return edges.reciprocal(self.w, self.degree, is_root=False)

    @cached_property
    def root(self) -> str:
        return self.w.column(self.w.real(self.w.add("Sqrt", self.w.cast(self.degree, TensorProto.DOUBLE))))

    def mean(
        self,
        value: Value,
        weight: float,
        aggregate: AffineLaw | None,
        terms: list[str],
        *,
        output: AffineLaw | None,
        has_relu: bool = False,
        row_scale: str | None = None,
    ) -> Value:
        """Return quantize(weight * aggregate(P value) + terms, output), as `Context.mean` does."""
        w, channels = self.w, value.channels
        fields: dict[str, Any] = {"has_relu": has_relu, "output": output}
        if aggregate is not None:
            step, offset = aggregate.folded(weight, channels)
            fields |= {"aggregate": aggregate, "aggregate_step": step, "aggregate_offset": offset}
        fold = weight if aggregate is None else 1.0
        if isinstance(value, Codes):
            sums = edges.sum_edges(w, self.view, edges.gathered(w, self.view, integers(w, value)), channels)
            step, offset = value.law.folded(fold, channels)
            epilogue = Epilogue(channels, col_scale=step, col_bias=offset, **fields)
            return finish(w, sums, epilogue, row_scale=self.inverse, terms=terms, output_row_scale=row_scale)
        mean = w.add("Mul", edges.sum_floats(w, self.view, value.name, channels), self.inverse)
        epilogue = Epilogue(channels, col_scale=np.full(channels, fold, np.float32), **fields)
        return finish(w, mean, epilogue, terms=terms, output_row_scale=row_scale)
