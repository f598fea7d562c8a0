"""Turns a plan into JSON and tensors (docs/format.md, "Plan"); `plan_reader` is the inverse."""

from __future__ import annotations

from smoothbit.formats.law_table import LawWriter
from smoothbit.formats.ops import OP_FORMATS, OpWriter
from smoothbit.formats.ops.base import JsonObject
from smoothbit.formats.schema import Plan
from smoothbit.typing import AnyArray


def plan_to_json(plan: Plan) -> tuple[JsonObject, dict[str, AnyArray]]:
    """Return the JSON object of `plan` and the tensors it refers to.

    Operation k owns the tensors `<k>.weight`, `<k>.bias` and so on.

    Raises:
        ArgumentError: a zero point is no integer, or a correction is not float32.
    """
    laws = LawWriter()
    tensors: dict[str, AnyArray] = {}
    ops: list[JsonObject] = [
        {"kind": op.kind, **OP_FORMATS[op.kind].write(op, OpWriter(f"{k}.", laws, tensors))}
        for k, op in enumerate(plan.ops)
    ]
    tensors.update(laws.tensors())
    return {**laws.to_json(), "ops": ops, "scores": plan.scores, "embedding": plan.embedding}, tensors
