"""`readout` in a file."""

from __future__ import annotations

from collections.abc import Sequence

from smoothbit.formats.ops.aggregate import REDUCTIONS
from smoothbit.formats.ops.base import JsonObject, OpFormat, OpReader, OpWriter, ValueKind
from smoothbit.formats.schema import ReadoutOp


def _read(reader: OpReader) -> ReadoutOp:
    source = reader.node_source()
    width = reader.value(source).width
    return ReadoutOp(source, reader.word("reduce", REDUCTIONS), reader.message_law(width), reader.law("output", width))


def _write(op: ReadoutOp, writer: OpWriter) -> JsonObject:
    return {
        "source": op.source,
        "reduce": op.reduce,
        "message": writer.law(op.message),
        "output": writer.law(op.output),
    }


def _kind_of_value(op: ReadoutOp, values: Sequence[ValueKind]) -> ValueKind:
    return ValueKind(values[op.source - 1].width, op.output, "graphs")


FORMAT = OpFormat(_read, _write, _kind_of_value)
