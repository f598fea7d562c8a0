"""`activate` in a file."""

from __future__ import annotations

from collections.abc import Sequence

from smoothbit.formats.ops.base import JsonObject, OpFormat, OpReader, OpWriter, ValueKind
from smoothbit.formats.schema import ActivateOp

FUNCTIONS = ("leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "sigmoid", "tanh", "softplus")


def _read(reader: OpReader) -> ActivateOp:
    source = reader.row_source()
    width = reader.value(source).width
    function = reader.word("function", FUNCTIONS)
    return ActivateOp(
        source,
        function,
        slope=reader.record.number("slope"),
        slopes=reader.vector("slopes", width) if function == "prelu" else None,
        output=reader.law("output", width),
    )


def _write(op: ActivateOp, writer: OpWriter) -> JsonObject:
    writer.tensor("slopes", op.slopes)
    return {
        "source": op.source,
        "function": op.function,
        "slope": float(op.slope),
        "output": writer.law(op.output),
    }


def _kind_of_value(op: ActivateOp, values: Sequence[ValueKind]) -> ValueKind:
    source = values[op.source - 1]
    return ValueKind(source.width, op.output, source.domain)


FORMAT = OpFormat(_read, _write, _kind_of_value)
