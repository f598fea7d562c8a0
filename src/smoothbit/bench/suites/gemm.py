"""Suite `gemm`: a dense linear layer, `quantize(relu(X W))`, with X and W at width b.

X [rows, depth] and W [depth, channels] are random; `--rows`, `--depth` and `--channels` say their sizes.
JSON rows name `rows` as `nodes`; `edges` is 0. Our own FP32 is the BLAS product that the engine's float32
plan calls. Peers and our own FP32 run the bare product. Ours run prepared, as in a session; all sides write all of
it: ours packed codes, torch float32, bfloat16 or int32.
"""

from __future__ import annotations

import numpy as np

from smoothbit import kernels
from smoothbit.bench.layer import KeepingBackend, bind_dense_layer, packed_layer, random_weight
from smoothbit.bench.matrix_peers import MATRIX_PEERS
from smoothbit.bench.peers import PeerSkippedError
from smoothbit.bench.record import Skipped
from smoothbit.bench.replay import NOTE as REPLAY_NOTE
from smoothbit.bench.replay import prepared
from smoothbit.bench.request import BenchRequest
from smoothbit.bench.step import STATE_BOUND, pack_rows, random_states
from smoothbit.bench.suites.base import SUITES, Candidates, Progress
from smoothbit.engine import KernelBackend
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.numerics.affine import law_from_range
from smoothbit.typing import Float32Array


@SUITES.register("gemm")
def gemm(request: BenchRequest, progress: Progress) -> list[Candidates]:
    """Prepare the product at every width, the engine's float32 product, and the peers."""
    source, _ = random_states(request.num_rows, request.depth, request.seed)
    weight = random_weight(request.depth, request.num_channels, request.seed)
    backend = KernelBackend(request.num_threads)
    candidates = Candidates(
        "random-dense",
        request.num_rows,
        0,
        {},
        prepared(lambda: backend.matmul_f32(source, weight)),
        {},
        notes=[
            f"Product: {request.num_rows:,} x {request.depth} by {request.depth} x {request.num_channels}; "
            "`nodes` of the rows are the rows of the product.",
            "Peers and our own FP32 (NumPy's BLAS) run the bare product; the packed one also applies ReLU, "
            "quantizes and packs. bfloat16 counts among the low-bit peers.",
            REPLAY_NOTE,
        ],
    )
    _add_engine(candidates, request, source, weight, backend.matmul_f32(source, weight), progress)
    _add_peers(candidates, source, weight, request.seed, progress)
    return [candidates]


def _add_engine(
    candidates: Candidates,
    request: BenchRequest,
    source: Float32Array,
    weight: Float32Array,
    outputs: Float32Array,
    progress: Progress,
) -> None:
    checked = KeepingBackend(request.num_threads, request.seed)
    for position, num_bits in enumerate(request.bits):
        progress(f"check INT{num_bits}", position / len(request.bits))
        op = packed_layer(weight, outputs, num_bits)
        packed = pack_rows(source, law_from_range(np.array(-STATE_BOUND), np.array(STATE_BOUND), num_bits))
        candidates.engine[num_bits] = prepared(bind_dense_layer(packed, op, checked))
        assert isinstance(op.weight, PackedTensor)
        written = request.num_rows * kernels.aligned_row_bytes(request.num_channels, num_bits)
        candidates.bytes_moved[num_bits] = packed.data.nbytes + op.weight.data.nbytes + written
    candidates.checks.append(
        f"{checked.checked_rows} sampled rows of the packed products equal the NumPy reference, bit for bit."
    )


def _add_peers(
    candidates: Candidates, source: Float32Array, weight: Float32Array, seed: int, progress: Progress
) -> None:
    names = MATRIX_PEERS.names()
    for position, name in enumerate(names):
        progress(f"check {name}", position / len(names))
        try:
            peer = MATRIX_PEERS.resolve(name)(source, weight)
        except PeerSkippedError as reason:
            candidates.skipped.append(Skipped(name, str(reason)))
            continue
        peer.check(name, seed)
        candidates.peers[name] = peer.call
        if not peer.is_float32:
            candidates.lowbit_peers.add(name)
    candidates.checks.append(
        f"{len(candidates.peers)} peers agree with float64 on sampled rows, within the bound of rounding."
    )
