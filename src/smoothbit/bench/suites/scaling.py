"""Suite `scaling`: time of one propagation step against the number of nodes and of edges, over three decades.

Two sweeps of generated power-law graphs, each a case of the record for every size:

- nodes: the mean degree stays that of `--nodes` and `--edges`, which are the largest graph;
- edges: a tenth of `--nodes` stays, edges grow up to `--edges`.

The step, our own FP32 side and the checks are those of the suite `propagate`. Of the peers only the
cheap FP32 ones take part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from smoothbit.bench.request import BenchRequest
from smoothbit.bench.suites.base import SUITES, Candidates, Progress
from smoothbit.bench.suites.propagate import step_candidates
from smoothbit.errors import ArgumentError

DECADES, POINTS_PER_DECADE = 3, 2
PEER_NAMES = ("torch-sparse-mm", "scipy-csr", "mkl-csr")
BUDGET_SHARE = 1 / 4
FIXED_NODES_DIVISOR = 10
"""Nodes of the edge sweep: few enough that its largest graph is dense, its smallest nearly empty."""


@SUITES.register("scaling")
def scaling(request: BenchRequest, progress: Progress) -> Iterator[Candidates]:
    """Prepare one graph after the other."""
    if request.graph.lower() != "powerlaw":
        raise ArgumentError(
            f"Expected `graph` to be powerlaw, which can be drawn at any size (got {request.graph!r}). "
            "Leave it out, or use `--suite propagate`."
        )
    for sweep, nodes, edges in sweep_sizes(request.num_nodes, request.num_edges):
        sized = replace(request, num_nodes=nodes, num_edges=edges)
        candidates = step_candidates(sized, progress, PEER_NAMES, has_memory=False)
        candidates.case = f"{sweep} {nodes if sweep == 'nodes' else edges}"
        candidates.budget_share = BUDGET_SHARE
        yield candidates


def sweep_sizes(num_nodes: int, num_edges: int) -> list[tuple[str, int, int]]:
    """Return sweep ("nodes" or "edges"), nodes and edges of each graph, smallest first.

    Edges are even and at least 2, nodes at least 2; sizes that so become equal are left out.
    """
    steps = [10 ** (-position / POINTS_PER_DECADE) for position in range(DECADES * POINTS_PER_DECADE, -1, -1)]
    fixed = max(num_nodes // FIXED_NODES_DIVISOR, 2)
    sizes = [("nodes", max(round(num_nodes * step), 2), _even(num_edges * step)) for step in steps]
    sizes += [("edges", fixed, _even(num_edges * step)) for step in steps]
    fitting = [(sweep, nodes, min(edges, nodes * (nodes - 1))) for sweep, nodes, edges in sizes]
    return list(dict.fromkeys(fitting))


def _even(number: float) -> int:
    return max(2 * round(number / 2), 2)
