"""Turns a plan into JSON and tensors (docs/format.md, "Plan"); `plan_reader` is the inverse."""

from __future__ import annotations

import numpy as np

from smoothbit.errors import ArgumentError
from smoothbit.formats.law_table import LawWriter
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.formats.schema import DiffuseOp, ElasticOp, FeaturesOp, Laws, LinearOp, Op, Plan
from smoothbit.formats.wording import expected
from smoothbit.numerics.packing import packed_row_bytes
from smoothbit.typing import AnyArray, Float32Array

JsonObject = dict[str, object]


def plan_to_json(plan: Plan) -> tuple[JsonObject, dict[str, AnyArray]]:
    """Return the JSON object of `plan` and the tensors it refers to.

    Operation k owns the tensors `<k>.weight`, `<k>.bias` and `<k>.correction`.

    Raises:
        ArgumentError: a zero point is no integer, or a correction is not float32.
    """
    laws = LawWriter()
    tensors: dict[str, AnyArray] = {}
    ops = [_op_to_json(op, f"{k}.", laws, tensors) for k, op in enumerate(plan.ops)]
    tensors.update(laws.tensors())
    return {**laws.to_json(), "ops": ops, "scores": plan.scores, "embedding": plan.embedding}, tensors


def _op_to_json(op: Op, prefix: str, laws: LawWriter, tensors: dict[str, AnyArray]) -> JsonObject:
    head: JsonObject = {"kind": op.kind, "source": op.source}
    match op:
        case FeaturesOp():
            return {**head, "num_features": op.num_features, "law": laws.add(op.law)}
        case LinearOp():
            return {**head, **_linear(op, prefix, laws, tensors)}
        case DiffuseOp():
            return {**head, **_diffuse(op, prefix, laws, tensors)}
        case ElasticOp():
            return {**head, **_elastic(op, laws)}


def _linear(op: LinearOp, prefix: str, laws: LawWriter, tensors: dict[str, AnyArray]) -> JsonObject:
    if op.bias is not None:
        tensors[f"{prefix}bias"] = op.bias
    weight_law = None
    if isinstance(op.weight, PackedTensor):
        row_bytes = packed_row_bytes(op.weight.num_channels, op.weight.law.num_bits)
        tensors[f"{prefix}weight"] = op.weight.data[:, :row_bytes]
        weight_law = op.weight.law
    else:
        tensors[f"{prefix}weight"] = op.weight
    return {
        "num_outputs": op.weight.shape[-1],
        "weight": laws.add(weight_law),
        "has_bias": op.bias is not None,
        "has_relu": op.has_relu,
        "output": laws.add(op.output),
    }


def _diffuse(op: DiffuseOp, prefix: str, laws: LawWriter, tensors: dict[str, AnyArray]) -> JsonObject:
    has_correction = bool(op.correction_self or op.correction_aggregate)
    if has_correction:
        tensors[f"{prefix}correction"] = _corrections(op)
    return {
        "num_steps": op.num_steps,
        "self_weight": float(op.self_weight),
        "aggregate_weight": float(op.aggregate_weight),
        "skip_weight": float(op.skip_weight),
        "has_correction": has_correction,
        "message": laws.add(op.message),
        "aggregates": _indices(op.aggregates, laws),
        "updates": _indices(op.updates, laws),
        "deltas": _indices(op.deltas, laws),
        "delta_aggregates": _indices(op.delta_aggregates, laws),
        **({} if op.coding == "plain" else {"coding": op.coding}),
        **({} if op.skip is None else {"skip": op.skip}),
        **({"has_relu": True} if op.has_relu else {}),
    }


def _elastic(op: ElasticOp, laws: LawWriter) -> JsonObject:
    return {
        "num_steps": op.num_steps,
        "gamma": float(op.gamma),
        "beta": float(op.beta),
        "l1_weight": float(op.l1_weight),
        "norm": op.norm,
        "message": laws.add(op.message),
        "aggregates": _indices(op.aggregates, laws),
        "primals": _indices(op.primals, laws),
        "duals": _indices(op.duals, laws),
        "updates": _indices(op.updates, laws),
    }


def _indices(laws: Laws, writer: LawWriter) -> list[int | None]:
    return [writer.add(law) for law in laws]


def _corrections(op: DiffuseOp) -> Float32Array:
    """Return correction_self and correction_aggregate as rows [2, K], float32."""
    exact = np.array([*op.correction_self, *op.correction_aggregate], dtype=np.float64)
    rounded = exact.astype(np.float32)
    if len(op.correction_self) != len(op.correction_aggregate):
        lengths = [len(op.correction_self), len(op.correction_aggregate)]
        raise ArgumentError(expected("corrections", "two lists of one length", lengths, "Pass K of each"))
    if not np.array_equal(rounded, exact):
        bad = float(exact[rounded != exact][0])
        raise ArgumentError(expected("corrections", "float32 numbers", bad, "Round them with np.float32"))
    return rounded.reshape(2, -1)
