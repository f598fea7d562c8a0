"""Merges neighbouring operations of a plan into one where the engine has one for both."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from typing import Any

import numpy as np

from smoothbit.formats.law_table import MIN_SCALE
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.formats.schema import SOURCE_FIELDS, CombineOp, LinearOp, Op, Plan, op_sources
from smoothbit.numerics.affine import AffineLaw
from smoothbit.typing import Float32Array


def fuse(ops: list[Op], scores: int) -> Plan:
    """Return the plan without operations that nothing reads, and with fewer passes over the values.

    A batch normalisation joins the linear layer before it, a ReLU and the quantization of the next
    layer's input join the operation that computes it, wherever nothing else reads what lies between.

    Args:
        ops: Operations; operation k writes value k + 1.
        scores: Value that holds the scores.
    """
    done: list[Op] = list(ops)
    place = {value: value for value in range(len(ops) + 1)}  # value of the network -> value of `done`
    readers = Counter(source for op in ops for source in op_sources(op))
    readers[scores] += 1
    for k, op in enumerate(ops):
        moved = with_sources(op, place)
        done[k] = moved
        if not isinstance(moved, CombineOp) or len(moved.sources) != 1 or moved.weights != (1.0,):
            continue
        before = moved.sources[0]
        if before == 0 or readers[op.sources[0]] != 1:  # type: ignore[union-attr]
            continue
        merged = _merge(done[before - 1], moved)
        if merged is not None:
            done[before - 1] = merged
            place[k + 1] = before
    return _without_idle(done, place[scores])


def with_sources(op: Op, place: dict[int, int]) -> Op:
    """Return `op` with each value that it reads renamed by `place`."""
    names = {field.name for field in fields(op)}
    changes: dict[str, Any] = {
        name: place[getattr(op, name)] for name in SOURCE_FIELDS if name in names and getattr(op, name) is not None
    }
    if "sources" in names:
        changes["sources"] = tuple(place[number] for number in op.sources)  # type: ignore[union-attr]
    return replace(op, **changes)


def _merge(before: Op, op: CombineOp) -> Op | None:
    """Return one operation for both, or None."""
    if getattr(before, "output", op) is not None:
        return None  # its result is quantized already, or it is of a kind that has no `output`
    is_plain = op.scale is None and op.bias is None
    if (op.has_relu and not hasattr(before, "has_relu")) or (not is_plain and getattr(before, "has_relu", True)):
        return None
    scaled = before if is_plain else _scaled(before, op)
    if scaled is None:
        return None
    changes: dict[str, Any] = {"output": op.output, **({"has_relu": True} if op.has_relu else {})}
    return replace(scaled, **changes)


def _scaled(before: Op, op: CombineOp) -> Op | None:
    """Return `before` with a factor and a bias for each channel folded in, or None."""
    width = len(op.bias) if op.bias is not None else len(op.scale)  # type: ignore[arg-type]
    scale = np.ones(width, np.float32) if op.scale is None else op.scale
    bias = np.zeros(width, np.float32) if op.bias is None else op.bias
    if isinstance(before, CombineOp):
        own = np.ones(width, np.float32) if before.scale is None else before.scale
        return replace(before, scale=own * scale, bias=_folded(before.bias, scale, bias))
    if isinstance(before, LinearOp):
        weight = _scaled_weight(before.weight, scale)
        return None if weight is None else replace(before, weight=weight, bias=_folded(before.bias, scale, bias))
    return None


def _folded(own: Float32Array | None, scale: Float32Array, bias: Float32Array) -> Float32Array:
    return bias if own is None else own * scale + bias


def _scaled_weight(weight: PackedTensor | Float32Array, scale: Float32Array) -> PackedTensor | Float32Array | None:
    """Return the weight times a factor for each column; None where the law of its codes cannot take it."""
    if not isinstance(weight, PackedTensor):
        return weight * scale
    law, width = weight.law, weight.num_channels
    steps = law.expand(law.scale, width) * scale
    if law.granularity not in ("per_tensor", "per_channel") or not (steps >= MIN_SCALE).all():
        return None
    wide = AffineLaw(
        law.num_bits, steps, law.expand(law.zero_point, width), law.expand(law.phase, width), "per_channel",
        divisor=law.divisor, shift=law.shift,
    )  # fmt: skip
    return replace(weight, law=wide)


def _without_idle(ops: list[Op], scores: int) -> Plan:
    """Return the plan of the operations that `scores` depends on, renumbered."""
    needed = {scores}
    for number in range(len(ops), 0, -1):
        if number in needed:
            needed.update(op_sources(ops[number - 1]))
    kept = [number for number in range(1, len(ops) + 1) if number in needed]
    place = {0: 0, **{number: k + 1 for k, number in enumerate(kept)}}
    return Plan(tuple(with_sources(ops[number - 1], place) for number in kept), scores=place[scores])
