"""`aggregate` in a file."""

from __future__ import annotations

from collections.abc import Sequence

from smoothbit.errors import ValueRangeError
from smoothbit.formats.ops.base import MAX_WIDTH, JsonObject, OpFormat, OpReader, OpWriter, ValueKind
from smoothbit.formats.schema import AggregateOp
from smoothbit.formats.wording import expected

REDUCTIONS = ("sum", "mean", "max")


def _read(reader: OpReader) -> AggregateOp:
    record = reader.record
    source = reader.node_source()
    width = reader.value(source).width
    reduce = reader.word("reduce", REDUCTIONS)
    has_loops = record.flag("has_loops")
    flags = {name: record.flag(name) for name in ("is_normalized", "is_weighted")}
    for name, flag in flags.items():
        if flag and reduce == "max":
            raise ValueRangeError(expected(record.path(name), "false where reduce is max", flag))
    return AggregateOp(
        source,
        reduce,
        has_loops,
        **flags,
        message=reader.message_law(width),
        relation=record.optional_integer("relation", 0, MAX_WIDTH),
        aggregate_weight=record.number("aggregate_weight"),
        self_weight=record.number("self_weight"),
        skip=reader.optional_node_source("skip", width),
        skip_weight=record.number("skip_weight"),
        bias=reader.optional_vector("bias", width),
        has_relu=record.flag("has_relu"),
        output=reader.law("output", width),
    )


def _write(op: AggregateOp, writer: OpWriter) -> JsonObject:
    return {
        "source": op.source,
        "reduce": op.reduce,
        "has_loops": op.has_loops,
        "is_normalized": op.is_normalized,
        "is_weighted": op.is_weighted,
        "message": writer.law(op.message),
        "relation": op.relation,
        "aggregate_weight": float(op.aggregate_weight),
        "self_weight": float(op.self_weight),
        "skip": op.skip,
        "skip_weight": float(op.skip_weight),
        "has_bias": writer.tensor("bias", op.bias),
        "has_relu": op.has_relu,
        "output": writer.law(op.output),
    }


def _kind_of_value(op: AggregateOp, values: Sequence[ValueKind]) -> ValueKind:
    return ValueKind(values[op.source - 1].width, op.output)


FORMAT = OpFormat(_read, _write, _kind_of_value)
