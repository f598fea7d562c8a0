"""All laws of a file: run-length headers in JSON, numbers in three tensors (docs/format.md, "Laws").

One run stands for `count` laws that share a header::

    [count, num_bits, granularity, rows, group_size, divisor, phases]

Numbers follow law after law: `rows` of `scale` F32, `rows` of `zero_point` U8, and `phases` of
`phase` F32, which is 0 (all phases are 0), 1 (one for all rows) or `rows`. A QLR model takes 5
bytes for each law, and equal laws are stored once.
"""

from __future__ import annotations

from itertools import groupby

import numpy as np

from smoothbit.errors import ArgumentError, SchemaError, TensorError, ValueRangeError
from smoothbit.formats.record import Record, TensorShelf, check_integer, check_list
from smoothbit.formats.wording import expected
from smoothbit.numerics.affine import GRANULARITIES, AffineLaw
from smoothbit.numerics.qtype import QTYPES
from smoothbit.typing import AnyArray, Float32Array

MAX_PHASE = 256.0
MIN_SCALE = 2.0**-126
MAX_SCALE = 2.0**118
MAX_COUNT = (1 << 31) - 1
MAX_LAWS = 1 << 15
"""A law takes 5 bytes of a file and about 600 of memory."""
RUN_FIELDS = 7

LawKey = tuple[object, ...]


class LawWriter:
    """Collects laws, stores equal ones once, and hands out their indices."""

    def __init__(self) -> None:
        self._laws: list[AffineLaw] = []
        self._index: dict[LawKey, int] = {}

    def add(self, law: AffineLaw | None) -> int | None:
        """Return the index of `law`, or None (float32) for None."""
        if law is None:
            return None
        numbers = (law.scale.tobytes(), law.zero_point.tobytes(), law.phase.tobytes())
        key = (*_header(law), law.shift, *numbers)
        if key not in self._index:
            self._index[key] = len(self._laws)
            self._laws.append(law)
        return self._index[key]

    def to_json(self) -> dict[str, object]:
        """Return the fields "laws" and "shifts"."""
        headers = [_header(law) for law in self._laws]
        runs = [[len(list(group)), *header] for header, group in groupby(headers)]
        shifts = [law.shift for law in self._laws]
        return {"laws": runs, "shifts": shifts if any(shifts) else []}

    def tensors(self) -> dict[str, AnyArray]:
        """Return the tensors `scale`, `zero_point` and, when a law has one, `phase`; none without laws.

        Raises:
            ArgumentError: a zero point is not an integer from 0 to 255.
        """
        if not self._laws:
            return {}
        zero_points = np.concatenate([law.zero_point for law in self._laws])
        bytes_ = np.clip(zero_points, 0, 255).astype(np.uint8)
        if not np.array_equal(bytes_, zero_points):
            bad = float(zero_points[bytes_ != zero_points][0])
            raise ArgumentError(expected("zero_point", "an integer in [0, 255]", bad, "Move the fraction into `phase`"))
        tensors: dict[str, AnyArray] = {
            "scale": np.concatenate([law.scale for law in self._laws]),
            "zero_point": bytes_,
        }
        phases = np.concatenate([law.phase[: _num_phases(law)] for law in self._laws])
        return {**tensors, "phase": phases} if len(phases) else tensors


def read_laws(record: Record, shelf: TensorShelf) -> tuple[AffineLaw, ...]:
    """Take the laws out of a record's fields "laws" and "shifts" and out of the tensors.

    Raises:
        SchemaError: a run is malformed, or a header breaks its rule.
        TensorError: the tensors do not have the lengths the runs ask for.
        ValueRangeError: a number is outside its range.
    """
    field = record.path("laws")
    runs = [_Run(item, f"{field}[{k}]") for k, item in enumerate(record.items("laws"))]
    num_laws = sum(run.count for run in runs)
    if num_laws > MAX_LAWS:
        raise ValueRangeError(expected(field, f"at most {MAX_LAWS} laws", num_laws))
    num_rows = sum(run.count * run.rows for run in runs)
    num_phases = sum(run.count * run.phases for run in runs)
    scale = phase = zero_point = np.zeros(0, np.float32)
    if runs:
        scale = shelf.take("scale", np.float32, (num_rows,))
        zero_point = shelf.take("zero_point", np.uint8, (num_rows,)).astype(np.float32)
    if num_phases:
        phase = shelf.take("phase", np.float32, (num_phases,))
    _check_numbers(scale, phase)
    shifts = _read_shifts(record, num_laws)
    laws: list[AffineLaw] = []
    row = phase_row = 0
    for run in runs:
        for _ in range(run.count):
            part = slice(row, row + run.rows)
            own_phase = run.spread(phase[phase_row : phase_row + run.phases])
            laws.append(run.law(scale[part], zero_point[part], own_phase, shifts[len(laws)]))
            row += run.rows
            phase_row += run.phases
    return tuple(laws)


class _Run:
    """Header of `count` laws, checked."""

    def __init__(self, item: object, field: str) -> None:
        values = check_list(item, field)
        if len(values) != RUN_FIELDS:
            raise SchemaError(expected(field, f"a list of {RUN_FIELDS} items", values))
        self.field = field
        self.count = check_integer(values[0], f"{field}[0]", 1, MAX_COUNT)
        self.num_bits = check_integer(values[1], f"{field}[1]", 1, 8)
        if self.num_bits not in QTYPES:
            raise ValueRangeError(expected(f"{field}[1]", "one of 1, 2, 4, 8", self.num_bits))
        if values[2] not in GRANULARITIES:
            raise SchemaError(expected(f"{field}[2]", f"one of {', '.join(GRANULARITIES)}", values[2]))
        self.granularity = str(values[2])
        self.rows = check_integer(values[3], f"{field}[3]", 1, MAX_COUNT)
        self.group_size = check_integer(values[4], f"{field}[4]", 0, MAX_COUNT)
        self.divisor = check_integer(values[5], f"{field}[5]", 1, 255)
        self.phases = check_integer(values[6], f"{field}[6]", 0, self.rows)
        self._check_rules()

    def _check_rules(self) -> None:
        truncating = 255 // QTYPES[self.num_bits].qmax
        if self.divisor not in (1, truncating):
            raise ValueRangeError(expected(f"{self.field}[5]", f"1 or {truncating}", self.divisor))
        if self.phases not in (0, 1, self.rows):
            raise ValueRangeError(expected(f"{self.field}[6]", f"0, 1 or {self.rows}", self.phases))
        if self.granularity == "per_tensor" and self.rows != 1:
            raise ValueRangeError(expected(f"{self.field}[3]", "1 for per_tensor", self.rows))
        if (self.granularity == "per_group") != (self.group_size > 0):
            raise ValueRangeError(expected(f"{self.field}[4]", "> 0 exactly for per_group", self.group_size))

    def spread(self, phase: Float32Array) -> Float32Array:
        """Return the phase of each row [rows] from the stored ones."""
        if len(phase) == self.rows:
            return phase
        return np.full(self.rows, phase[0] if len(phase) else 0, dtype=np.float32)

    def law(self, scale: Float32Array, zero_point: Float32Array, phase: Float32Array, shift: int) -> AffineLaw:
        """Return the law with these numbers."""
        law = AffineLaw(self.num_bits, scale, zero_point, phase, self.granularity, self.group_size, self.divisor, shift)
        if zero_point.max() > law.fine_qmax:
            rule = f"at most {law.fine_qmax} at {self.num_bits} bits"
            raise ValueRangeError(expected("tensor zero_point", rule, float(zero_point.max())))
        if shift and self.divisor == 1:
            raise ValueRangeError(expected("shifts", "0 for a law with divisor 1", shift))
        return law


def _read_shifts(record: Record, num_laws: int) -> list[int]:
    field = record.path("shifts")
    shifts = [check_integer(value, field, -255, 255) for value in record.items("shifts")]
    if shifts and len(shifts) != num_laws:
        raise SchemaError(expected(field, f"empty or {num_laws} integers", len(shifts)))
    return shifts or [0] * num_laws


def _check_numbers(scale: Float32Array, phase: Float32Array) -> None:
    """Check that step, inverse and offset of each law are finite float32 numbers."""
    good = (scale >= MIN_SCALE) & (scale <= MAX_SCALE)
    if not good.all():
        raise ValueRangeError(expected("tensor scale", "in [2**-126, 2**118]", float(scale[~good][0])))
    good = np.abs(phase) <= MAX_PHASE
    if not good.all():
        raise ValueRangeError(expected("tensor phase", "in [-256, 256]", float(phase[~good][0])))


def check_width(law: AffineLaw, width: int, field: str) -> AffineLaw:
    """Return `law` when its scales fit rows of `width` channels.

    Raises:
        TensorError: too many or too few scales.
    """
    if law.granularity == "per_channel" and len(law.scale) != width:
        raise TensorError(expected(field, f"a law of {width} channels", len(law.scale)))
    if law.granularity == "per_group" and len(law.scale) != -(-width // law.group_size):
        rule = f"a law of {-(-width // law.group_size)} groups"
        raise TensorError(expected(field, rule, len(law.scale)))
    return law


def _header(law: AffineLaw) -> tuple[object, ...]:
    numbers = (len(law.scale), law.group_size, law.divisor, _num_phases(law))
    return (law.num_bits, law.granularity, *numbers)


def _num_phases(law: AffineLaw) -> int:
    """Return how many phases are stored; bits are compared, so that -0.0 survives."""
    bits = law.phase.view(np.uint32)
    if not bits.any():
        return 0
    return 1 if (bits == bits[0]).all() else len(bits)
