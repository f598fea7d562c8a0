"""`combine` in a file."""

from __future__ import annotations

from collections.abc import Sequence

from smoothbit.errors import SchemaError
from smoothbit.formats.ops.base import JsonObject, OpFormat, OpReader, OpWriter, ValueKind
from smoothbit.formats.schema import CombineOp
from smoothbit.formats.wording import expected

MAX_SOURCES = 4
"""Terms of an epilogue."""


def _read(reader: OpReader) -> CombineOp:
    record = reader.record
    sources = reader.sources(MAX_SOURCES)
    width = reader.check_widths(sources)
    weights = reader.numbers("weights")
    if len(weights) != len(sources):
        rule = f"a list of {len(sources)} numbers, one for each source"
        raise SchemaError(expected(record.path("weights"), rule, len(weights)))
    return CombineOp(
        sources,
        weights,
        scale=reader.optional_vector("scale", width),
        bias=reader.optional_vector("bias", width),
        has_relu=record.flag("has_relu"),
        output=reader.law("output", width),
    )


def _write(op: CombineOp, writer: OpWriter) -> JsonObject:
    return {
        "sources": list(op.sources),
        "weights": [float(weight) for weight in op.weights],
        "has_scale": writer.tensor("scale", op.scale),
        "has_bias": writer.tensor("bias", op.bias),
        "has_relu": op.has_relu,
        "output": writer.law(op.output),
    }


def _kind_of_value(op: CombineOp, values: Sequence[ValueKind]) -> ValueKind:
    first = values[op.sources[0] - 1]
    return ValueKind(first.width, op.output, first.domain)


FORMAT = OpFormat(_read, _write, _kind_of_value)
