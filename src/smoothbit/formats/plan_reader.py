"""Turns JSON and tensors into a plan and trusts neither (docs/format.md, "Plan").

The reader knows the width of every value, so each weight, bias and law is checked against the
operation that uses it, before the engine allocates anything.
"""

from __future__ import annotations

import numpy as np

from smoothbit.errors import SchemaError, ValueRangeError
from smoothbit.formats.coding import CODINGS, check_coding
from smoothbit.formats.law_table import check_width, read_laws
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.formats.record import Record, TensorShelf, check_integer, unknown
from smoothbit.formats.schema import OP_KINDS, DiffuseOp, ElasticOp, FeaturesOp, Laws, LinearOp, Op, Plan
from smoothbit.formats.wording import expected
from smoothbit.numerics.affine import AffineLaw
from smoothbit.numerics.packing import packed_row_bytes, padding_is_zero
from smoothbit.typing import Float32Array

MAX_WIDTH = (1 << 31) - 1
MAX_STEPS = 65_535
NORMS = ("l1", "l21")


def plan_from_json(record: Record, shelf: TensorShelf) -> Plan:
    """Return the plan that `plan_to_json` wrote.

    Args:
        record: Reader of the JSON object; read to its end.
        shelf: Tensors; those of the plan are taken out.

    Raises:
        FormatError: a subclass for each way to be wrong; see docs/format.md, "Refusals".
    """
    reader = _PlanReader(record, shelf)
    for k, item in enumerate(record.items("ops")):
        op_record = Record(item, f"{record.path('ops')}[{k}]", record.is_newer)
        reader.read_op(op_record, f"{k}.")
    scores = record.integer("scores", 1, len(reader.ops))
    embedding = record.optional_integer("embedding", 1, len(reader.ops))
    record.finish()
    reader.check_laws_used()
    if value_law(reader.ops[scores - 1]) is not None:
        raise ValueRangeError(expected(record.path("scores"), "a float32 value", scores))
    return Plan(tuple(reader.ops), scores, embedding)


def value_law(op: Op) -> AffineLaw | None:
    """Return the law of the value `op` writes; None for float32."""
    match op:
        case FeaturesOp():
            return op.law
        case LinearOp():
            return op.output
        case DiffuseOp() | ElasticOp():
            return op.updates[-1]


def value_widths(plan: Plan) -> list[int]:
    """Return the number of channels of values 1, 2, ... (entry k belongs to operation k)."""
    widths: list[int] = []
    for op in plan.ops:
        match op:
            case FeaturesOp():
                widths.append(op.num_features)
            case LinearOp():
                widths.append(int(op.weight.shape[1]))
            case DiffuseOp() | ElasticOp():
                widths.append(widths[op.source - 1])
    return widths


class _PlanReader:
    """State while the operations are read: laws, widths of the values so far."""

    def __init__(self, record: Record, shelf: TensorShelf) -> None:
        self.shelf = shelf
        self.laws = read_laws(record, shelf)
        self.laws_field = record.path("laws")
        self.used: set[int] = set()
        self.ops: list[Op] = []
        self.widths: list[int] = []

    def read_op(self, record: Record, prefix: str) -> None:
        """Read one operation; `prefix` starts the names of its tensors."""
        kind = record.text("kind")
        match kind:
            case "features":
                op, width = self._features(record)
            case "linear":
                op, width = self._linear(record, prefix)
            case "diffuse":
                op, width = self._diffuse(record, prefix)
            case "elastic":
                op, width = self._elastic(record)
            case _:
                rule = f"one of {', '.join(OP_KINDS)}"
                raise unknown(record.is_newer, SchemaError, record.path("kind"), rule, kind)
        record.finish()
        self.ops.append(op)
        self.widths.append(width)

    def check_laws_used(self) -> None:
        """Check that each law belongs to an operation: a file has no idle bytes."""
        idle = set(range(len(self.laws))) - self.used
        if idle:
            raise SchemaError(expected(self.laws_field, "used by an operation", min(idle)))

    def _features(self, record: Record) -> tuple[Op, int]:
        source = record.integer("source", 0, 0)
        width = record.integer("num_features", 1, MAX_WIDTH)
        law = self._law(record.take("law"), record.path("law"), width)
        if law is not None and law.granularity != "per_tensor":
            raise ValueRangeError(expected(record.path("law"), "a per_tensor law", law.granularity))
        return FeaturesOp(source, width, law), width

    def _linear(self, record: Record, prefix: str) -> tuple[Op, int]:
        source, depth = self._source(record)
        width = record.integer("num_outputs", 1, MAX_WIDTH)
        law = self._law(record.take("weight"), record.path("weight"), width)
        weight = self._weight(f"{prefix}weight", (depth, width), law)
        bias = self.shelf.take_finite(f"{prefix}bias", (width,)) if record.flag("has_bias") else None
        has_relu = record.flag("has_relu")
        output = self._law(record.take("output"), record.path("output"), width, for_nodes=True)
        return LinearOp(source, weight, bias, has_relu, output), width

    def _weight(self, name: str, shape: tuple[int, int], law: AffineLaw | None) -> PackedTensor | Float32Array:
        if law is None:
            return self.shelf.take_finite(name, shape)
        row_bytes = packed_row_bytes(shape[1], law.num_bits)
        data = self.shelf.take(name, np.uint8, (shape[0], row_bytes))
        if not padding_is_zero(data, law.num_bits, shape[1]):
            raise ValueRangeError(expected(f"tensor {name}", "zero in its padding bits", "a set bit"))
        return PackedTensor(data, shape[1], law)

    def _diffuse(self, record: Record, prefix: str) -> tuple[Op, int]:
        source, width = self._source(record)
        self._check_common_law(source, record, "source")
        steps = record.integer("num_steps", 1, MAX_STEPS)
        has_correction = record.flag("has_correction")
        lengths = (0, steps) if has_correction else (0,)
        correction = np.zeros((2, 0), np.float32)
        if has_correction:
            correction = self.shelf.take_finite(f"{prefix}correction", (2, steps))
        op = DiffuseOp(
            source,
            steps,
            self_weight=record.number("self_weight"),
            aggregate_weight=record.number("aggregate_weight"),
            skip_weight=record.number("skip_weight"),
            correction_self=tuple(correction[0].tolist()),
            correction_aggregate=tuple(correction[1].tolist()),
            message=self._law(record.take("message"), record.path("message"), width),
            aggregates=self._laws(record, "aggregates", width, (steps,)),
            updates=self._laws(record, "updates", width, (steps,)),
            deltas=self._laws(record, "deltas", width, lengths),
            delta_aggregates=self._laws(record, "delta_aggregates", width, lengths),
            coding=_coding(record),
            skip=self._skip(record, width),
            has_relu=record.has("has_relu") and record.flag("has_relu"),
        )
        _check_messages(op, record, (op.aggregates, op.deltas, op.delta_aggregates))
        check_coding(op, record.where)
        return op, width

    def _elastic(self, record: Record) -> tuple[Op, int]:
        source, width = self._source(record)
        self._check_common_law(source, record, "source")
        steps = record.integer("num_steps", 1, MAX_STEPS)
        norm = record.text("norm")
        if norm not in NORMS:
            raise SchemaError(expected(record.path("norm"), f"one of {', '.join(NORMS)}", norm))
        op = ElasticOp(
            source,
            steps,
            gamma=_positive(record, "gamma"),
            beta=_positive(record, "beta"),
            l1_weight=_positive(record, "l1_weight"),
            norm=norm,
            message=self._law(record.take("message"), record.path("message"), width),
            aggregates=self._laws(record, "aggregates", width, (steps,)),
            primals=self._laws(record, "primals", width, (steps,)),
            duals=self._laws(record, "duals", width, (steps,)),
            updates=self._laws(record, "updates", width, (steps,)),
        )
        _check_messages(op, record, (op.aggregates, op.primals, op.duals))
        return op, width

    def _source(self, record: Record) -> tuple[int, int]:
        """Return source and width of the value read; only `features` may read value 0."""
        source = record.integer("source", 1, len(self.ops))
        return source, self.widths[source - 1]

    def _skip(self, record: Record, width: int) -> int | None:
        """Return the value that a skip reads when it is not the source; it is as wide."""
        if not record.has("skip"):
            return None
        skip = record.integer("skip", 1, len(self.ops))
        if self.widths[skip - 1] != width:
            rule = f"a value of {width} channels, as the source"
            raise ValueRangeError(expected(record.path("skip"), rule, self.widths[skip - 1]))
        self._check_common_law(skip, record, "skip")
        return skip

    def _check_common_law(self, source: int, record: Record, name: str) -> None:
        """Check that what steps of propagation read has one law for all nodes."""
        law = value_law(self.ops[source - 1])
        if law is not None and law.granularity == "per_node":
            rule = "a value with one law for all nodes"
            raise ValueRangeError(expected(record.path(name), rule, law.granularity))

    def _law(self, index: object, field: str, width: int, for_nodes: bool = False) -> AffineLaw | None:
        if index is None:
            return None
        number = check_integer(index, field, 0, len(self.laws) - 1)
        self.used.add(number)
        law = check_width(self.laws[number], width, field)
        if law.granularity == "per_node":
            if not for_nodes:
                rule = "per tensor, channel or group"
                raise ValueRangeError(expected(field, rule, law.granularity, "Keep such laws in a graph file"))
            if law.divisor != 1 or law.zero_point.any():
                rule = "a law without divisor and zero point, as it is one for each node"
                raise ValueRangeError(expected(field, rule, [law.divisor, float(law.zero_point.max())]))
        return law

    def _laws(self, record: Record, name: str, width: int, lengths: tuple[int, ...]) -> Laws:
        items = record.items(name)
        if len(items) not in lengths:
            rule = f"a list of {' or '.join(map(str, lengths))} laws"
            raise SchemaError(expected(record.path(name), rule, len(items)))
        return tuple(self._law(item, f"{record.path(name)}[{k}]", width) for k, item in enumerate(items))


def _coding(record: Record) -> str:
    name = record.optional_text("coding") or "plain"
    if name not in CODINGS:
        raise unknown(record.is_newer, SchemaError, record.path("coding"), f"one of {', '.join(CODINGS)}", name)
    return name


def _positive(record: Record, name: str) -> float:
    value = record.number(name)
    if value <= 0:
        raise ValueRangeError(expected(record.path(name), "> 0", value))
    return value


def _check_messages(op: DiffuseOp | ElasticOp, record: Record, inner: tuple[Laws, ...]) -> None:
    """Check that a step either packs what it sends to neighbours, or is float32 throughout, and has all it uses."""
    if isinstance(op, DiffuseOp) and op.coding == "plain" and (any(op.correction_self) or any(op.correction_aggregate)):
        for name in ("deltas", "delta_aggregates"):
            if not getattr(op, name):
                rule = f"a list of {op.num_steps} laws where a correction is not 0"
                raise SchemaError(expected(record.path(name), rule, 0))
    if op.message is None:
        if any(law is not None for laws in (*inner, op.updates) for law in laws):
            raise ValueRangeError(expected(record.path("message"), "a law, as other laws are", None))
        return
    if None in op.updates[:-1]:
        rule = "laws; only the last may be null"
        raise ValueRangeError(expected(record.path("updates"), rule, op.updates.index(None)))
    if isinstance(op, DiffuseOp) and op.correction_self and op.coding == "plain":
        needed = [k for k, factor in enumerate(op.correction_aggregate) if factor != 0]
        if any(op.deltas[k] is None for k in needed):
            raise ValueRangeError(
                expected(record.path("deltas"), "laws wherever correction_aggregate is not 0", needed[0])
            )
