"""Suite `propagate`: one step of mean propagation, with its epilogue, on packed codes.

The engine's step reads packed states, takes the mean over the neighbours, mixes in the packed input
and writes packed states, exactly as `DiffuseOp` runs it inside a model::

    u' = quantize(0.9 D^-1 A~ u + 0.1 D^-1/2 z)

Our own FP32 step does the same on float32 (skip term included). Peers run the bare product
``D^-1 A~ u``: less work, as none of them fuses the rest. Every side allocates its output.
"""

from __future__ import annotations

from smoothbit import kernels
from smoothbit.bench.check import CheckedBackend, check_product, sample_rows
from smoothbit.bench.graphs import make_graph, prepare_both
from smoothbit.bench.memory import step_peak_rss_mb
from smoothbit.bench.peers import PEERS, PeerSkippedError, Product
from smoothbit.bench.record import Skipped
from smoothbit.bench.request import BenchRequest
from smoothbit.bench.step import MEAN_WEIGHT, SKIP_WEIGHT, mean_matrix, packed_step, random_states
from smoothbit.bench.suites.base import OWN_FP32, SUITES, Candidates, Progress
from smoothbit.engine import KernelBackend, PreparedGraph
from smoothbit.typing import Float32Array, Int64Array


@SUITES.register("propagate")
def propagate(request: BenchRequest, progress: Progress) -> Candidates:
    """Prepare the step at every width, our float32 step, and all peers."""
    given = make_graph(request)
    both = prepare_both(request, given.adjacency)
    graph = both.ours
    state, source = random_states(graph.num_nodes, request.num_channels, request.seed)
    candidates = Candidates(
        given.name,
        graph.num_nodes,
        given.adjacency.num_entries,
        {},
        lambda: None,
        {},
        notes=[
            "Peers run the bare product D^-1 A~ u; our steps add mixing and skip term, and the packed ones "
            "quantize and pack their output.",
            *both.notes(),
        ],
    )
    nodes = graph.order.nodes
    ours = (state, source) if graph is both.given else (state[nodes], source[nodes])
    rows = sample_rows(graph.csr, request.seed)
    _add_engine(candidates, request, graph, *ours, progress)
    _add_own_fp32(candidates, request.num_threads, graph, *ours, rows)
    product = Product(mean_matrix(both.given), state, request.num_threads)
    _add_peers(candidates, product, sample_rows(both.given.csr, request.seed), progress)
    return candidates


def _add_engine(
    candidates: Candidates,
    request: BenchRequest,
    graph: PreparedGraph,
    state: Float32Array,
    source: Float32Array,
    progress: Progress,
) -> None:
    backend, checked = KernelBackend(request.num_threads), CheckedBackend(request.num_threads, request.seed)
    for position, num_bits in enumerate(request.bits):
        progress(f"check INT{num_bits}", position / len(request.bits))
        step = packed_step(graph, state, source, num_bits)
        epilogue = step.epilogue()
        kernels.check_accumulator(graph.max_degree, step.state.law.qmax)
        step.bind(checked, epilogue)()
        candidates.engine[num_bits] = step.bind(backend, epilogue)
        candidates.peak_rss_mb[num_bits] = step_peak_rss_mb(step, request.num_threads)
    candidates.checks.append(
        f"{checked.checked_rows} sampled rows of the packed steps equal the NumPy reference, bit for bit."
    )


def _add_own_fp32(
    candidates: Candidates,
    num_threads: int,
    graph: PreparedGraph,
    state: Float32Array,
    source: Float32Array,
    rows: Int64Array,
) -> None:
    bare = kernels.spmm_f32(graph.csr, state, row_scale=graph.inv_degree, num_threads=num_threads)
    check_product(OWN_FP32, bare[rows], mean_matrix(graph), state, rows)
    skip = source * graph.rsqrt_degree[:, None]
    candidates.own_fp32 = lambda: kernels.spmm_f32(
        graph.csr,
        state,
        row_scale=graph.inv_degree,
        scale=MEAN_WEIGHT,
        skip=skip,
        skip_scale=SKIP_WEIGHT,
        num_threads=num_threads,
    )


def _add_peers(candidates: Candidates, product: Product, rows: Int64Array, progress: Progress) -> None:
    names = PEERS.names()
    for position, name in enumerate(names):
        progress(f"check {name}", position / len(names))
        try:
            peer = PEERS.resolve(name)(product)
        except PeerSkippedError as reason:
            candidates.skipped.append(Skipped(name, str(reason)))
            continue
        peer.check(name, rows)
        candidates.peers[name] = peer.call
        if peer.num_bits != 32:
            candidates.lowbit_peers.add(name)
    count = len(candidates.peers)
    candidates.checks.append(
        f"{count} peers agree with float64 on {len(rows)} sampled rows, within the bound of rounding."
    )
