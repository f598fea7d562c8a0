"""One step of mean propagation on packed states, as the engine runs it inside a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from smoothbit.engine import Backend, PreparedGraph
from smoothbit.engine.values import term
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.kernels import Epilogue, aligned_row_bytes
from smoothbit.numerics.affine import law_from_range
from smoothbit.numerics.csr import CSR
from smoothbit.typing import Float32Array

MEAN_WEIGHT, SKIP_WEIGHT = 0.9, 0.1
STATE_BOUND = 2.0
"""States are uniform in [-2, 2]: every code of every width occurs."""


@dataclass(frozen=True)
class PackedStep:
    """One step on packed codes.

    Args:
        graph: Prepared graph.
        state: u [N, F], packed.
        source: z [N, F], packed.
    """

    graph: PreparedGraph
    state: PackedTensor
    source: PackedTensor

    def epilogue(self) -> Epilogue:
        """Return what the engine makes for one linear step (`engine.ops.context.Context.mean`)."""
        law, channels = self.state.law, self.state.num_channels
        weight = np.float32(MEAN_WEIGHT)
        return Epilogue(
            channels,
            col_scale=weight * law.expand(law.step, channels),
            row_scale=self.graph.inv_degree,
            col_bias=weight * law.expand(law.offset, channels),
            terms=(term(self.source, SKIP_WEIGHT, self.graph.rsqrt_degree),),
            output=law,
        )

    def bind(self, backend: Backend, epilogue: Epilogue) -> Callable[[], object]:
        """Return the step as a callable; `epilogue` is that of this step."""
        return lambda: backend.spmm(self.graph.csr, self.state.data, self.state.law.num_bits, None, epilogue)


def random_states(num_nodes: int, num_channels: int, seed: int) -> tuple[Float32Array, Float32Array]:
    """Return two float32 matrices [N, F], uniform in [-STATE_BOUND, STATE_BOUND]."""
    generator = np.random.default_rng(seed)
    shape = (num_nodes, num_channels)
    first, second = (generator.random(shape, dtype=np.float32) for _ in range(2))
    return (first - np.float32(0.5)) * np.float32(2 * STATE_BOUND), (second - np.float32(0.5)) * np.float32(4)


def packed_step(graph: PreparedGraph, state: Float32Array, source: Float32Array, num_bits: int) -> PackedStep:
    """Quantize and pack the states at the row stride that the engine uses."""
    law = law_from_range(np.array(-STATE_BOUND), np.array(STATE_BOUND), num_bits)
    stride = aligned_row_bytes(state.shape[1], num_bits)
    packed = []
    for values in (state, source):
        exact = PackedTensor.from_values(values, law).data
        padded = np.zeros((len(exact), stride), dtype=np.uint8)
        padded[:, : exact.shape[1]] = exact
        packed.append(PackedTensor(padded, state.shape[1], law))
    return PackedStep(graph, *packed)


def mean_matrix(graph: PreparedGraph) -> CSR:
    """Return D^-1 A~ with float32 values."""
    csr = graph.csr
    return CSR(csr.indptr, csr.indices, csr.num_cols, np.repeat(graph.inv_degree, csr.row_lengths))
