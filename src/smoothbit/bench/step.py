"""One step of mean propagation on packed states, as the engine runs it inside a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from smoothbit.engine import Backend, PreparedGraph
from smoothbit.engine.backend import aligned_rows
from smoothbit.engine.values import term
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.kernels import DeltaStep, Epilogue, delta_state
from smoothbit.numerics.affine import AffineLaw, law_from_range, per_tensor_law
from smoothbit.numerics.aligned import aligned_copy
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

    def bytes_moved(self) -> int:
        """Return the bytes that a step reads and writes, each gathered row as often as it is read."""
        states = self.source.data.nbytes + self.state.data.nbytes  # the output has the size of the state
        return gathered_bytes(self.graph.csr, int(self.state.data.shape[1])) + states


@dataclass(frozen=True)
class DeltaPropagation:
    """Two steps of a delta-coded propagation: the one that starts it, and any other of the middle.

    The sums are as large as those of ten steps whose scales halve every other step, from 16 units to 1.

    Args:
        graph: Prepared graph.
        codes: Codes of a difference [N, F], packed.
        source: z [N, F], packed.
    """

    graph: PreparedGraph
    codes: PackedTensor
    source: PackedTensor

    def bind(self, backend: Backend) -> Callable[[], object]:
        """Run the first step and return the other one as a callable, which may be repeated."""
        law, channels = self.codes.law, self.codes.num_channels
        half, zero = np.float32(law.scale[0] / 2), np.float32(0)
        epilogue = Epilogue(
            channels,
            col_scale=np.full(channels, np.float32(MEAN_WEIGHT) * half, np.float32),
            row_scale=self.graph.inv_degree,
            terms=(term(self.source, SKIP_WEIGHT, self.graph.rsqrt_degree),),
            output=law,
        )
        center = int(2 * (law.zero_point[0] + law.phase[0]))
        first = DeltaStep(epilogue, 4, center, True, zero, zero, zero, half)
        bits, csr = law.num_bits, self.graph.csr
        state = backend.delta_state(csr, channels, bits, self.bound())
        backend.delta_step(csr, self.codes.data, bits, state, first)
        step = replace(first, exponent=0, is_first=False)
        return lambda: backend.delta_step(csr, self.codes.data, bits, state, step)

    def bound(self) -> int:
        """Return the largest magnitude of a message after the ten steps: twice 16 + 8 + 4 + 2 + 1 of the largest."""
        return 2 * 31 * self.codes.law.qmax

    def bytes_moved(self) -> int:
        """Return the bytes that a step reads and writes, each gathered row as often as it is read."""
        state = delta_state(self.graph.csr, self.codes.num_channels, self.codes.law.num_bits, self.bound())
        is_narrow = state.slots < 0
        states = state.messages.nbytes + state.sums[0].nbytes * int(is_narrow.sum()) + state.wide_sums.nbytes
        gathered = gathered_bytes(self.graph.csr, int(self.codes.data.shape[1]))
        return int(gathered + 2 * states + self.source.data.nbytes + 2 * self.codes.data.nbytes)


def delta_propagation(
    graph: PreparedGraph, state: Float32Array, source: Float32Array, num_bits: int
) -> DeltaPropagation:
    """Quantize the states by a grid around 0, and pack them at the row stride that the engine uses."""
    qmax = (1 << num_bits) - 1
    codes = pack_rows(state, per_tensor_law(num_bits, 2 * STATE_BOUND / qmax, qmax // 2, 0.5))
    return DeltaPropagation(graph, codes, packed_step(graph, state, source, num_bits).source)


def random_states(num_nodes: int, num_channels: int, seed: int) -> tuple[Float32Array, Float32Array]:
    """Return two float32 matrices [N, F] that start on cache lines, uniform in [-STATE_BOUND, STATE_BOUND]."""
    generator = np.random.default_rng(seed)
    first, second = (
        (generator.random((num_nodes, num_channels), dtype=np.float32) - np.float32(0.5)) * np.float32(2 * STATE_BOUND)
        for _ in range(2)
    )
    return aligned_copy(first), aligned_copy(second)


def packed_step(graph: PreparedGraph, state: Float32Array, source: Float32Array, num_bits: int) -> PackedStep:
    """Quantize and pack the states at the row stride that the engine uses."""
    law = law_from_range(np.array(-STATE_BOUND), np.array(STATE_BOUND), num_bits)
    return PackedStep(graph, pack_rows(state, law), pack_rows(source, law))


def pack_rows(values: Float32Array, law: AffineLaw) -> PackedTensor:
    """Quantize and pack a matrix [N, F] into rows as the engine lays them out."""
    exact, num_channels = PackedTensor.from_values(values, law).data, values.shape[1]
    return PackedTensor(aligned_rows(exact, num_channels, law.num_bits), num_channels, law)


def gathered_bytes(graph: CSR, row_bytes: int) -> int:
    """Return the bytes of row starts, columns and gathered rows that one product with `graph` reads."""
    return graph.indptr.nbytes + graph.indices.nbytes + graph.num_entries * row_bytes


def mean_matrix(graph: PreparedGraph) -> CSR:
    """Return D^-1 A~ with float32 values."""
    csr = graph.csr
    return CSR(csr.indptr, csr.indices, csr.num_cols, np.repeat(graph.inv_degree, csr.row_lengths))
