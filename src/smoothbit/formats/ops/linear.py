"""`linear` in a file."""

from __future__ import annotations

from collections.abc import Sequence

from smoothbit.errors import ValueRangeError
from smoothbit.formats.ops.base import MAX_WIDTH, JsonObject, OpFormat, OpReader, OpWriter, ValueKind
from smoothbit.formats.schema import LinearOp
from smoothbit.formats.wording import expected
from smoothbit.numerics.affine import AffineLaw


def _read(reader: OpReader) -> LinearOp:
    record = reader.record
    source = reader.source()
    depth = reader.value(source).width
    width = record.integer("num_outputs", 1, MAX_WIDTH)
    law = reader.law("weight", width)
    return LinearOp(
        source,
        weight=reader.matrix("weight", (depth, width), law),
        bias=reader.optional_vector("bias", width),
        has_relu=record.flag("has_relu"),
        output=reader.law("output", width, for_nodes=True),
        rows=_read_rows(reader, source, law) if record.has("rows") else None,
    )


def _read_rows(reader: OpReader, source: int, weight: AffineLaw | None) -> AffineLaw:
    """Return the law of rows: for float32 values that meet packed weights."""
    path, value = reader.record.path("rows"), reader.value(source)
    law = reader.law("rows", value.width)
    if law is None or law.granularity != "per_tensor" or law.phase.any():
        found = None if law is None else [law.granularity, float(law.phase[0])]
        raise ValueRangeError(expected(path, "a law per tensor with phase 0", found))
    if value.law is not None or weight is None:
        raise ValueRangeError(expected(path, "absent where the source has codes, or the weight has none", "a law"))
    return law


def _write(op: LinearOp, writer: OpWriter) -> JsonObject:
    has_bias = writer.tensor("bias", op.bias)
    return {
        "source": op.source,
        "num_outputs": op.weight.shape[-1],
        "weight": writer.matrix("weight", op.weight),
        "has_bias": has_bias,
        "has_relu": op.has_relu,
        "output": writer.law(op.output),
        **({} if op.rows is None else {"rows": writer.law(op.rows)}),
    }


def _kind_of_value(op: LinearOp, values: Sequence[ValueKind]) -> ValueKind:
    return ValueKind(int(op.weight.shape[1]), op.output, values[op.source - 1].domain)


FORMAT = OpFormat(_read, _write, _kind_of_value)
