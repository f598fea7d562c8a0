"""One linear layer on codes, taken from the engine as it runs it inside a model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from smoothbit.bench.check import CheckedBackend
from smoothbit.engine import KernelBackend, PreparedGraph
from smoothbit.engine.ops import OPS, Context
from smoothbit.engine.values import Value
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.formats.schema import FeaturesOp, LinearOp
from smoothbit.kernels import Epilogue
from smoothbit.numerics.affine import law_from_range
from smoothbit.numerics.aligned import aligned_copy
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.features import Features
from smoothbit.typing import AnyArray, Float32Array, Int16Array, UInt8Array


class KeepingBackend(CheckedBackend):
    """Runs and checks primitives, and keeps the last one, so that it can be timed alone.

    Attributes:
        last: Method of a backend with its arguments, to be called with the backend.
    """

    last: Callable[[KernelBackend], Any]

    def spmm(
        self, graph: CSR, source: UInt8Array, num_bits: int, weights: Int16Array | None, epilogue: Epilogue
    ) -> UInt8Array | Float32Array:
        """Gather and add packed rows, then the epilogue; checked and kept."""
        self.last = lambda backend: backend.spmm(graph, source, num_bits, weights, epilogue)
        return super().spmm(graph, source, num_bits, weights, epilogue)

    def gemm(
        self, source: UInt8Array, num_bits: int, depth: int, weight: UInt8Array, weight_bits: int, epilogue: Epilogue
    ) -> UInt8Array | Float32Array:
        """Multiply packed matrices, then the epilogue; checked and kept."""
        self.last = lambda backend: backend.gemm(source, num_bits, depth, weight, weight_bits, epilogue)
        return super().gemm(source, num_bits, depth, weight, weight_bits, epilogue)


def bind_sparse_layer(
    features: Features, features_op: FeaturesOp, op: LinearOp, checked: KeepingBackend
) -> Callable[[], Any]:
    """Return the layer on sparse features as a callable; its result was compared with the reference."""
    context = _context(features, checked)
    context.values.append(OPS.resolve("features")(features_op, context))
    return _bind(op, context, checked)


def bind_dense_layer(source: PackedTensor, op: LinearOp, checked: KeepingBackend) -> Callable[[], Any]:
    """Return the layer on packed activations as a callable; its result was compared with the reference."""
    return _bind(op, _context(Features(np.zeros((0, 1), np.float32)), checked, source), checked)


def random_weight(num_rows: int, num_columns: int, seed: int) -> Float32Array:
    """Return a Gaussian weight [num_rows, num_columns] of variance 1 / num_rows, float32."""
    drawn: AnyArray = np.random.default_rng(seed).standard_normal((num_rows, num_columns))
    weight: Float32Array = aligned_copy((drawn / np.sqrt(num_rows)).astype(np.float32))
    return weight


def packed_layer(weight: Float32Array, outputs: Float32Array, num_bits: int) -> LinearOp:
    """Return the layer at `num_bits`: packed weight, ReLU, output law over the range of `outputs`."""
    law = law_from_range(weight.min(), weight.max(), num_bits)
    output = law_from_range(np.array(0.0), outputs.max(initial=0.0), num_bits)
    return LinearOp(1, PackedTensor.from_values(weight, law), None, True, output)


def _context(features: Features, backend: KernelBackend, *values: Value) -> Context:
    nothing = CSR(np.zeros(1, np.int64), np.empty(0, np.int32), 0)  # a linear layer reads no graph
    return Context(PreparedGraph(nothing), features, backend, [None, *values])


def _bind(op: LinearOp, context: Context, checked: KeepingBackend) -> Callable[[], Any]:
    OPS.resolve("linear")(op, context)
    return partial(checked.last, KernelBackend(checked.num_threads))
