"""Checked, native form of an epilogue, made once for each `Epilogue` object."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np

from smoothbit.errors import ArgumentError, ShapeError
from smoothbit.kernels import isa
from smoothbit.kernels.epilogue import Epilogue, Term
from smoothbit.numerics.affine import AffineLaw
from smoothbit.numerics.packing import packed_row_bytes
from smoothbit.numerics.qtype import check_num_bits

MAX_TERMS = 4


@dataclass(frozen=True)
class Prepared:
    """A checked epilogue.

    Args:
        native: Its native form, or None without compiled code.
        num_rows: Rows that its row arrays and terms have, or None when it has none.
        has_sum: Whether it scales a sum.
        has_free_col_term: Whether it has a `col_term` but no `row_term`, which only `gemm` computes.
        out_dtype: Dtype of the output.
        out_width: Least elements of an output row: B bytes, or F for float32.
    """

    native: Any
    num_rows: int | None
    has_sum: bool
    has_free_col_term: bool
    out_dtype: np.dtype[Any]
    out_width: int


_prepared: dict[int, tuple[weakref.ref[Epilogue], Prepared]] = {}


def prepare(epilogue: Epilogue) -> Prepared:
    """Check an epilogue and return its native form; the work is done once for each object.

    The values inside the arrays are read at every call, so a buffer may be refilled between calls.

    Raises:
        ShapeError: an array has the wrong shape, dtype or layout.
        ArgumentError: parts that belong together are not given together.
    """
    key = id(epilogue)
    entry = _prepared.get(key)
    if entry is not None and entry[0]() is epilogue:
        return entry[1]
    prepared = _prepare(epilogue)
    _prepared[key] = (weakref.ref(epilogue, lambda _: _prepared.pop(key, None)), prepared)
    return prepared


def check_array(name: str, array: Any, dtype: Any, shape: tuple[int | None, ...]) -> None:
    """Check that `array` is a C-contiguous array of `dtype` and `shape` (None: any length).

    Raises:
        ShapeError: it is not.
    """
    if (
        isinstance(array, np.ndarray)
        and array.dtype == dtype
        and array.ndim == len(shape)
        and all(want is None or have == want for have, want in zip(array.shape, shape, strict=True))
        and array.flags.c_contiguous
    ):
        return
    rule = f"C-contiguous {np.dtype(dtype)} [{', '.join('any' if want is None else str(want) for want in shape)}]"
    if not isinstance(array, np.ndarray):
        got = type(array).__name__
    else:
        layout = "" if array.flags.c_contiguous else ", not contiguous"
        got = f"{array.dtype} {list(array.shape)}{layout}"
    raise ShapeError(f"Expected `{name}` to be {rule} (got {got}). Convert it with `np.ascontiguousarray`.")


def _prepare(e: Epilogue) -> Prepared:
    _check_parts(e)
    for name in ("col_scale", "col_term", "col_bias", "aggregate_step", "aggregate_offset"):
        if getattr(e, name) is not None:
            check_array(name, getattr(e, name), np.float32, (e.num_channels,))
    num_rows = _check_rows(e)
    for name, law in (("aggregate", e.aggregate), ("output", e.output)):
        if law is not None:
            _check_law(name, law, e.num_channels)
    is_packed = e.output is not None
    return Prepared(
        native=None if isa.ext is None else _native_epilogue(isa.ext, e),
        num_rows=num_rows,
        has_sum=e.col_scale is not None,
        has_free_col_term=e.col_term is not None and e.row_term is None,
        out_dtype=np.dtype(np.uint8 if is_packed else np.float32),
        out_width=packed_row_bytes(e.num_channels, e.output.num_bits) if e.output else e.num_channels,
    )


def _check_parts(e: Epilogue) -> None:
    if e.num_channels < 0:
        raise ArgumentError(f"Expected `num_channels` to be >= 0 (got {e.num_channels}). Pass the width of a row.")
    if e.row_term is not None and e.col_term is None:
        raise ArgumentError("Expected `col_term` to be given with `row_term` (got None). Pass both.")
    step, offset = e.aggregate_step is not None, e.aggregate_offset is not None
    if (e.aggregate is not None, e.aggregate is not None) != (step, offset):
        raise ArgumentError(
            f"Expected `aggregate_step` and `aggregate_offset` to be given exactly when `aggregate` is "
            f"(got aggregate={e.aggregate is not None}, step={step}, offset={offset}). Pass all three or none."
        )
    if len(e.terms) > MAX_TERMS:
        raise ArgumentError(
            f"Expected `terms` to hold at most {MAX_TERMS} terms (got {len(e.terms)}). Split the combination."
        )


def _check_rows(e: Epilogue) -> int | None:
    num_rows = None
    arrays: list[tuple[str, Any]] = [(n, getattr(e, n)) for n in ("row_term", "row_scale", "output_row_scale")]
    arrays += [(f"terms[{i}].row_scale", term.row_scale) for i, term in enumerate(e.terms)]
    for name, array in arrays:
        if array is not None:
            check_array(name, array, np.float32, (num_rows,))
            num_rows = len(array)
    for i, term in enumerate(e.terms):
        _check_term(f"terms[{i}]", term, num_rows, e.num_channels)
        num_rows = len(term.data)
    return num_rows


def _check_term(name: str, term: Term, num_rows: int | None, num_channels: int) -> None:
    check_array(f"{name}.step", term.step, np.float32, (num_channels,))
    if term.num_bits == 32:
        check_array(f"{name}.data", term.data, np.float32, (num_rows, num_channels))
        if term.offset is not None:
            raise ArgumentError(f"Expected `{name}.offset` to be None for float values (got an array). Leave it out.")
        return
    check_num_bits(term.num_bits)
    check_array(f"{name}.offset", term.offset, np.float32, (num_channels,))
    check_packed(f"{name}.data", term.data, num_rows, num_channels, term.num_bits)


def check_packed(name: str, array: Any, num_rows: int | None, num_channels: int, num_bits: int) -> None:
    """Check that `array` holds packed rows of `num_channels` codes; rows may be longer than needed.

    Raises:
        ShapeError: it does not.
    """
    check_array(name, array, np.uint8, (num_rows, None))
    row_bytes = packed_row_bytes(num_channels, num_bits)
    if array.shape[1] < row_bytes:
        raise ShapeError(
            f"Expected `{name}` to have rows of at least {row_bytes} bytes for {num_channels} codes of {num_bits} bits "
            f"(got {array.shape[1]}). Check the number of channels."
        )


def _check_law(name: str, law: AffineLaw, num_channels: int) -> None:
    if law.granularity == "per_node":
        raise ArgumentError(
            f"Expected the law `{name}` to be per_tensor, per_channel or per_group (got 'per_node'). "
            "Use a row scale for what differs between nodes."
        )
    law.expand(law.scale, max(num_channels, 1) if law.granularity == "per_tensor" else num_channels)


def _native_epilogue(ext: Any, e: Epilogue) -> Any:
    terms = [ext.Term(t.data, t.num_bits, t.step, t.offset, t.row_scale) for t in e.terms]
    return ext.Epilogue(
        e.num_channels,
        e.col_scale,
        e.row_term,
        e.col_term,
        e.row_scale,
        e.col_bias,
        _native_law(ext, e.aggregate),
        e.aggregate_step,
        e.aggregate_offset,
        terms,
        e.has_relu,
        e.output_row_scale,
        _native_law(ext, e.output),
    )


def _native_law(ext: Any, law: AffineLaw | None) -> Any:
    if law is None:
        return None
    group_size = {"per_tensor": 0, "per_channel": 1, "per_group": law.group_size}[law.granularity]
    arrays = (np.ascontiguousarray(a) for a in (law.scale, law.zero_point, law.phase))
    return ext.Law(law.num_bits, *arrays, group_size, law.divisor, law.shift)
