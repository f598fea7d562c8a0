"""Suite `model`: a whole network from features at rest to scores.

The network is SMPNet's shape with random weights: Linear, ReLU, Linear, then K steps of linear
propagation at width F. Peers are the same FP32 network in plain torch and in PyG. Quantized scores
of random weights mean nothing, so what is checked is every primitive, not the accuracy.
"""

from __future__ import annotations

import numpy as np

from smoothbit.bench.check import CheckedBackend, MismatchError
from smoothbit.bench.graphs import BothGraphs, make_graph, prepare_both
from smoothbit.bench.network import RandomNetwork, random_network
from smoothbit.bench.networks import NETWORKS
from smoothbit.bench.paper import NOTE
from smoothbit.bench.peers import PeerSkippedError
from smoothbit.bench.record import Skipped
from smoothbit.bench.request import BenchRequest
from smoothbit.bench.suites.base import SUITES, Candidates, Progress
from smoothbit.engine import KernelBackend, PreparedGraph, Session, run_plan
from smoothbit.numerics.features import Features

SCORE_TOLERANCE = 1e-4
"""Of the largest score: the rounding error of about 1000 float32 additions in a row, 1000 * 2**-24 = 6e-5."""


@SUITES.register("model")
def model(request: BenchRequest, progress: Progress) -> list[Candidates]:
    """Prepare the packed network at every width, its float32 plan, and the peers' networks."""
    given = make_graph(request)
    both, features = prepare_both(request, given.adjacency), given.features_or_random(request.seed)
    network = random_network(features, request.num_channels, request.seed)
    candidates = Candidates(
        given.name,
        both.given.num_nodes,
        given.adjacency.num_entries,
        {},
        Session(network.float_plan(), both.ours, features, request.num_threads).run,
        {},
        notes=[network.describe(), NOTE, *both.notes()],
        is_in_paper=True,
    )
    _add_engine(candidates, request, both, features, network, progress)
    _add_peers(candidates, request, both.given, features, network, progress)
    return [candidates]


def _add_engine(
    candidates: Candidates,
    request: BenchRequest,
    both: BothGraphs,
    features: Features,
    network: RandomNetwork,
    progress: Progress,
) -> None:
    checked = CheckedBackend(request.num_threads, request.seed)
    for position, num_bits in enumerate(request.bits):
        progress(f"check INT{num_bits}", position / len(request.bits))
        plan = network.packed_plan(num_bits, both.given, features)
        run_plan(plan, both.ours, features, checked)
        candidates.engine[num_bits] = Session(plan, both.ours, features, request.num_threads).run
    candidates.checks.append(
        f"{checked.checked_rows} sampled rows, over all operations, equal the NumPy reference, bit for bit."
    )


def _add_peers(
    candidates: Candidates,
    request: BenchRequest,
    graph: PreparedGraph,
    features: Features,
    network: RandomNetwork,
    progress: Progress,
) -> None:
    wanted = run_plan(network.float_plan(), graph, features, KernelBackend(request.num_threads)).scores
    bound = SCORE_TOLERANCE * float(np.abs(wanted).max())
    names = NETWORKS.names()
    for position, name in enumerate(names):
        progress(f"check {name}", position / len(names))
        try:
            call = NETWORKS.resolve(name)(network, graph, features)
        except PeerSkippedError as reason:
            candidates.skipped.append(Skipped(name, str(reason)))
            continue
        error = float(np.abs(np.asarray(call()) - wanted).max())
        if not error <= bound:
            raise MismatchError(
                f"Expected `{name}` to give the scores of our FP32 plan within {bound:.3g} "
                f"(got {error:.3g}). Its time is not comparable."
            )
        candidates.peers[name] = call
    count = len(candidates.peers)
    candidates.checks.append(f"{count} peers give the scores of our FP32 plan within {bound:.2g}.")
