"""Suite `features`: the sparse input layer, `quantize(relu(X W))`, on codes of W gathered by the nonzeros of X.

X [N, F] are the features of a data set (Cora, CS, ...), W [F, channels] is random. Rows name the stored
entries of X as `edges`. Our own FP32 and the peers run the bare product ``X W``: less work, as none of
them fuses ReLU and quantization. Ours run prepared, as in a session.

A generated graph has random binary features: in each row `ONES_PER_ROW` different ones of `NUM_FEATURES`
columns, all columns alike, the row divided by its sum. That is Cora's shape without its frequent words.
"""

from __future__ import annotations

import numpy as np

from smoothbit import kernels
from smoothbit.bench.check import check_product, sample_rows
from smoothbit.bench.graphs import BenchGraph, make_graph
from smoothbit.bench.layer import KeepingBackend, bind_sparse_layer, packed_layer, random_weight
from smoothbit.bench.network import input_law
from smoothbit.bench.peers import Product
from smoothbit.bench.replay import NOTE as REPLAY_NOTE
from smoothbit.bench.replay import prepared
from smoothbit.bench.request import BenchRequest
from smoothbit.bench.step import gathered_bytes
from smoothbit.bench.suites.base import OWN_FP32, SUITES, Candidates, Progress, add_peers
from smoothbit.data.transforms import row_normalized
from smoothbit.errors import ArgumentError
from smoothbit.formats.schema import FeaturesOp
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.features import Features
from smoothbit.typing import Float32Array

NUM_FEATURES, ONES_PER_ROW = 1433, 18
"""Columns, and mean number of ones in a row, of Cora."""
PEER_NAMES = (
    "torch-sparse-mm", "scipy-csr", "mkl-csr", "pyg-edge-index",
    "torch-embedding-bag-int8", "torch-embedding-bag-int4", "torch-embedding-bag-int2",
)  # fmt: skip
"""Peers that take a matrix that is not square."""
GENERATED = ("powerlaw", "sbm")


@SUITES.register("features")
def features(request: BenchRequest, progress: Progress) -> list[Candidates]:
    """Prepare the layer at every width, our float32 product, and the peers."""
    name, given = _features(request)
    matrix = _matrix(given)
    weight = random_weight(given.num_features, request.num_channels, request.seed)
    rows = sample_rows(matrix, request.seed)
    pattern = CSR(matrix.indptr, matrix.indices, matrix.num_cols, _values(given))
    outputs = kernels.spmm_f32(pattern, weight, row_scale=given.row_scale, num_threads=request.num_threads)
    check_product(OWN_FP32, outputs[rows], matrix, weight, rows)
    candidates = Candidates(
        name,
        given.num_nodes,
        matrix.num_entries,
        {},
        prepared(lambda: kernels.spmm_f32(pattern, weight, row_scale=given.row_scale, num_threads=request.num_threads)),
        {},
        notes=[
            f"Layer: {given.num_features:,} features, {matrix.num_entries:,} stored entries (`edges` of the rows; "
            f"{matrix.num_entries / max(given.num_nodes, 1):.1f} a node), {request.num_channels} outputs, random "
            "weights.",
            "Peers and our own FP32 run the bare product X W; the packed layer also applies ReLU, quantizes and packs.",
            REPLAY_NOTE,
        ],
        rows_read=matrix.num_entries,
    )
    if request.graph.lower() in GENERATED:
        candidates.notes.append(
            f"Features: {ONES_PER_ROW} ones at random places of {NUM_FEATURES:,} columns in each row, divided by "
            "their number."
        )
    _add_engine(candidates, request, given, weight, outputs, progress)
    add_peers(candidates, Product(matrix, weight, request.num_threads), rows, progress, PEER_NAMES)
    return [candidates]


def _features(request: BenchRequest) -> tuple[str, Features]:
    if request.graph.lower() in GENERATED:
        return f"random-{NUM_FEATURES}", random_binary_features(request.num_nodes, request.seed)
    graph: BenchGraph = make_graph(request)
    if graph.features is None or not graph.features.is_sparse:
        raise ArgumentError(
            f"Expected `graph` to be a data set with sparse features (got {graph.name!r}, whose features are dense). "
            "Use Cora or CS, or `--suite gemm`."
        )
    return graph.name, graph.features


def random_binary_features(num_nodes: int, seed: int) -> Features:
    """Return features with `ONES_PER_ROW` ones at random places of each row, divided by their number."""
    generator = np.random.default_rng(seed)
    step = NUM_FEATURES // ONES_PER_ROW  # one place in each of equal strips: different, without drawing again
    offsets = generator.integers(step, size=(num_nodes, ONES_PER_ROW))
    columns = offsets + np.arange(ONES_PER_ROW) * step
    indptr = np.arange(num_nodes + 1, dtype=np.int64) * ONES_PER_ROW
    return row_normalized(CSR(indptr, columns.astype(np.int32).reshape(-1), NUM_FEATURES))


def _values(given: Features) -> Float32Array | None:
    assert isinstance(given.matrix, CSR)
    return given.matrix.values


def _matrix(given: Features) -> CSR:
    """Return X with its row factors multiplied into float32 values, as the peers need it."""
    matrix = given.matrix
    assert isinstance(matrix, CSR)
    values = np.ones(matrix.num_entries, np.float32) if matrix.values is None else matrix.values
    if given.row_scale is not None:
        values = values * given.row_scale[matrix.entry_rows()]
    return CSR(matrix.indptr, matrix.indices, matrix.num_cols, values)


def _add_engine(
    candidates: Candidates,
    request: BenchRequest,
    given: Features,
    weight: Float32Array,
    outputs: Float32Array,
    progress: Progress,
) -> None:
    checked = KeepingBackend(request.num_threads, request.seed)
    for position, num_bits in enumerate(request.bits):
        progress(f"check INT{num_bits}", position / len(request.bits))
        op = packed_layer(weight, outputs, num_bits)
        features_op = FeaturesOp(0, given.num_features, input_law(given, num_bits))
        candidates.engine[num_bits] = prepared(bind_sparse_layer(given, features_op, op, checked))
        assert isinstance(given.matrix, CSR)
        row_bytes = kernels.aligned_row_bytes(request.num_channels, num_bits)
        moved = gathered_bytes(given.matrix, row_bytes)
        candidates.bytes_moved[num_bits] = moved + given.num_nodes * row_bytes
    candidates.checks.append(
        f"{checked.checked_rows} sampled rows of the packed layers equal the NumPy reference, bit for bit."
    )
