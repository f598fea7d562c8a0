"""Native forms of epilogues and matrices, made once for each object."""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from smoothbit.errors import ArgumentError, ShapeError
from smoothbit.kernels import isa
from smoothbit.kernels.epilogue import Epilogue, Term
from smoothbit.numerics.affine import AffineLaw
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.node_order import first_misplaced
from smoothbit.numerics.packing import packed_row_bytes
from smoothbit.numerics.qtype import check_num_bits
from smoothbit.typing import Float32Array

MAX_TERMS = 4

# Comparing an array's dtype with these is several times faster than with np.float32 and the like.
FLOAT32 = np.dtype(np.float32)
UINT8 = np.dtype(np.uint8)
INT16 = np.dtype(np.int16)
INT32 = np.dtype(np.int32)


class Prepared(NamedTuple):
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


Key = TypeVar("Key")
Made = TypeVar("Made")


class PerObject(Generic[Key, Made]):
    """What is made of an object, once for each and kept as long as it lives.

    Args:
        make: Makes it.
    """

    def __init__(self, make: Callable[[Key], Made]) -> None:
        self._make = make
        self._entries: dict[int, tuple[weakref.ref[Key], Made]] = {}
        atexit.register(self._entries.clear)  # while the compiled module still counts what it made

    def __len__(self) -> int:
        """Return the number of objects that live."""
        return len(self._entries)

    def __call__(self, source: Key) -> Made:
        """Return what is made of `source`."""
        key = id(source)
        entry = self._entries.get(key)
        if entry is not None and entry[0]() is source:
            return entry[1]
        made = self._make(source)
        self._entries[key] = (weakref.ref(source, lambda _: self._entries.pop(key, None)), made)
        return made


def prepare(epilogue: Epilogue) -> Prepared:
    """Check an epilogue and return its native form; the work is done once for each object.

    The values inside the arrays are read at every call, so a buffer may be refilled between calls.

    Raises:
        ShapeError: an array has the wrong shape, dtype or layout.
        ArgumentError: parts that belong together are not given together.
    """
    return _prepared(epilogue)


def schedule_of(graph: CSR) -> Any:
    """Return the native schedule of a matrix, which the second call that gains by it fills; once for each object."""
    return _schedules(graph)


def prepare_with_sum(epilogue: Epilogue) -> Prepared:
    """Return a prepared epilogue that scales a sum and needs no row term from the kernel; see `prepare`."""
    prepared = prepare(epilogue)
    require_sum(prepared)
    require_row_term(prepared)
    return prepared


def require_sum(prepared: Prepared) -> None:
    """Check that an epilogue scales a sum.

    Raises:
        ArgumentError: it does not.
    """
    if not prepared.has_sum:
        raise ArgumentError("Expected `col_scale` to be given for an operator with sums (got None). Pass ones.")


def require_row_term(prepared: Prepared) -> None:
    """Check that an epilogue has all its row terms.

    Raises:
        ArgumentError: one is missing.
    """
    if prepared.has_free_col_term:
        raise ArgumentError("Expected `row_term` to be given with `col_term` (got None). Only gemm computes it.")


def check_array(name: str, array: Any, dtype: Any, shape: tuple[int | None, ...]) -> None:
    """Check that `array` is a C-contiguous array of `dtype` and `shape` (None: any length).

    Raises:
        ShapeError: it is not.
    """
    if (
        isinstance(array, np.ndarray)
        and array.dtype == dtype
        and (array.shape == shape or _fits(array.shape, shape))
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


def _fits(have: tuple[int, ...], want: tuple[int | None, ...]) -> bool:
    if len(have) == 2 and len(want) == 2:  # written out: called several times for each epilogue
        return want[0] in (None, have[0]) and want[1] in (None, have[1])
    return len(have) == len(want) and all(w in (None, h) for h, w in zip(have, want, strict=True))


def _prepare(e: Epilogue) -> Prepared:
    _check_parts(e)
    width = (e.num_channels,)
    for name in ("col_scale", "col_term", "col_bias", "aggregate_step", "aggregate_offset"):
        array = getattr(e, name)
        if array is not None:
            check_array(name, array, FLOAT32, width)
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
        out_dtype=UINT8 if is_packed else FLOAT32,
        out_width=packed_row_bytes(e.num_channels, e.stored_bits) if e.output else e.num_channels,
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
    if e.output_bits is not None and (e.output is None or check_num_bits(e.output_bits) < e.output.num_bits):
        least = None if e.output is None else e.output.num_bits
        raise ArgumentError(
            f"Expected `output_bits` to be at least the {least} bits of `output` (got {e.output_bits}). Leave it out."
        )
    if e.out_rows is not None and e.output is not None:
        raise ArgumentError(
            "Expected `out_rows` to be None with an `output` law (got an array). Move packed rows with `take_rows`."
        )
    if len(e.terms) > MAX_TERMS:
        raise ArgumentError(
            f"Expected `terms` to hold at most {MAX_TERMS} terms (got {len(e.terms)}). Split the combination."
        )


def _check_rows(e: Epilogue) -> int | None:
    num_rows = None
    for name in ("row_term", "row_scale", "output_row_scale"):
        array = getattr(e, name)
        if array is not None:
            check_array(name, array, FLOAT32, (num_rows,))
            num_rows = len(array)
    if e.out_rows is not None:
        check_array("out_rows", e.out_rows, INT32, (num_rows,))
        num_rows = len(e.out_rows)
        if first_misplaced(e.out_rows) is not None:
            raise ArgumentError(
                f"Expected `out_rows` to hold each of {num_rows} rows once (got {e.out_rows}). Pass a permutation."
            )
    for i, term in enumerate(e.terms):
        if term.row_scale is not None:
            check_array(f"terms[{i}].row_scale", term.row_scale, FLOAT32, (num_rows,))
            num_rows = len(term.row_scale)
        _check_term(f"terms[{i}]", term, num_rows, e.num_channels)
        num_rows = len(term.data)
    return num_rows


def _check_term(name: str, term: Term, num_rows: int | None, num_channels: int) -> None:
    check_array(f"{name}.step", term.step, FLOAT32, (num_channels,))
    if term.num_bits == 32:
        check_array(f"{name}.data", term.data, FLOAT32, (num_rows, num_channels))
        if term.offset is not None:
            raise ArgumentError(f"Expected `{name}.offset` to be None for float values (got an array). Leave it out.")
        return
    check_num_bits(term.num_bits)
    check_array(f"{name}.offset", term.offset, FLOAT32, (num_channels,))
    check_packed(f"{name}.data", term.data, num_rows, num_channels, term.num_bits)


def check_packed(name: str, array: Any, num_rows: int | None, num_channels: int, num_bits: int) -> None:
    """Check that `array` holds packed rows of `num_channels` codes; rows may be longer than needed.

    Raises:
        ShapeError: it does not.
    """
    check_array(name, array, UINT8, (num_rows, None))
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
    if law.granularity != "per_tensor":  # one element fits any width
        groups = num_channels if law.granularity == "per_channel" else -(-num_channels // law.group_size)
        if len(law.scale) != groups:
            law.expand(law.scale, num_channels)  # raises, in the words of the law


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
        e.stored_bits,
        e.out_rows,
        all(map(_is_constant, [e.row_term, e.row_scale, e.output_row_scale, *(t.row_scale for t in e.terms)])),
    )


def _is_constant(values: Float32Array | None) -> bool:
    """Return whether nobody can write to `values`, or there are none."""
    return values is None or (values.flags.owndata and not values.flags.writeable)


def _native_law(ext: Any, law: AffineLaw | None) -> Any:
    if law is None:
        return None
    group_size = {"per_tensor": 0, "per_channel": 1}.get(law.granularity, law.group_size)
    arrays = [a if a.flags.c_contiguous else np.ascontiguousarray(a) for a in (law.scale, law.zero_point, law.phase)]
    return ext.Law(law.num_bits, *arrays, group_size, law.divisor, law.shift)


_prepared: PerObject[Epilogue, Prepared] = PerObject(_prepare)
_schedules: PerObject[CSR, Any] = PerObject(lambda graph: isa.extension().Schedule(graph.indptr, graph.indices))
