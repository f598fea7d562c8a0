"""`features` in a file."""

from __future__ import annotations

from collections.abc import Sequence

from smoothbit.errors import ValueRangeError
from smoothbit.formats.ops.base import MAX_WIDTH, JsonObject, OpFormat, OpReader, OpWriter, ValueKind
from smoothbit.formats.schema import FeaturesOp
from smoothbit.formats.wording import expected


def _read(reader: OpReader) -> FeaturesOp:
    record = reader.record
    source = record.integer("source", 0, 0)
    width = record.integer("num_features", 1, MAX_WIDTH)
    law = reader.law("law", width)
    if law is not None and law.granularity != "per_tensor":
        raise ValueRangeError(expected(record.path("law"), "a per_tensor law", law.granularity))
    return FeaturesOp(source, width, law)


def _write(op: FeaturesOp, writer: OpWriter) -> JsonObject:
    return {"source": op.source, "num_features": op.num_features, "law": writer.law(op.law)}


def _kind_of_value(op: FeaturesOp, values: Sequence[ValueKind]) -> ValueKind:
    return ValueKind(op.num_features, op.law)


FORMAT = OpFormat(_read, _write, _kind_of_value)
