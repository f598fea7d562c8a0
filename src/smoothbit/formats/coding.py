"""Codings of messages: what a `DiffuseOp` must keep to so that they run on integers (docs/numerics.md)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from smoothbit.errors import ValueRangeError
from smoothbit.formats.schema import DiffuseOp
from smoothbit.formats.wording import expected
from smoothbit.numerics.affine import AffineLaw

CODINGS = ("plain", "feedback", "delta")
MAX_EXPONENT = 15
MAX_MESSAGE = (1 << 15) - 1
"""Largest magnitude of M, which rests in int16."""


@dataclass(frozen=True)
class DeltaGrid:
    """Integers behind delta-coded messages: q_k stands for ``half * 2**e_k * (2 q_k - h_k)``.

    Args:
        half: Half the smallest scale, float32.
        exponents: e_k [K].
        centers: h_k [K].
        bounds: Largest magnitude of M_k [K], non-decreasing.
    """

    half: np.float32
    exponents: tuple[int, ...]
    centers: tuple[int, ...]
    bounds: tuple[int, ...]


def delta_grid(op: DiffuseOp, field: str = "plan") -> DeltaGrid:
    """Return the common grid of the messages of a delta-coded operation.

    Args:
        op: Operation with ``coding="delta"``.
        field: Path of the operation in messages.

    Raises:
        ValueRangeError: the laws of the messages have no common grid, or their sum can leave int16.
    """
    laws = _message_laws(op, field)
    unit = min(float(law.scale[0]) for _, law in laws)
    exponents, centers = [], []
    for name, law in laws:
        exponent = round(math.log2(float(law.scale[0]) / unit))
        if unit * 2.0**exponent != float(law.scale[0]) or exponent > MAX_EXPONENT:
            rule = f"a law whose scale is {unit!r} times a power of two up to 2**{MAX_EXPONENT}"
            raise ValueRangeError(expected(name, rule, float(law.scale[0])))
        center = 2 * (float(law.zero_point[0]) + float(law.phase[0]))
        if not center.is_integer():
            raise ValueRangeError(expected(name, "a law with 2 * (zero_point + phase) whole", center))
        exponents.append(exponent)
        centers.append(int(center))
    largest = [
        max(abs(center), abs(2 * laws[0][1].qmax - center)) << exponent
        for exponent, center in zip(exponents, centers, strict=True)
    ]
    bounds = tuple(accumulate(largest))
    if bounds[-1] > MAX_MESSAGE:
        rule = f"laws whose messages add up to at most {MAX_MESSAGE} half units"
        raise ValueRangeError(expected(f"{field}.updates", rule, bounds[-1]))
    return DeltaGrid(np.float32(unit) * np.float32(0.5), tuple(exponents), tuple(centers), bounds)


def check_coding(op: DiffuseOp, field: str) -> None:
    """Check what a coding asks of the other fields of its operation.

    Args:
        op: Operation.
        field: Path of the operation in messages.

    Raises:
        ValueRangeError: a rule is broken; see docs/format.md, "Plan".
    """
    if op.coding == "plain":
        return
    if op.message is None:
        raise ValueRangeError(expected(f"{field}.coding", "plain where `message` is null", op.coding))
    for name in ("aggregates", "deltas", "delta_aggregates"):
        laws = getattr(op, name)
        if any(law is not None for law in laws):
            rule = f"null throughout where coding is {op.coding}"
            raise ValueRangeError(expected(f"{field}.{name}", rule, next(k for k, law in enumerate(laws) if law)))
    if op.has_relu or op.skip is not None:
        rule = f"without `has_relu` and `skip` where coding is {op.coding}"
        raise ValueRangeError(expected(field, rule, "has_relu" if op.has_relu else f"skip {op.skip}"))
    if op.coding == "feedback":
        if op.correction_self:
            raise ValueRangeError(expected(f"{field}.has_correction", "false where coding is feedback", True))
        return
    delta_grid(op, field)
    first = (*op.correction_self[:1], *op.correction_aggregate[:1])
    if any(first):
        raise ValueRangeError(expected(f"{field}.correction", "0 at step 0 where coding is delta", first))


def _message_laws(op: DiffuseOp, field: str) -> list[tuple[str, AffineLaw]]:
    """Return path and law of q_0, q_1, ..; alike in everything but scale and center."""
    named = [(f"{field}.message", op.message)]
    named += [(f"{field}.updates[{k}]", law) for k, law in enumerate(op.updates[:-1])]
    laws: list[tuple[str, AffineLaw]] = []
    for name, law in named:
        if law is None or law.granularity != "per_tensor" or law.divisor != 1:
            got = None if law is None else f"{law.granularity}, divisor {law.divisor}"
            raise ValueRangeError(expected(name, "a per_tensor law with divisor 1 where coding is delta", got))
        laws.append((name, law))
        if law.num_bits != laws[0][1].num_bits:
            rule = f"a law of {laws[0][1].num_bits} bits, as the message is"
            raise ValueRangeError(expected(name, rule, law.num_bits))
    return laws
