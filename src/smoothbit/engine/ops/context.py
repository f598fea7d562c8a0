"""What an operation needs to run: graph, backend, trace; and the steps that several share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from smoothbit.engine.backend import Backend
from smoothbit.engine.graph import PreparedGraph
from smoothbit.engine.values import Dense, Value, num_channels, num_rows, term
from smoothbit.errors import ArgumentError
from smoothbit.formats.graph_schema import PackedFeatures
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.kernels import Epilogue, Term
from smoothbit.kernels.native import MAX_TERMS
from smoothbit.kernels.output import perform_reference, streams_rows
from smoothbit.numerics.affine import AffineLaw
from smoothbit.numerics.aligned import aligned_empty
from smoothbit.numerics.features import Features
from smoothbit.registry import Registry
from smoothbit.typing import Float32Array, Int32Array

OPS: Registry[Callable[[Any, Context], Value]] = Registry("operation")
"""Executors by kind: function of (operation, context) that returns the operation's value."""


MAX_SCATTERED_BYTES = 1 << 22
"""Largest float32 result whose rows a kernel stores in another order, unless it stores them past the caches."""


@dataclass
class Context:
    """State of one run.

    Args:
        graph: Prepared graph.
        features: Node features as they come.
        backend: Executes primitives.
        values: Values written so far; index 0 is reserved for the features.
        trace: Every quantized stage by name, filled when not None; rows in the caller's order.
        is_inside: Whether rows are in the order of `graph`, between `enter` and `leave`.
    """

    graph: PreparedGraph
    features: Features | PackedFeatures
    backend: Backend
    values: list[Value | None] = field(default_factory=lambda: [None])
    trace: dict[str, Value] | None = None
    is_inside: bool = False

    @property
    def name(self) -> str:
        """Prefix of the stages of the operation that is running."""
        return f"value{len(self.values)}"

    def record(self, stage: str, value: Value, *, is_on_edges: bool = False) -> None:
        """Keep `value` under `stage` when a trace is wanted; edges have the caller's order in every graph."""
        if self.trace is not None:
            is_moved = self.is_inside and not is_on_edges
            self.trace[f"{self.name}.{stage}"] = self._take(value, self.graph.order.places) if is_moved else value

    def dense(self, index: int) -> Dense:
        """Return value `index`, which only sparse features make another one than a dense value.

        Raises:
            ArgumentError: the features are sparse.
        """
        value = self.values[index]
        if not isinstance(value, (PackedTensor, np.ndarray)):
            raise ArgumentError(
                f"Expected `features` to be dense, as {self.name} reads them whole (got sparse ones). "
                "Pass `Features(features.to_dense())`."
            )
        return value

    def enter(self, value: Dense) -> Dense:
        """Return a value of the caller's order in the order of the graph: before what looks at neighbours.

        Everything else works on each row alone, so it runs in the caller's order and moves nothing.
        """
        self.is_inside = not self.graph.order.is_identity
        return self._take(value, self.graph.order.nodes) if self.is_inside else value

    def leave(self, value: Dense) -> Dense:
        """Return a value of the graph's order in the order of the caller."""
        moved = self._take(value, self.graph.order.places) if self.is_inside else value
        self.is_inside = False
        return moved

    def leaving_rows(self, channels: int, law: AffineLaw | None, state_bits: int | None = None) -> Int32Array | None:
        """Return where a kernel is to store the rows of a float32 result so that they have left, or None.

        What is left then, and its trace, is in the order of the caller. Codes leave by `leave`, and so do values
        beyond the caches, where stores of single rows are slower than a pass of their own (41 against 28 ms for
        87 MB, 0.12 against 0.16 ms for 0.7 MB), unless they go past the caches.

        Args:
            channels: Channels of the result.
            law: Law of the result, or None for float32.
            state_bits: Width of the states that `spmm` gathers for it; None for any other kernel.
        """
        num_bytes = self.graph.num_nodes * channels * np.dtype(np.float32).itemsize
        is_streamed = state_bits is not None and streams_rows(channels, state_bits)
        is_cheap = num_bytes <= MAX_SCATTERED_BYTES or is_streamed
        if not self.is_inside or law is not None or not is_cheap:
            return None
        self.is_inside = False
        return self.graph.order.nodes

    def finish(
        self, array: Any, channels: int, law: AffineLaw | None, stage: str, *, is_on_edges: bool = False
    ) -> Dense:
        """Wrap what a primitive returned into a value and record it."""
        value: Dense = array if law is None else PackedTensor(array, channels, law)
        self.record(stage, value, is_on_edges=is_on_edges)
        return value

    def release(self, *values: Dense, kept: Sequence[Term] = ()) -> None:
        """Let later outputs take the places of `values`, unless terms of `kept` still read them; a trace keeps all."""
        for value in values if self.trace is None else ():
            rows = value.data if isinstance(value, PackedTensor) else value
            if not any(term.data is rows for term in kept):
                self.backend.release(rows)

    def combine(
        self,
        terms: Sequence[Term],
        like: Dense,
        law: AffineLaw | None,
        stage: str,
        output_row_scale: Float32Array | None = None,
        has_relu: bool = False,
        bias: Float32Array | None = None,
    ) -> Dense:
        """Add bias and terms, one after the other, and quantize the result by `law`."""
        channels = num_channels(like)
        totals: list[Dense] = []
        while len(terms) > MAX_TERMS:
            first = Epilogue(channels, col_bias=bias, terms=tuple(terms[:MAX_TERMS]))
            totals.append(self.backend.combine(num_rows(like), first).view(np.float32))
            terms, bias = [term(totals[-1], 1.0), *terms[MAX_TERMS:]], None
        epilogue = Epilogue(
            channels,
            col_bias=bias,
            terms=tuple(terms),
            has_relu=has_relu,
            output_row_scale=output_row_scale,
            output=law,
        )
        array = self.backend.combine(num_rows(like), epilogue)
        self.release(*totals)
        return self.finish(array, channels, law, stage)

    def decoded(self, value: Dense) -> Float32Array:
        """Return a value in float32."""
        if not isinstance(value, PackedTensor):
            return value
        epilogue = Epilogue(value.num_channels, terms=(term(value, 1.0),))
        return self.backend.combine(value.num_rows, epilogue).view(np.float32)

    def quantized(self, values: Float32Array, law: AffineLaw | None, stage: str) -> Dense:
        """Return float32 values by `law` and record them."""
        if law is None:
            self.record(stage, values)
            return values
        return self.combine([term(values, 1.0)], values, law, stage)

    def compute(self, function: Callable[[], Float32Array], shape: tuple[int, int]) -> Float32Array:
        """Return what a function of NumPy gives, as a call that a session repeats.

        For what is defined by a sequence of IEEE operations on each element, or by sums in a stated order: NumPy
        gives the same bits on every machine, so it needs no kernel and the float simulation uses it too.

        Args:
            function: Computes float32 values from arrays that stay where they are.
            shape: Shape of the values.
        """
        out: Float32Array = aligned_empty(shape, np.float32)
        return perform_reference(function, out)

    def mean(
        self,
        source: Dense,
        *,
        weight: float,
        aggregate: AffineLaw | None,
        terms: Sequence[Term] = (),
        output: AffineLaw | None,
        output_row_scale: Float32Array | None = None,
        has_relu: bool = False,
        leaves: bool = False,
        stage: str,
    ) -> Dense:
        """Return quantize(weight * aggregate(D^-1 A~ source) + terms, output).

        Args:
            source: Messages [N, F].
            weight: Mixing coefficient of the aggregate.
            aggregate: Law of the aggregate, or None to keep the exact mean.
            terms: What is added, at most 4.
            output: Law of the result, or None.
            output_row_scale: Factor of each row before the last quantization, or None.
            has_relu: Whether negative values become 0 before that.
            leaves: Whether a float32 result may be in the order of the caller, see `leaving_rows`.
            stage: Name in the trace.
        """
        if not isinstance(source, PackedTensor):
            return self._mean_f32(source, weight, aggregate, terms, output, output_row_scale, has_relu, stage)
        law, channels = source.law, source.num_channels
        step, offset = law.folded(weight if aggregate is None else 1.0, channels)
        epilogue = Epilogue(
            channels,
            col_scale=step,
            row_scale=self.graph.inv_degree,
            col_bias=offset,
            **aggregate_fields(aggregate, weight, channels),
            terms=tuple(terms),
            has_relu=has_relu,
            output_row_scale=output_row_scale,
            output=output,
            out_rows=self.leaving_rows(channels, output, law.num_bits) if leaves else None,
        )
        array = self.backend.spmm(self.graph.csr, source.data, law.num_bits, None, epilogue)
        return self.finish(array, channels, output, stage)

    def _mean_f32(
        self,
        source: Float32Array,
        weight: float,
        aggregate: AffineLaw | None,
        terms: Sequence[Term],
        output: AffineLaw | None,
        output_row_scale: Float32Array | None,
        has_relu: bool,
        stage: str,
    ) -> Dense:
        is_plain = aggregate is None and output is None and output_row_scale is None and not has_relu
        fold = weight if aggregate is None else 1.0
        fused = terms[0] if is_plain and len(terms) == 1 and _is_plain_float(terms[0]) else None
        mean: Dense = self.backend.spmm_f32(self.graph.csr, source, self.graph.inv_degree, fold, fused)
        if is_plain and (fused is not None or not terms):
            self.record(stage, mean)
            return mean
        used = [mean]
        if aggregate is not None:
            mean = self.combine([term(mean, 1.0)], mean, aggregate, f"{stage}.aggregate")
            used.append(mean)
        first = term(mean, 1.0 if aggregate is None else weight)
        result = self.combine([first, *terms], mean, output, stage, output_row_scale, has_relu)
        self.release(*used)
        return result

    def _take(self, value: Value, rows: Int32Array) -> Dense:
        assert isinstance(value, (PackedTensor, np.ndarray))
        if isinstance(value, PackedTensor):
            return replace(value, data=self.backend.take_rows(value.data, rows))
        return self.backend.take_rows(value, rows)


def _is_plain_float(added: Term) -> bool:
    """Return whether a term is float32 values times one number, which `spmm_f32` adds by itself."""
    return added.num_bits == 32 and added.row_scale is None and bool((added.step == added.step[:1]).all())


def aggregate_fields(aggregate: AffineLaw | None, weight: float, channels: int) -> dict[str, Any]:
    """Return the epilogue's aggregate arguments, the mixing coefficient folded in."""
    if aggregate is None:
        return {}
    step, offset = aggregate.folded(weight, channels)
    return {"aggregate": aggregate, "aggregate_step": step, "aggregate_offset": offset}
