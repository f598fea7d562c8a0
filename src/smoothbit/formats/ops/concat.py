"""`concat` in a file."""

from __future__ import annotations

from collections.abc import Sequence

from smoothbit.formats.ops.base import MAX_STEPS, JsonObject, OpFormat, OpReader, OpWriter, ValueKind
from smoothbit.formats.schema import ConcatOp


def _read(reader: OpReader) -> ConcatOp:
    sources = reader.sources(MAX_STEPS)
    is_max = reader.record.flag("is_max")
    width = reader.check_widths(sources) if is_max else sum(reader.value(number).width for number in sources)
    return ConcatOp(sources, is_max, reader.law("output", width))


def _write(op: ConcatOp, writer: OpWriter) -> JsonObject:
    return {"sources": list(op.sources), "is_max": op.is_max, "output": writer.law(op.output)}


def _kind_of_value(op: ConcatOp, values: Sequence[ValueKind]) -> ValueKind:
    read = [values[number - 1] for number in op.sources]
    width = read[0].width if op.is_max else sum(value.width for value in read)
    return ValueKind(width, op.output, read[0].domain)


FORMAT = OpFormat(_read, _write, _kind_of_value)
