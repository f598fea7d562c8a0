"""Suite `kernels`: the primitives alone, each at each width, as cases of one record.

| case | what | our own FP32 | bytes |
|---|---|---|---|
| pack | codes [N, F], one byte each, to b bits | | both matrices |
| unpack | back | | both matrices |
| requantize | 0.9 x + 0.1 y of packed x and y, packed | the same on float32 | three matrices |
| spmm | rows of the graph added, divided by the degree, packed | the same on float32 | gathered rows, graph, output |
| spmm weighted | the same with an int8 weight for each edge | the same on float32 | likewise |
| gather | 256 uniformly random rows added for each output row | the same on float32 | likewise |

`memcpy` is a copy of the codes [N, F] (pack, unpack) or of a float32 matrix [N, F] (all others): it does
other work and only sets a scale. Every side allocates its output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from smoothbit import kernels as operators
from smoothbit.bench.check import CheckedBackend, MismatchError, check_product, sample_rows
from smoothbit.bench.graphs import BenchGraph, make_graph
from smoothbit.bench.peers import Product
from smoothbit.bench.primitive_peers import Calls, add_peers_of, pack_peers, unpack_peers
from smoothbit.bench.record import Skipped
from smoothbit.bench.request import BenchRequest
from smoothbit.bench.step import (
    MEAN_WEIGHT,
    SKIP_WEIGHT,
    STATE_BOUND,
    gathered_bytes,
    pack_rows,
    random_states,
)
from smoothbit.bench.suites.base import OWN_FP32, SUITES, Candidates, Progress, add_peers
from smoothbit.engine import KernelBackend, PreparedGraph
from smoothbit.engine.values import term
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.kernels import Epilogue
from smoothbit.numerics import packing
from smoothbit.numerics.affine import AffineLaw, law_from_range
from smoothbit.numerics.csr import CSR
from smoothbit.typing import Float32Array, Int16Array, UInt8Array

BUDGET_SHARE = 1 / 3
ROWS_PER_SUM = 256
"""Gathered rows for each output row of `gather`: writing takes no share then."""
WEIGHT_BOUND = 127
WEIGHT_STEP = 1 / 128
BAGS = ("torch-embedding-bag-int8", "torch-embedding-bag-int4", "torch-embedding-bag-int2")
SPARSE_PEERS = {
    "spmm": ("torch-sparse-mm", "dgl-copy-u-sum", *BAGS),
    "spmm weighted": ("torch-sparse-mm", "mkl-csr"),
    "gather": ("torch-sparse-mm", *BAGS),
}


@SUITES.register("kernels")
def kernels(request: BenchRequest, progress: Progress) -> Iterator[Candidates]:
    """Prepare and check one primitive after the other."""
    given = make_graph(request)
    graph = PreparedGraph(given.adjacency)
    states = random_states(graph.num_nodes, request.num_channels, request.seed)
    yield _codes_case("pack", given, request, states[0])
    yield _codes_case("unpack", given, request, states[0])
    yield _requantize(given, request, *states)
    sums = {
        "spmm": _Sums(graph.csr, graph.inv_degree),
        "spmm weighted": _weighted(graph, request.seed),
        "gather": _uniform(graph, request.seed),
    }
    for name, product in sums.items():
        yield _sparse_case(name, given, request, product, states[0], progress)


def _case(
    name: str, given: BenchGraph, own_fp32: Callable[[], object] | None, copied: UInt8Array | Float32Array
) -> Candidates:
    return Candidates(
        given.name,
        given.adjacency.num_rows,
        given.adjacency.num_entries,
        {},
        own_fp32,
        {"memcpy": copied.copy},
        references={"memcpy"},
        notes=["memcpy copies the codes (pack, unpack) or a float32 matrix (all others): a scale, not a rival."],
        case=name,
        budget_share=BUDGET_SHARE,
    )


def _add_lowbit(candidates: Candidates, found: tuple[Calls, list[Skipped]]) -> None:
    calls, skipped = found
    candidates.peers |= calls
    candidates.lowbit_peers |= {name for name in calls if name.rpartition("-")[2].startswith("int")}
    candidates.skipped.extend(skipped)


def _law(num_bits: int) -> AffineLaw:
    return law_from_range(np.array(-STATE_BOUND), np.array(STATE_BOUND), num_bits)


def _codes_case(name: str, given: BenchGraph, request: BenchRequest, values: Float32Array) -> Candidates:
    """Prepare `pack` or `unpack`; they compute no reals, so there is no FP32 side."""
    generator = np.random.default_rng(request.seed)
    wide = generator.integers(256, size=values.shape, dtype=np.uint8)
    candidates = _case(name, given, None, wide)
    for num_bits in request.bits:
        codes = wide >> np.uint8(8 - num_bits)
        packed = packing.pack(codes, num_bits)
        calls = {
            "pack": partial(operators.pack, codes, num_bits, num_threads=request.num_threads),
            "unpack": partial(operators.unpack, packed, num_bits, values.shape[1], num_threads=request.num_threads),
        }
        call = calls[name]
        if not np.array_equal(call(), packed if name == "pack" else codes):
            raise MismatchError(
                f"Expected `{name}` at {num_bits} bits to equal the NumPy reference (got other bytes). "
                "Report it with the output of `smoothbit bench --json -`."
            )
        candidates.engine[num_bits] = call
        candidates.bytes_moved[num_bits] = codes.nbytes + packed.nbytes
    peers = pack_peers if name == "pack" else unpack_peers
    _add_lowbit(candidates, peers(values, wide >> np.uint8(7)))
    candidates.checks.append("all bytes equal the NumPy reference.")
    return candidates


def _requantize(given: BenchGraph, request: BenchRequest, first: Float32Array, second: Float32Array) -> Candidates:
    backend, checked = KernelBackend(request.num_threads), CheckedBackend(request.num_threads, request.seed)
    num_rows = len(first)
    floats = Epilogue(first.shape[1], terms=(term(first, MEAN_WEIGHT), term(second, SKIP_WEIGHT)))
    candidates = _case("requantize", given, lambda: backend.combine(num_rows, floats), first)
    for num_bits in request.bits:
        law = _law(num_bits)
        packed = [pack_rows(values, law) for values in (first, second)]
        terms = tuple(term(matrix, weight) for matrix, weight in zip(packed, (MEAN_WEIGHT, SKIP_WEIGHT), strict=True))
        epilogue = Epilogue(first.shape[1], terms=terms, output=law)
        checked.combine(num_rows, epilogue)
        candidates.engine[num_bits] = partial(backend.combine, num_rows, epilogue)
        candidates.bytes_moved[num_bits] = 3 * packed[0].data.nbytes
    _add_lowbit(candidates, add_peers_of(first, second))
    candidates.checks.append(f"{checked.checked_rows} sampled rows equal the NumPy reference, bit for bit.")
    return candidates


@dataclass(frozen=True)
class _Sums:
    """A gather-and-add: rows of a graph, the factor of each row, and the integer factor of each entry."""

    graph: CSR
    scale: Float32Array
    weights: Int16Array | None = None

    def values(self) -> Float32Array | None:
        """Return the real factor of each entry [E], or None when every factor is 1."""
        return None if self.weights is None else (self.weights * WEIGHT_STEP).astype(np.float32)

    def matrix(self) -> CSR:
        """Return the bare product's matrix, row factors multiplied in."""
        values, graph = self.values(), self.graph
        factors = np.repeat(self.scale, graph.row_lengths)
        return CSR(graph.indptr, graph.indices, graph.num_cols, factors if values is None else factors * values)

    def epilogue(self, packed: PackedTensor) -> Epilogue:
        """Return what turns sums of codes into the mean, packed by the same law."""
        step, offset = packed.law.folded(1.0, packed.num_channels)
        if self.weights is None:
            return Epilogue(
                packed.num_channels, col_scale=step, row_scale=self.scale, col_bias=offset, output=packed.law
            )
        rows = self.graph.entry_rows()
        sums = np.bincount(rows, weights=self.weights, minlength=self.graph.num_rows).astype(np.float32)
        unit = np.float32(WEIGHT_STEP)
        return Epilogue(
            packed.num_channels,
            col_scale=unit * step,
            row_term=sums,
            col_term=unit * offset,
            row_scale=self.scale,
            output=packed.law,
        )


def _weighted(graph: PreparedGraph, seed: int) -> _Sums:
    generator = np.random.default_rng(seed)
    weights = generator.integers(-WEIGHT_BOUND, WEIGHT_BOUND + 1, size=graph.csr.num_entries).astype(np.int16)
    return _Sums(graph.csr, graph.inv_degree, weights)


def _uniform(graph: PreparedGraph, seed: int) -> _Sums:
    num_sums = max(graph.csr.num_entries // ROWS_PER_SUM, 1)
    places = np.random.default_rng(seed).integers(graph.num_nodes, size=num_sums * ROWS_PER_SUM).astype(np.int32)
    indptr = np.arange(num_sums + 1, dtype=np.int64) * ROWS_PER_SUM
    return _Sums(CSR(indptr, places, graph.num_nodes), np.full(num_sums, 1 / ROWS_PER_SUM, dtype=np.float32))


def _sparse_case(
    name: str, given: BenchGraph, request: BenchRequest, sums: _Sums, state: Float32Array, progress: Progress
) -> Candidates:
    own = CSR(sums.graph.indptr, sums.graph.indices, sums.graph.num_cols, sums.values())
    threads = request.num_threads
    candidates = _case(
        name, given, lambda: operators.spmm_f32(own, state, row_scale=sums.scale, num_threads=threads), state
    )
    matrix, rows = sums.matrix(), sample_rows(sums.graph, request.seed)
    check_product(OWN_FP32, np.asarray(candidates.calls()[OWN_FP32]())[rows], matrix, state, rows)
    _add_packed_sums(candidates, request, sums, state)
    add_peers(candidates, Product(matrix, state, threads), rows, progress, SPARSE_PEERS[name])
    return candidates


def _add_packed_sums(candidates: Candidates, request: BenchRequest, sums: _Sums, state: Float32Array) -> None:
    backend, checked = KernelBackend(request.num_threads), CheckedBackend(request.num_threads, request.seed)
    graph, weights = sums.graph, sums.weights
    longest = int(graph.row_lengths.max(initial=0))
    for num_bits in request.bits:
        packed = pack_rows(state, _law(num_bits))
        operators.check_accumulator(longest, packed.law.qmax, 1 if weights is None else WEIGHT_BOUND)
        arguments = (graph, packed.data, num_bits, weights, sums.epilogue(packed))
        checked.spmm(*arguments)
        candidates.engine[num_bits] = partial(backend.spmm, *arguments)
        row_bytes = int(packed.data.shape[1])
        moved = gathered_bytes(graph, row_bytes) + graph.num_rows * row_bytes
        candidates.bytes_moved[num_bits] = moved + (0 if weights is None else weights.nbytes)
    candidates.rows_read = graph.num_entries
    candidates.checks.append(f"{checked.checked_rows} sampled rows equal the NumPy reference, bit for bit.")
