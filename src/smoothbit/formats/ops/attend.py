"""`attend` in a file."""

from __future__ import annotations

from collections.abc import Sequence

from smoothbit.errors import ValueRangeError
from smoothbit.formats.ops.base import MAX_WIDTH, JsonObject, OpFormat, OpReader, OpWriter, ValueKind
from smoothbit.formats.schema import AttendOp
from smoothbit.formats.wording import expected

SCORES = ("additive", "dynamic", "dot")


def _read(reader: OpReader) -> AttendOp:
    record = reader.record
    source = reader.node_source()
    width = reader.value(source).width
    num_heads = record.integer("num_heads", 1, MAX_WIDTH)
    if width % num_heads:
        raise ValueRangeError(expected(record.path("num_heads"), f"a divisor of {width} channels", num_heads))
    score = reader.word("score", SCORES)
    rated = num_heads if score == "additive" else width
    queries, keys = (_float_source(reader, name, rated) for name in ("queries", "keys"))
    is_concatenated = record.flag("is_concatenated")
    outputs = width if is_concatenated else width // num_heads
    return AttendOp(
        source,
        queries,
        keys,
        num_heads,
        score,
        has_loops=record.flag("has_loops"),
        message=reader.message_law(width),
        slope=record.number("slope"),
        scale=record.number("scale"),
        vector=reader.vector("vector", width) if score == "dynamic" else None,
        is_concatenated=is_concatenated,
        bias=reader.optional_vector("bias", outputs),
        has_relu=record.flag("has_relu"),
        output=reader.law("output", outputs),
    )


def _float_source(reader: OpReader, name: str, width: int) -> int:
    """Return the number of a float32 value of `width` channels: what scores are computed from."""
    number = reader.node_source(name)
    value = reader.value(number)
    if value.law is not None or value.width != width:
        kind = "float32" if value.law is None else f"{value.law.num_bits} bits"
        rule = f"a float32 value of {width} channels"
        raise ValueRangeError(expected(reader.record.path(name), rule, f"{value.width} channels, {kind}"))
    return number


def _write(op: AttendOp, writer: OpWriter) -> JsonObject:
    writer.tensor("vector", op.vector)
    return {
        "source": op.source,
        "queries": op.queries,
        "keys": op.keys,
        "num_heads": op.num_heads,
        "score": op.score,
        "has_loops": op.has_loops,
        "message": writer.law(op.message),
        "slope": float(op.slope),
        "scale": float(op.scale),
        "is_concatenated": op.is_concatenated,
        "has_bias": writer.tensor("bias", op.bias),
        "has_relu": op.has_relu,
        "output": writer.law(op.output),
    }


def _kind_of_value(op: AttendOp, values: Sequence[ValueKind]) -> ValueKind:
    width = values[op.source - 1].width
    return ValueKind(width if op.is_concatenated else width // op.num_heads, op.output)


FORMAT = OpFormat(_read, _write, _kind_of_value)
