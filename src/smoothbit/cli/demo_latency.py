"""Latency of the demo's models, engine against PyG, interleaved in one measurement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from smoothbit.bench.threads import limited_threads
from smoothbit.bench.timer import measure
from smoothbit.bench.trained_peer import pyg_networks
from smoothbit.cli.output import progress_bar
from smoothbit.data import Dataset
from smoothbit.engine import PreparedGraph, load
from smoothbit.nn import Network


def time_models(
    models: Mapping[int, Path], network: Network, data: Dataset, threads: int, budget_s: float
) -> dict[str, Any]:
    """Time packed models and the FP32 network in PyG, from features at rest to class scores.

    Args:
        models: Packed models by width.
        network: Trained FP32 network.
        data: Graph and features.
        threads: Threads of every side.
        budget_s: Seconds for each side.

    Returns:
        Timings "engine" by width, name and timing of the fastest "peer", medians "peers_ms".
    """
    prepared = PreparedGraph(data.adjacency)
    peers = pyg_networks(network, prepared, data.features)
    calls: dict[str, Callable[[], object]] = {**peers}
    for width, path in models.items():
        calls[f"engine-{width}"] = _engine_call(path, prepared, data, threads)
    with limited_threads(threads), progress_bar("Timing", 100) as advance:
        timings = measure(calls, budget_s, progress=lambda share: advance(int(100 * share), ""))
    best = min(peers, key=lambda name: timings[name].median_ms)
    return {
        "engine": {width: timings[f"engine-{width}"] for width in models},
        "peer": best,
        "peer_timing": timings[best],
        "peers_ms": {name: timings[name].median_ms for name in peers},
    }


def _engine_call(path: Path, graph: PreparedGraph, data: Dataset, threads: int) -> Callable[[], object]:
    return load(path).session(graph, data.features, num_threads=threads).run
