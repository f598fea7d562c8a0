"""`linear` in a file."""

from __future__ import annotations

from collections.abc import Sequence

from smoothbit.formats.ops.base import MAX_WIDTH, JsonObject, OpFormat, OpReader, OpWriter, ValueKind
from smoothbit.formats.schema import LinearOp


def _read(reader: OpReader) -> LinearOp:
    record = reader.record
    source = reader.source()
    width = record.integer("num_outputs", 1, MAX_WIDTH)
    law = reader.law("weight", width)
    return LinearOp(
        source,
        weight=reader.matrix("weight", (reader.value(source).width, width), law),
        bias=reader.optional_vector("bias", width),
        has_relu=record.flag("has_relu"),
        output=reader.law("output", width, for_nodes=True),
    )


def _write(op: LinearOp, writer: OpWriter) -> JsonObject:
    has_bias = writer.tensor("bias", op.bias)
    return {
        "source": op.source,
        "num_outputs": op.weight.shape[-1],
        "weight": writer.matrix("weight", op.weight),
        "has_bias": has_bias,
        "has_relu": op.has_relu,
        "output": writer.law(op.output),
    }


def _kind_of_value(op: LinearOp, values: Sequence[ValueKind]) -> ValueKind:
    return ValueKind(int(op.weight.shape[1]), op.output, values[op.source - 1].domain)


FORMAT = OpFormat(_read, _write, _kind_of_value)
