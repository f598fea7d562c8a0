"""`normalize` in a file."""

from __future__ import annotations

from collections.abc import Sequence

from smoothbit.formats.ops.base import JsonObject, OpFormat, OpReader, OpWriter, ValueKind
from smoothbit.formats.schema import NormalizeOp

MODES = ("row", "set", "graph", "length")


def _read(reader: OpReader) -> NormalizeOp:
    record = reader.record
    mode = reader.word("mode", MODES)
    source = reader.node_source() if mode in ("set", "graph") else reader.row_source()
    width = reader.value(source).width
    return NormalizeOp(
        source,
        mode,
        eps=reader.positive("eps"),
        scale=reader.optional_vector("scale", width),
        bias=reader.optional_vector("bias", width),
        mean_scale=reader.vector("mean_scale", width) if mode == "graph" else None,
        has_relu=record.flag("has_relu"),
        output=reader.law("output", width),
    )


def _write(op: NormalizeOp, writer: OpWriter) -> JsonObject:
    writer.tensor("mean_scale", op.mean_scale)
    return {
        "source": op.source,
        "mode": op.mode,
        "eps": float(op.eps),
        "has_scale": writer.tensor("scale", op.scale),
        "has_bias": writer.tensor("bias", op.bias),
        "has_relu": op.has_relu,
        "output": writer.law(op.output),
    }


def _kind_of_value(op: NormalizeOp, values: Sequence[ValueKind]) -> ValueKind:
    source = values[op.source - 1]
    return ValueKind(source.width, op.output, source.domain)


FORMAT = OpFormat(_read, _write, _kind_of_value)
