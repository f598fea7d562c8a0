"""`diffuse` in a file, and what it shares with `elastic`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smoothbit.errors import ArgumentError, SchemaError, ValueRangeError
from smoothbit.formats.coding import CODINGS, check_coding
from smoothbit.formats.ops.base import MAX_STEPS, JsonObject, OpFormat, OpReader, OpWriter, ValueKind
from smoothbit.formats.record import Record
from smoothbit.formats.schema import DiffuseOp, ElasticOp, Laws
from smoothbit.formats.wording import expected
from smoothbit.typing import Float32Array


def _read(reader: OpReader) -> DiffuseOp:
    record = reader.record
    source = reader.node_source()
    width = reader.value(source).width
    steps = record.integer("num_steps", 1, MAX_STEPS)
    has_correction = record.flag("has_correction")
    lengths = (0, steps) if has_correction else (0,)
    correction = np.zeros((2, 0), np.float32)
    if has_correction:
        correction = reader.shelf.take_finite(f"{reader.prefix}correction", (2, steps))
    op = DiffuseOp(
        source,
        steps,
        self_weight=record.number("self_weight"),
        aggregate_weight=record.number("aggregate_weight"),
        skip_weight=record.number("skip_weight"),
        correction_self=tuple(correction[0].tolist()),
        correction_aggregate=tuple(correction[1].tolist()),
        message=reader.law("message", width),
        aggregates=reader.law_list("aggregates", width, (steps,)),
        updates=reader.law_list("updates", width, (steps,)),
        deltas=reader.law_list("deltas", width, lengths),
        delta_aggregates=reader.law_list("delta_aggregates", width, lengths),
        coding=reader.check_word("coding", record.optional_text("coding") or "plain", CODINGS),
        skip=reader.node_source("skip", width) if record.has("skip") else None,
        has_relu=record.has("has_relu") and record.flag("has_relu"),
    )
    check_messages(op, record, (op.aggregates, op.deltas, op.delta_aggregates))
    check_coding(op, record.where)
    return op


def _write(op: DiffuseOp, writer: OpWriter) -> JsonObject:
    has_correction = bool(op.correction_self or op.correction_aggregate)
    if has_correction:
        writer.tensor("correction", _corrections(op))
    return {
        "source": op.source,
        "num_steps": op.num_steps,
        "self_weight": float(op.self_weight),
        "aggregate_weight": float(op.aggregate_weight),
        "skip_weight": float(op.skip_weight),
        "has_correction": has_correction,
        "message": writer.law(op.message),
        "aggregates": writer.law_list(op.aggregates),
        "updates": writer.law_list(op.updates),
        "deltas": writer.law_list(op.deltas),
        "delta_aggregates": writer.law_list(op.delta_aggregates),
        **({} if op.coding == "plain" else {"coding": op.coding}),
        **({} if op.skip is None else {"skip": op.skip}),
        **({"has_relu": True} if op.has_relu else {}),
    }


def kind_of_update(op: DiffuseOp | ElasticOp, values: Sequence[ValueKind]) -> ValueKind:
    """Return the kind of the last update: as wide as the source."""
    return ValueKind(values[op.source - 1].width, op.updates[-1])


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


def check_messages(op: DiffuseOp | ElasticOp, record: Record, inner: tuple[Laws, ...]) -> None:
    """Check that a step either packs what it sends to neighbours, or is float32 throughout, and has all it uses."""
    if isinstance(op, DiffuseOp) and op.coding == "plain" and (any(op.correction_self) or any(op.correction_aggregate)):
        for name in ("deltas", "delta_aggregates"):
            if not getattr(op, name):
                rule = f"a list of {op.num_steps} laws where a correction is not 0"
                raise SchemaError(expected(record.path(name), rule, 0))
    if op.message is None:
        if any(law is not None for laws in (*inner, op.updates) for law in laws):
            raise ValueRangeError(expected(record.path("message"), "a law, as other laws are", None))
        return
    if None in op.updates[:-1]:
        rule = "laws; only the last may be null"
        raise ValueRangeError(expected(record.path("updates"), rule, op.updates.index(None)))
    if isinstance(op, DiffuseOp) and op.correction_self and op.coding == "plain":
        needed = [k for k, factor in enumerate(op.correction_aggregate) if factor != 0]
        if any(op.deltas[k] is None for k in needed):
            raise ValueRangeError(
                expected(record.path("deltas"), "laws wherever correction_aggregate is not 0", needed[0])
            )


FORMAT = OpFormat(_read, _write, kind_of_update)
