"""Codes, laws and the epilogue as ONNX nodes: the operations of docs/numerics.md in their order.

QuantizeLinear divides by its scale; the rounding law multiplies by the reciprocal. So the product stands
before it as a node of its own and its scale is 1: the codes are those of the engine, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from onnx import TensorProto

from smoothbit.engine.values import same_law
from smoothbit.errors import UnsupportedError
from smoothbit.export.onnx.writer import Writer
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.kernels import Epilogue
from smoothbit.numerics.affine import AffineLaw
from smoothbit.typing import AnyArray, Float32Array


@dataclass(frozen=True)
class Codes:
    """Codes [N, F] with a law.

    Args:
        name: Tensor of type UINT8 or UINT4.
        channels: F.
        law: Their law.
        row_scale: Factor of each row [N, 1] float32 that belongs to the value (sparse features), or None.
    """

    name: str
    channels: int
    law: AffineLaw
    row_scale: str | None = None

    def bytes(self, w: Writer) -> str:
        """Return the codes as UINT8."""
        return w.cast(self.name, TensorProto.UINT8) if _is_u4(self.law) else self.name


@dataclass(frozen=True)
class Reals:
    """Float32 values [N, F]; `row_scale` as in `Codes`."""

    name: str
    channels: int
    row_scale: str | None = None


Value: TypeAlias = Codes | Reals


def quantize(w: Writer, x: str, law: AffineLaw, channels: int) -> Codes:
    """Return the codes of float32 values [N, F].

    Raises:
        UnsupportedError: the law is one for each node.
    """
    if law.granularity == "per_node":
        raise UnsupportedError(
            "Expected laws of a tensor, channel or group (got one for each node). "
            "Train with another quantizer, or keep the engine for this model."
        )
    y = w.add("Mul", x, _vector(w, law.inv_scale, law, channels))
    if law.phase.any():
        y = w.add("Add", y, _vector(w, law.phase, law, channels))
    points = _spread(law.zero_point, law, channels)
    zero_point = w.constant_u4(points) if _is_u4(law) else w.constant(points, np.uint8)
    codes = w.add("QuantizeLinear", y, w.constant(np.ones_like(points)), zero_point, axis=1)
    if law.divisor > 1:
        fine = w.add("Add", w.real(codes), w.constant(law.shift))
        rounded = w.add("Round", w.add("Mul", fine, w.constant(np.float32(1) / np.float32(law.divisor))))
        clipped = w.add("Clip", rounded, w.constant(0), w.constant(law.qmax))
        codes = w.cast(clipped, TensorProto.UINT8)
    elif law.num_bits < 4:
        codes = w.add("Clip", codes, "", w.constant(law.qmax, np.uint8))
    return Codes(codes, channels, law)


def integers(w: Writer, value: Codes) -> str:
    """Return the codes as INT32."""
    return w.cast(value.name, TensorProto.INT32)


def store(w: Writer, x: str, law: AffineLaw | None, channels: int) -> Value:
    """Return float32 values as they are, or quantized by a law."""
    return Reals(x, channels) if law is None else quantize(w, x, law, channels)


def weight_codes(w: Writer, weight: PackedTensor) -> str:
    """Return the codes of a weight matrix as UINT8; at rest they take `num_bits` bits each.

    4 bits are a UINT4 constant. 1 and 2 bits are the packed rows of the model file, taken apart by nodes.
    """
    bits, (rows, columns) = weight.law.num_bits, weight.shape
    if bits == 8:
        return w.constant(weight.data[:, :columns], np.uint8)
    if bits == 4:
        return w.cast(w.constant_u4(weight.codes()), TensorProto.UINT8)
    row_bytes = -(-columns * bits // 8)
    packed = w.constant(weight.data[:, :row_bytes, None], np.uint8)
    shifted = w.add("BitShift", packed, w.constant(np.arange(0, 8, bits), np.uint8), direction="RIGHT")
    codes = w.add("BitwiseAnd", shifted, w.constant([weight.law.qmax], np.uint8))
    flat = w.add("Reshape", codes, w.constant([rows, row_bytes * 8 // bits], np.int64))
    return w.add("Slice", flat, *(w.constant([number], np.int64) for number in (0, columns, 1)))


def weight_reals(w: Writer, weight: PackedTensor) -> str:
    """Return a weight matrix in float32."""
    law, channels = weight.law, weight.num_channels
    scaled = w.add("Mul", w.real(weight_codes(w, weight)), _vector(w, law.step, law, channels))
    return w.add("Add", scaled, _vector(w, law.offset, law, channels))


def term(
    w: Writer,
    value: Value,
    weight: float = 1.0,
    row_scale: str | None = None,
    channel_scale: Float32Array | None = None,
) -> str:
    """Return ``weight * channel_scale * row_scale * value`` in float32, as an epilogue adds it.

    The weight is folded into the step of codes, and the scale of channels [F] into either's.
    """
    ones = np.ones(value.channels, np.float32) if channel_scale is None else channel_scale
    if isinstance(value, Codes):
        step, offset = value.law.folded(weight, value.channels)
        x = w.add("DequantizeLinear", value.name, _column_vector(w, step * ones), axis=1)
        x = w.add("Add", x, _column_vector(w, offset * ones))
    else:
        factors = np.full(value.channels, weight, np.float32) * ones
        x = value.name if (factors == 1).all() else w.add("Mul", value.name, _column_vector(w, factors))
    for factor in (value.row_scale, row_scale):
        x = x if factor is None else w.add("Mul", x, factor)
    return x


def make_message(w: Writer, source: Value, law: AffineLaw | None, row_scale: str | None = None) -> Value:
    """Return message(row_scale x); what has that law already stays."""
    if row_scale is None and isinstance(source, Codes) and source.row_scale is None and same_law(source.law, law):
        return source
    return store(w, term(w, source, row_scale=row_scale), law, source.channels)


def finish(
    w: Writer,
    sums: str | None,
    epilogue: Epilogue,
    *,
    row_term: str | None = None,
    row_scale: str | None = None,
    terms: Sequence[str] = (),
    output_row_scale: str | None = None,
) -> Value:
    """Return what the epilogue makes of integer sums.

    Args:
        w: Writer.
        sums: Sums [N, F] int32 or float32, or None for none.
        epilogue: Its vectors [F], ReLU and laws; vectors of rows stand in the other arguments.
        row_term: [N, 1] float32, or None.
        row_scale: [N, 1] float32, or None.
        terms: Float32 tensors [N, F], added in this order.
        output_row_scale: [N, 1] float32, or None.
    """
    y: str | None = None
    if sums is not None:
        assert epilogue.col_scale is not None
        y = w.add("Mul", w.real(sums), _column_vector(w, epilogue.col_scale))
        if row_term is not None and epilogue.col_term is not None:
            y = w.add("Add", y, w.add("Mul", row_term, _column_vector(w, epilogue.col_term)))
        y = y if row_scale is None else w.add("Mul", y, row_scale)
        if epilogue.col_bias is not None:
            y = w.add("Add", y, w.constant(epilogue.col_bias))
        if epilogue.aggregate is not None:
            assert epilogue.aggregate_step is not None
            assert epilogue.aggregate_offset is not None
            codes = quantize(w, y, epilogue.aggregate, epilogue.num_channels).name
            y = w.add("DequantizeLinear", codes, _column_vector(w, epilogue.aggregate_step), axis=1)
            y = w.add("Add", y, _column_vector(w, epilogue.aggregate_offset))
    elif epilogue.col_bias is not None:
        y = w.constant(epilogue.col_bias)
    for added in terms:
        y = added if y is None else w.add("Add", y, added)
    assert y is not None
    y = w.add("Relu", y) if epilogue.has_relu else y
    y = y if output_row_scale is None else w.add("Mul", y, output_row_scale)
    return store(w, y, epilogue.output, epilogue.num_channels)


def _is_u4(law: AffineLaw) -> bool:
    return law.num_bits == 4 and law.divisor == 1


def _column_vector(w: Writer, values: Float32Array) -> str:
    return w.constant(values[0] if (values == values[0]).all() else values)


def _spread(values: AnyArray, law: AffineLaw, channels: int) -> Float32Array:
    """Return the values of a law as a number, or as [F]."""
    if law.granularity == "per_tensor":
        return np.asarray(values[0], dtype=np.float32)
    return law.expand(values, channels)


def _vector(w: Writer, values: Float32Array, law: AffineLaw, channels: int) -> str:
    return w.constant(_spread(values, law, channels))
