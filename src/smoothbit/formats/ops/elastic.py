"""`elastic` in a file."""

from __future__ import annotations

from smoothbit.formats.ops.base import MAX_STEPS, JsonObject, OpFormat, OpReader, OpWriter
from smoothbit.formats.ops.diffuse import check_messages, kind_of_update
from smoothbit.formats.schema import ElasticOp

NORMS = ("l1", "l21")


def _read(reader: OpReader) -> ElasticOp:
    record = reader.record
    source = reader.node_source()
    width = reader.value(source).width
    steps = record.integer("num_steps", 1, MAX_STEPS)
    norm = reader.word("norm", NORMS)
    op = ElasticOp(
        source,
        steps,
        gamma=reader.positive("gamma"),
        beta=reader.positive("beta"),
        l1_weight=reader.positive("l1_weight"),
        norm=norm,
        message=reader.law("message", width),
        aggregates=reader.law_list("aggregates", width, (steps,)),
        primals=reader.law_list("primals", width, (steps,)),
        duals=reader.law_list("duals", width, (steps,)),
        updates=reader.law_list("updates", width, (steps,)),
    )
    check_messages(op, record, (op.aggregates, op.primals, op.duals))
    return op


def _write(op: ElasticOp, writer: OpWriter) -> JsonObject:
    return {
        "source": op.source,
        "num_steps": op.num_steps,
        "gamma": float(op.gamma),
        "beta": float(op.beta),
        "l1_weight": float(op.l1_weight),
        "norm": op.norm,
        "message": writer.law(op.message),
        "aggregates": writer.law_list(op.aggregates),
        "primals": writer.law_list(op.primals),
        "duals": writer.law_list(op.duals),
        "updates": writer.law_list(op.updates),
    }


FORMAT = OpFormat(_read, _write, kind_of_update)
