"""A plan as rows for people, and its size in float32."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.formats.schema import DiffuseOp, ElasticOp, FeaturesOp, LinearOp, Op, Plan
from smoothbit.numerics.affine import AffineLaw

FLOAT32_BYTES = 4


def plan_rows(plan: Plan) -> list[dict[str, str]]:
    """Return value, operation, shape and bits of each operation."""
    return [
        {"value": str(index), "operation": op.kind, "shape": _shape(op), "bits": _bits(op)}
        for index, op in enumerate(plan.ops, start=1)
    ]


def float32_bytes(plan: Plan) -> int:
    """Return the bytes of all weights, biases and other vectors in float32."""
    parts = [part for op in plan.ops for part in vars(op).values()]
    return FLOAT32_BYTES * sum(math.prod(part.shape) for part in parts if isinstance(part, (np.ndarray, PackedTensor)))


def _shape(op: Op) -> str:
    if isinstance(op, FeaturesOp):
        return f"{op.num_features} features"
    if isinstance(op, LinearOp):
        return f"{op.weight.shape[0]} x {op.weight.shape[1]}{', ReLU' if op.has_relu else ''}"
    if isinstance(op, DiffuseOp):
        coding = "" if op.coding == "plain" else f", {op.coding}-coded"
        skip = "" if op.skip is None else f", skip from {op.skip}"
        correction = ", corrected" if op.correction_self else ""
        return f"{_steps(op)}{coding}{correction}{skip}{', ReLU' if op.has_relu else ''}"
    if isinstance(op, ElasticOp):
        return _steps(op)
    return ", ".join(_words(op))


def _words(op: Op) -> list[str]:
    """Return what is chosen in an operation: its words, then the claims that are true of it."""
    words = [value for value in vars(op).values() if isinstance(value, str)]
    claims = [name.removeprefix("has_").removeprefix("is_") for name, value in vars(op).items() if value is True]
    return words + ["ReLU" if claim == "relu" else claim for claim in claims]


def _steps(op: DiffuseOp | ElasticOp) -> str:
    return f"{op.num_steps} step{'' if op.num_steps == 1 else 's'}"


def _bits(op: Op) -> str:
    if isinstance(op, FeaturesOp):
        return _width([op.law])
    if isinstance(op, LinearOp):
        weight = op.weight.law if isinstance(op.weight, PackedTensor) else None
        rows = "" if op.rows is None else f"input {_width([op.rows])} by rows, "
        return f"{rows}weight {_width([weight])}, output {_width([op.output])}"
    if not isinstance(op, (DiffuseOp, ElasticOp)):
        laws = {name: getattr(op, name) for name in ("message", "output") if hasattr(op, name)}
        return ", ".join(f"{name} {_width([law])}" for name, law in laws.items())
    text = f"message {_width([op.message])}, aggregates {_width(op.aggregates)}, updates {_width(op.updates)}"
    if isinstance(op, ElasticOp):
        return f"{text}, duals {_width(op.duals)}"
    return f"{text}, differences {_width(op.deltas)}" if op.deltas else text


def _width(laws: Iterable[AffineLaw | None]) -> str:
    """Return the widths of laws in order of appearance, e.g. "2/32"."""
    return "/".join(dict.fromkeys("32" if law is None else str(law.num_bits) for law in laws))
