"""Turns JSON and tensors into a plan and trusts neither (docs/format.md, "Plan").

The reader knows what every value is like, so each weight, bias and law is checked against the
operation that uses it, before the engine allocates anything. How each kind of operation stands in
a file is in `formats.ops`.
"""

from __future__ import annotations

from smoothbit.errors import SchemaError, ValueRangeError
from smoothbit.formats.law_table import read_laws
from smoothbit.formats.ops import OP_FORMATS, OpReader, ValueKind
from smoothbit.formats.record import Record, TensorShelf, unknown
from smoothbit.formats.schema import Op, Plan
from smoothbit.formats.wording import expected


def plan_from_json(record: Record, shelf: TensorShelf) -> Plan:
    """Return the plan that `plan_to_json` wrote.

    Args:
        record: Reader of the JSON object; read to its end.
        shelf: Tensors; those of the plan are taken out.

    Raises:
        FormatError: a subclass for each way to be wrong; see docs/format.md, "Refusals".
    """
    laws = read_laws(record, shelf)
    used: set[int] = set()
    ops: list[Op] = []
    values: list[ValueKind] = []
    for k, item in enumerate(record.items("ops")):
        op_record = Record(item, f"{record.path('ops')}[{k}]", record.is_newer)
        kind = op_record.text("kind")
        if kind not in OP_FORMATS:
            rule = f"one of {', '.join(OP_FORMATS)}"
            raise unknown(record.is_newer, SchemaError, op_record.path("kind"), rule, kind)
        op = OP_FORMATS[kind].read(OpReader(op_record, f"{k}.", shelf, laws, values, used))
        op_record.finish()
        ops.append(op)
        values.append(OP_FORMATS[kind].kind_of_value(op, values))
    scores = record.integer("scores", 1, len(ops))
    embedding = record.optional_integer("embedding", 1, len(ops))
    record.finish()
    idle = set(range(len(laws))) - used
    if idle:  # a file has no idle bytes
        raise SchemaError(expected(record.path("laws"), "used by an operation", min(idle)))
    if values[scores - 1].law is not None:
        raise ValueRangeError(expected(record.path("scores"), "a float32 value", scores))
    return Plan(tuple(ops), scores, embedding)


def value_kinds(plan: Plan) -> list[ValueKind]:
    """Return what values 1, 2, .. are like (entry k belongs to operation k)."""
    values: list[ValueKind] = []
    for op in plan.ops:
        values.append(OP_FORMATS[op.kind].kind_of_value(op, values))
    return values
