"""Order `locality`: clusters of nodes that point to each other, longest rows first inside each.

What limits a big graph is where its gathered rows come from. Two things bring them nearer: hubs side
by side (order `degree`) and nodes next to their neighbours (clusters). The right mixture depends on
the graph, so it is measured: of the sampled entries, how many point to one of the `NEAR_ROWS` longest
rows of their own cluster? No cluster at all is one of the candidates, and then this is order `degree`.

Clusters come from votes. Each node starts with `NUM_BALLOTS` random bits; in each round it takes, ballot
by ballot, the bit that most neighbours hold. Communities come to agree, each pair of them on other
ballots, so that the ballots of a node spell the address of its community. A round is one step of mean
propagation at one bit, so the engine's own kernel counts the votes: 4 bytes a node, exact and the same
on every machine.
"""

from __future__ import annotations

import numpy as np

from smoothbit import kernels
from smoothbit.engine.order.base import ORDERS, stable_order
from smoothbit.engine.order.degree import degree_order
from smoothbit.kernels import Epilogue, Term
from smoothbit.numerics.affine import per_tensor_law
from smoothbit.numerics.csr import CSR
from smoothbit.typing import AnyArray, Float32Array, Int32Array, Int64Array, UInt8Array

NEAR_ROWS = 1 << 14
"""Rows that a near cache holds: 512 KiB at 2 bits and 128 channels. Smaller graphs need no clusters."""
NUM_BALLOTS = 32
MAX_ROUNDS = 30
SETTLED_SHARE = 0.02
"""Share of changed bits below which the votes are in."""
STALLED_SHARE = 0.985
"""A round that changes more than this share of what the last one changed leads nowhere..."""
FIRST_STALL = 6
"""...unless it is an early one: until then, few nodes have a neighbourhood with an opinion."""
MAX_DEPTH = 16
"""Ballots in an address, so at most 65,536 clusters."""
NUM_SAMPLES = 1 << 16


@ORDERS.register("locality")
def locality_order(graph: CSR) -> Int32Array:
    """Return nodes by cluster, and by falling row length inside a cluster.

    Reference: Raghavan et al. 2007, "Near linear time algorithm to detect community structures in
        large-scale networks". Departure: many votes between two labels, whose global majority is
        subtracted, instead of one vote between N labels: no labels to sort and count.
    """
    if graph.num_rows <= NEAR_ROWS:
        return degree_order(graph)
    cluster = best_clusters(graph, vote(graph))
    first = degree_order(graph)
    return first[stable_order(cluster[first])].astype(np.int32)


def vote(graph: CSR) -> UInt8Array:
    """Return the ballots of each node [N, NUM_BALLOTS / 8], packed bits, after the last round."""
    ballots = _random_bits(graph.num_rows)
    degree = graph.row_lengths
    inv_degree = (1.0 / degree).astype(np.float32)
    sample = np.arange(0, graph.num_rows, 1 + graph.num_rows // NUM_SAMPLES)
    last_change = 1.0
    for count in range(MAX_ROUNDS):
        epilogue = _majority(ballots, inv_degree, _mean(ballots[sample], degree[sample]))
        following = np.empty_like(ballots)
        kernels.spmm(graph, ballots, 1, epilogue, out=following)
        change = float(np.unpackbits(following[sample] ^ ballots[sample]).mean())
        ballots = following
        if change < SETTLED_SHARE or (count >= FIRST_STALL and change > STALLED_SHARE * last_change):
            break
        last_change = change
    return ballots


def best_clusters(graph: CSR, ballots: UInt8Array) -> Int64Array:
    """Return the cluster of each node [N]: its first ballots, as many as serve most entries."""
    entries = np.arange(0, graph.num_entries, 1 + graph.num_entries // NUM_SAMPLES)
    rows = np.searchsorted(graph.indptr, entries, side="right") - 1
    sources = graph.indices[entries]
    address = _address(ballots, rows, sources)
    falling = graph.row_lengths.max() - graph.row_lengths
    served = [_served_share(address >> (MAX_DEPTH - depth), falling, rows, sources) for depth in range(MAX_DEPTH + 1)]
    return address >> (MAX_DEPTH - int(np.argmax(served)))


def _random_bits(num_nodes: int) -> UInt8Array:
    """Return NUM_BALLOTS / 8 bytes for each node: a hash of its number.

    Reference: Steele et al. 2014, "Fast splittable pseudorandom number generators" (the finalizer). NumPy does not
        promise that its generators give the same numbers for ever; this does.
    """
    state = np.arange(1, num_nodes + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
    return np.ascontiguousarray(state.astype("<u8").view(np.uint8).reshape(num_nodes, 8)[:, : NUM_BALLOTS // 8])


def _mean(ballots: UInt8Array, degree: Int64Array) -> AnyArray:
    """Return the share of each ballot's votes for 1 [NUM_BALLOTS], float64: a node votes in each of its rows."""
    bits = np.unpackbits(ballots, axis=1, bitorder="little")
    mean: AnyArray = (degree[:, None] * bits).sum(axis=0) / degree.sum()
    return mean


def _majority(ballots: UInt8Array, inv_degree: Float32Array, mean: AnyArray) -> Epilogue:
    """Return the epilogue that turns counted votes into bits: 1 where more neighbours than on average hold 1.

    Half of the node's own vote, which the self-loop counts, is taken back: a leaf then follows its one
    neighbour. Without the global mean, everybody would come to agree on everything.
    """
    one = np.ones(NUM_BALLOTS, dtype=np.float32)
    return Epilogue(
        NUM_BALLOTS,
        col_scale=one,
        row_term=np.ones_like(inv_degree),
        col_term=np.float32(0.25) * one,
        row_scale=inv_degree,
        col_bias=(0.5 - mean).astype(np.float32),
        terms=(Term(ballots, 1, np.float32(-0.5) * one, 0 * one, inv_degree),),
        output=per_tensor_law(1, 1.0),
    )


def _address(ballots: UInt8Array, rows: Int64Array, sources: Int32Array) -> Int64Array:
    """Return the ballots of each node as one number, the most telling ballot first [N], int64.

    A ballot tells much when the ends of an edge agree more often than two nodes drawn by degree do.
    """
    ends = np.unpackbits(ballots[sources], axis=1, bitorder="little")
    agreement = (ends == np.unpackbits(ballots[rows], axis=1, bitorder="little")).mean(axis=0)
    mean = ends.mean(axis=0)
    telling = np.argsort(-(agreement - mean**2 - (1 - mean) ** 2), kind="stable")
    address = np.zeros(len(ballots), dtype=np.int64)
    for ballot in telling[:MAX_DEPTH]:
        address <<= 1
        address |= (ballots[:, ballot // 8] >> (ballot % 8)) & 1
    return address


def _served_share(cluster: Int64Array, falling: Int64Array, rows: Int64Array, sources: Int32Array) -> float:
    """Return the share of entries whose source is one of the NEAR_ROWS longest rows of the row's own cluster.

    Ranks inside a cluster are estimated from every n-th node; nodes of one degree come by number.
    """
    num_nodes, span = len(cluster), int(falling.max()) + 1
    stride = 1 + num_nodes // NUM_SAMPLES

    def place(nodes: AnyArray) -> AnyArray:
        return ((cluster[nodes] * span + falling[nodes]) << 4) + (nodes.astype(np.int64) << 4) // num_nodes

    table = np.sort(place(np.arange(0, num_nodes, stride)))
    start = np.searchsorted(table, (cluster[sources] * span) << 4)
    rank = (np.searchsorted(table, place(sources)) - start) * stride
    return float(((cluster[rows] == cluster[sources]) & (rank < NEAR_ROWS)).mean())
