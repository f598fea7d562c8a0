"""Suite `propagate`: one step of mean propagation, with its epilogue, on packed codes.

The engine's step reads packed states, takes the mean over the neighbours, mixes in the packed input
and writes packed states, exactly as `DiffuseOp` runs it inside a model::

    u' = quantize(0.9 D^-1 A~ u + 0.1 D^-1/2 z)

With ``coding="delta"`` it is the step of a delta-coded propagation (`kernels.delta`), which sends the
quantized difference. Our own FP32 step does the same on float32 (skip term included). Peers run the bare product
``D^-1 A~ u``: less work, as none of them fuses the rest. Ours run prepared, as in a session.
"""

from __future__ import annotations

from collections.abc import Iterable

from smoothbit import kernels
from smoothbit.bench.check import CheckedBackend, check_product, sample_rows
from smoothbit.bench.graphs import make_graph, prepare_both
from smoothbit.bench.memory import step_peak_rss_mb
from smoothbit.bench.paper import NOTE
from smoothbit.bench.peers import Product
from smoothbit.bench.replay import NOTE as REPLAY_NOTE
from smoothbit.bench.replay import prepared
from smoothbit.bench.request import BenchRequest
from smoothbit.bench.step import (
    MEAN_WEIGHT,
    SKIP_WEIGHT,
    PackedStep,
    delta_propagation,
    mean_matrix,
    packed_step,
    random_states,
)
from smoothbit.bench.suites.base import OWN_FP32, SUITES, Candidates, Progress, add_peers
from smoothbit.engine import KernelBackend, PreparedGraph
from smoothbit.numerics.aligned import aligned_copy
from smoothbit.typing import Float32Array, Int64Array


@SUITES.register("propagate")
def propagate(request: BenchRequest, progress: Progress) -> list[Candidates]:
    """Prepare the step at every width, our float32 step, and all peers."""
    candidates = step_candidates(request, progress)
    if request.coding == "plain":
        candidates.is_in_paper = True
        candidates.notes.append(NOTE)
    return [candidates]


def step_candidates(
    request: BenchRequest, progress: Progress, peers: Iterable[str] | None = None, has_memory: bool = True
) -> Candidates:
    """Prepare one step on the graph of `request`.

    Args:
        request: Graph, channels, widths, threads, seed.
        progress: Told what is going on.
        peers: Names of the peers, or None for all.
        has_memory: Whether to measure the peak memory of a process that runs the packed step.
    """
    given = make_graph(request)
    both = prepare_both(request, given.adjacency)
    graph = both.ours
    state, source = random_states(graph.num_nodes, request.num_channels, request.seed)
    candidates = Candidates(
        given.name,
        graph.num_nodes,
        given.adjacency.num_entries,
        {},
        None,
        {},
        notes=[
            "Peers run the bare product D^-1 A~ u; our steps add mixing and skip term, and the packed ones "
            "quantize and pack their output.",
            *both.notes(),
            REPLAY_NOTE,
        ],
        rows_read=graph.csr.num_entries,
    )
    if graph is not both.given:
        nodes = graph.order.nodes
        ours = aligned_copy(state[nodes]), aligned_copy(source[nodes])
    else:
        ours = state, source
    rows = sample_rows(graph.csr, request.seed)
    add_engine = _add_delta_engine if request.coding == "delta" else _add_engine
    steps = add_engine(candidates, request, graph, *ours, progress)
    if has_memory:
        peaks = {bits: step_peak_rss_mb(step, request.num_threads) for bits, step in steps.items()}
        candidates.peak_rss_mb.update(peaks)
    _add_own_fp32(candidates, request.num_threads, graph, *ours, rows)
    product = Product(mean_matrix(both.given), state, request.num_threads)
    add_peers(candidates, product, sample_rows(both.given.csr, request.seed), progress, peers)
    return candidates


def _add_engine(
    candidates: Candidates,
    request: BenchRequest,
    graph: PreparedGraph,
    state: Float32Array,
    source: Float32Array,
    progress: Progress,
) -> dict[int, PackedStep]:
    steps = {}
    backend, checked = KernelBackend(request.num_threads), CheckedBackend(request.num_threads, request.seed)
    for position, num_bits in enumerate(request.bits):
        progress(f"check INT{num_bits}", position / len(request.bits))
        step = packed_step(graph, state, source, num_bits)
        epilogue = step.epilogue()
        kernels.check_accumulator(graph.max_degree, step.state.law.qmax)
        step.bind(checked, epilogue)()
        candidates.engine[num_bits] = prepared(step.bind(backend, epilogue))
        candidates.bytes_moved[num_bits] = step.bytes_moved()
        steps[num_bits] = step
    candidates.checks.append(
        f"{checked.checked_rows} sampled rows of the packed steps equal the NumPy reference, bit for bit."
    )
    return steps


def _add_delta_engine(
    candidates: Candidates,
    request: BenchRequest,
    graph: PreparedGraph,
    state: Float32Array,
    source: Float32Array,
    progress: Progress,
) -> dict[int, PackedStep]:
    """Prepare the delta-coded step at every width; its peak memory is not measured."""
    candidates.case = request.coding
    candidates.notes.append(
        "The packed steps are delta-coded: they gather the codes of a difference, add it to messages and sums "
        "(int16; int32 where a row needs it), and quantize and pack the next difference."
    )
    backend, checked = KernelBackend(request.num_threads), CheckedBackend(request.num_threads, request.seed)
    for position, num_bits in enumerate(request.bits):
        progress(f"check INT{num_bits}", position / len(request.bits))
        steps = delta_propagation(graph, state, source, num_bits)
        kernels.check_accumulator(graph.max_degree, steps.bound())
        steps.bind(checked)()
        candidates.engine[num_bits] = prepared(steps.bind(backend))
        candidates.bytes_moved[num_bits] = steps.bytes_moved()
    candidates.checks.append(
        f"{checked.checked_rows} sampled rows of the delta-coded steps equal the NumPy reference, bit for bit."
    )
    return {}


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
    skip = aligned_copy(source * graph.rsqrt_degree[:, None])
    candidates.own_fp32 = prepared(
        lambda: kernels.spmm_f32(
            graph.csr,
            state,
            row_scale=graph.inv_degree,
            scale=MEAN_WEIGHT,
            skip=skip,
            skip_scale=SKIP_WEIGHT,
            num_threads=num_threads,
        )
    )
