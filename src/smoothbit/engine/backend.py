"""Primitive operations that a plan is made of, and their execution by the packed kernels.

The float simulation in `nn.simulation` implements the same protocol in torch, so both run one
plan through one expansion and differ only in how each primitive is computed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import numpy as np

from smoothbit import kernels
from smoothbit.engine.graph import Incidence
from smoothbit.kernels import Attention, DeltaState, DeltaStep, Epilogue, Out, Term
from smoothbit.kernels.output import store
from smoothbit.numerics.affine import AffineLaw, dequantize, quantize
from smoothbit.numerics.aligned import CACHE_LINE_BYTES, aligned_empty
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.packing import pack, packed_row_bytes, unpack
from smoothbit.typing import Float32Array, Int16Array, Int32Array, UInt8Array


class Backend(Protocol):
    """Executes primitives; arrays in and out are NumPy (packed uint8 codes or float32)."""

    def spmm(
        self, graph: CSR, source: UInt8Array, num_bits: int, weights: Int16Array | None, epilogue: Epilogue
    ) -> UInt8Array | Float32Array:
        """Gather and add packed rows, then the epilogue."""
        ...

    def spmax(self, graph: CSR, source: UInt8Array, num_bits: int, epilogue: Epilogue) -> UInt8Array | Float32Array:
        """Take the largest of gathered codes, then the epilogue."""
        ...

    def gemm(
        self, source: UInt8Array, num_bits: int, depth: int, weight: UInt8Array, weight_bits: int, epilogue: Epilogue
    ) -> UInt8Array | Float32Array:
        """Multiply packed matrices, then the epilogue."""
        ...

    def combine(self, num_rows: int, epilogue: Epilogue) -> UInt8Array | Float32Array:
        """Apply the epilogue to no sum: add its terms."""
        ...

    def spmm_f32(
        self,
        graph: CSR,
        source: Float32Array,
        row_scale: Float32Array | None,
        scale: float,
        skip: Term | None = None,
    ) -> Float32Array:
        """Gather and add float32 rows; `skip` is float32 values times one number, or None."""
        ...

    def spmax_f32(self, graph: CSR, source: Float32Array) -> Float32Array:
        """Take the largest of gathered float32 rows."""
        ...

    def activate(self, values: Float32Array, function: str, slope: float, slopes: Float32Array | None) -> Float32Array:
        """Apply an activation function to each element."""
        ...

    def attend(
        self, graph: CSR, source: UInt8Array, law: AffineLaw, num_channels: int, attention: Attention
    ) -> Float32Array:
        """Return the mean of packed messages, weighted by attention."""
        ...

    def attend_f32(self, graph: CSR, source: Float32Array, attention: Attention) -> Float32Array:
        """Return the mean of float32 messages, weighted by attention."""
        ...

    def matmul_f32(self, source: Float32Array, weight: Float32Array) -> Float32Array:
        """Multiply float32 matrices."""
        ...

    def take_rows(self, source: Out, rows: Int32Array) -> Out:
        """Return the given rows of packed codes or float32 values: change the order of nodes."""
        ...

    def release(self, rows: UInt8Array | Float32Array) -> None:
        """Let a later output take the place of an earlier one, which nothing reads any more."""
        ...

    def delta_state(self, graph: CSR, num_channels: int, num_bits: int, bound: int) -> DeltaState:
        """Return room for the messages and sums of a delta-coded propagation."""
        ...

    def delta_step(
        self, graph: CSR, source: UInt8Array, num_bits: int, state: DeltaState, step: DeltaStep
    ) -> UInt8Array | Float32Array:
        """Add gathered differences to `state`, then finish the step."""
        ...

    def dual_update(
        self,
        state: Float32Array | None,
        primal: Float32Array,
        incidence: Incidence,
        beta: float,
        radius: float,
        norm: str,
        law: AffineLaw | None,
    ) -> UInt8Array | Float32Array:
        """Return project(Z + beta B u), quantized by `law` and packed, or float32."""
        ...


class KernelBackend:
    """Runs primitives on the compiled kernels, or on the NumPy reference without them.

    Args:
        num_threads: Threads inside each kernel; None for the default of `kernels`.
    """

    def __init__(self, num_threads: int | None = None) -> None:
        self.num_threads = num_threads
        self._released: list[UInt8Array | Float32Array] = []

    def release(self, rows: UInt8Array | Float32Array) -> None:
        """Let a later output take the place of an earlier one, which nothing reads any more."""
        self._released.append(rows)

    def spmm(
        self, graph: CSR, source: UInt8Array, num_bits: int, weights: Int16Array | None, epilogue: Epilogue
    ) -> UInt8Array | Float32Array:
        """Gather and add packed rows, then the epilogue."""
        out = new_rows(graph.num_rows, epilogue, self._rows)
        return kernels.spmm(graph, source, num_bits, epilogue, weights=weights, out=out, num_threads=self.num_threads)

    def spmax(self, graph: CSR, source: UInt8Array, num_bits: int, epilogue: Epilogue) -> UInt8Array | Float32Array:
        """Take the largest of gathered codes, then the epilogue."""
        out = new_rows(graph.num_rows, epilogue, self._rows)
        return kernels.spmax(graph, source, num_bits, epilogue, out=out, num_threads=self.num_threads)

    def gemm(
        self, source: UInt8Array, num_bits: int, depth: int, weight: UInt8Array, weight_bits: int, epilogue: Epilogue
    ) -> UInt8Array | Float32Array:
        """Multiply packed matrices, then the epilogue."""
        out = new_rows(len(source), epilogue, self._rows)
        return kernels.gemm(
            source, num_bits, depth, weight, weight_bits, epilogue, out=out, num_threads=self.num_threads
        )

    def combine(self, num_rows: int, epilogue: Epilogue) -> UInt8Array | Float32Array:
        """Apply the epilogue to no sum: add its terms."""
        out = new_rows(num_rows, epilogue, self._rows)
        return kernels.requantize(None, num_rows, epilogue, out=out, num_threads=self.num_threads)

    def spmm_f32(
        self,
        graph: CSR,
        source: Float32Array,
        row_scale: Float32Array | None,
        scale: float,
        skip: Term | None = None,
    ) -> Float32Array:
        """Gather and add float32 rows; `skip` is float32 values times one number, or None."""
        return kernels.spmm_f32(
            graph,
            source,
            row_scale=row_scale,
            scale=scale,
            skip=None if skip is None else skip.data.view(np.float32),
            skip_scale=0.0 if skip is None else float(skip.step[0]),
            out=self._rows((graph.num_rows, source.shape[1]), np.float32),
            num_threads=self.num_threads,
        )

    def spmax_f32(self, graph: CSR, source: Float32Array) -> Float32Array:
        """Take the largest of gathered float32 rows."""
        return kernels.spmax_f32(graph, source, num_threads=self.num_threads)

    def activate(self, values: Float32Array, function: str, slope: float, slopes: Float32Array | None) -> Float32Array:
        """Apply an activation function to each element."""
        return kernels.activate(values, function, slope=slope, slopes=slopes, num_threads=self.num_threads)

    def attend(
        self, graph: CSR, source: UInt8Array, law: AffineLaw, num_channels: int, attention: Attention
    ) -> Float32Array:
        """Return the mean of packed messages, weighted by attention."""
        return kernels.attend(graph, source, law, num_channels, attention, num_threads=self.num_threads)

    def attend_f32(self, graph: CSR, source: Float32Array, attention: Attention) -> Float32Array:
        """Return the mean of float32 messages, weighted by attention."""
        return kernels.attend_f32(graph, source, attention, num_threads=self.num_threads)

    def matmul_f32(self, source: Float32Array, weight: Float32Array) -> Float32Array:
        """Multiply float32 matrices."""
        out: Float32Array = aligned_empty((len(source), weight.shape[1]), np.float32)
        return kernels.perform(kernels.PythonCall(partial(np.matmul, source, weight, out=out)), out)

    def take_rows(self, source: Out, rows: Int32Array) -> Out:
        """Return the given rows of packed codes or float32 values: change the order of nodes."""
        return kernels.take_rows(source, rows, num_threads=self.num_threads)

    def delta_state(self, graph: CSR, num_channels: int, num_bits: int, bound: int) -> DeltaState:
        """Return room for the messages and sums of a delta-coded propagation."""
        return kernels.delta_state(graph, num_channels, num_bits, bound)

    def delta_step(
        self, graph: CSR, source: UInt8Array, num_bits: int, state: DeltaState, step: DeltaStep
    ) -> UInt8Array | Float32Array:
        """Add gathered differences to `state`, then finish the step."""
        out = new_rows(graph.num_rows, step.epilogue, self._rows)
        return kernels.delta_step(graph, source, num_bits, state, step, out=out, num_threads=self.num_threads)

    def dual_update(
        self,
        state: Float32Array | None,
        primal: Float32Array,
        incidence: Incidence,
        beta: float,
        radius: float,
        norm: str,
        law: AffineLaw | None,
    ) -> UInt8Array | Float32Array:
        """Return project(Z + beta B u), quantized by `law` and packed, or float32.

        Args:
            state: Z [M, F] float32, or None for 0.
            primal: u [N, F] float32.
            incidence: Edges of the graph.
            beta: Step of the dual variable.
            radius: Radius of the projection.
            norm: "l1" clips entries; "l21" scales rows whose norm exceeds the radius. The
                squares of a row are added from channel 0 upward, in float32.
            law: Law of the new dual variable, or None.
        """
        kernels.pass_by()
        moved = np.float32(beta) * (primal[incidence.heads] - primal[incidence.tails])
        dual = moved if state is None else state + moved
        if norm == "l1":
            dual = np.clip(dual, np.float32(-radius), np.float32(radius))
        else:
            squares = np.zeros(len(dual), dtype=np.float32)
            for channel in range(dual.shape[1]):
                squares = squares + dual[:, channel] * dual[:, channel]
            length = np.sqrt(squares)
            outside = length > np.float32(radius)
            factor = np.ones_like(length)
            factor[outside] = np.float32(radius) / length[outside]
            dual = dual * factor[:, None]
        return dual if law is None else pack(quantize(dual, law), law.num_bits)

    def _rows(self, shape: tuple[int, int], dtype: type[np.generic]) -> Any:
        """Return rows on cache lines: released ones, where there are such."""
        for position, rows in enumerate(self._released):
            if rows.shape == shape and rows.dtype == dtype:
                return self._released.pop(position)
        return aligned_empty(shape, dtype)


def unpack_values(packed: UInt8Array, law: AffineLaw, num_channels: int) -> Float32Array:
    """Return the reals behind packed codes, float32 [N, F]."""
    return dequantize(unpack(packed, law.num_bits, num_channels), law)


def new_rows(num_rows: int, epilogue: Epilogue, make: Callable[..., Any] = aligned_empty) -> Any:
    """Return an array for the output of `epilogue`: packed rows on cache lines at the stride the kernels like.

    Args:
        num_rows: N.
        epilogue: What makes the output.
        make: Returns an array of a shape and dtype.
    """
    if epilogue.output is None:
        return make((num_rows, epilogue.num_channels), np.float32)
    stride = kernels.aligned_row_bytes(epilogue.num_channels, epilogue.stored_bits)
    # Codes with more room than their law needs are for steps that work on whole blocks.
    if epilogue.output_bits is not None:
        stride = max(stride, kernels.BLOCK_BYTES)
    return make((num_rows, stride), np.uint8)


def aligned_rows(packed: UInt8Array, num_channels: int, num_bits: int) -> UInt8Array:
    """Return packed rows on cache lines at the stride the kernels like: a copy, or themselves if they are so."""
    stride = kernels.aligned_row_bytes(num_channels, num_bits)
    if packed.shape[1] == stride and packed.ctypes.data % CACHE_LINE_BYTES == 0:
        return packed
    rows: UInt8Array = aligned_empty((len(packed), stride), np.uint8)
    store(packed[:, : packed_row_bytes(num_channels, num_bits)], rows)
    return rows
