"""What a suite is, and the steps that every suite shares."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from smoothbit.bench.environment import describe_environment
from smoothbit.bench.record import BenchRecord, BenchRow, Skipped
from smoothbit.bench.request import BenchRequest
from smoothbit.bench.threads import limited_threads
from smoothbit.bench.timer import Timing, measure
from smoothbit.kernels import isa
from smoothbit.registry import Registry

OWN_FP32 = "own FP32"
BUSY_LOAD = 0.5
"""Load above the number of cores at which somebody waits."""
Progress: TypeAlias = Callable[[str, float], None]
"""Called with what is going on and the finished share of it, in [0, 1]."""


@dataclass
class Candidates:
    """Everything that one suite measures side by side.

    Args:
        graph: Name of the graph, as in the rows.
        nodes: Nodes N.
        edges: Directed edges E, added self-loops not counted.
        engine: The packed engine's callable by width.
        own_fp32: The engine's float32 side.
        peers: Peers by name.
        lowbit_peers: Names of the peers that are not float32.
        skipped: Peers left out.
        checks: What was compared.
        notes: How to read the numbers.
        peak_rss_mb: Peak memory of the engine alone by width, 10**6 bytes.
    """

    graph: str
    nodes: int
    edges: int
    engine: dict[int, Callable[[], object]]
    own_fp32: Callable[[], object]
    peers: dict[str, Callable[[], object]]
    lowbit_peers: set[str] = field(default_factory=set)
    skipped: list[Skipped] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    peak_rss_mb: dict[int, float | None] = field(default_factory=dict)


Suite: TypeAlias = Callable[[BenchRequest, Progress], Candidates]
SUITES: Registry[Suite] = Registry("suite")
"""Suites by name: functions that prepare and check everything that is then measured."""


def run_suite(request: BenchRequest, progress: Progress = lambda stage, share: None) -> BenchRecord:
    """Prepare, check and measure what `request` names.

    Args:
        request: What to measure.
        progress: Told what is going on.

    Raises:
        ArgumentError: an unknown suite or dataset, or a size out of range.
        MismatchError: a side does not compute what it should.
    """
    begin = time.perf_counter()
    suite = SUITES.resolve(request.suite)
    progress("prepare", 0.0)
    candidates = suite(request, progress)
    calls: dict[str, Callable[[], object]] = {f"INT{bits}": call for bits, call in candidates.engine.items()}
    calls |= {OWN_FP32: candidates.own_fp32, **candidates.peers}
    with limited_threads(request.num_threads):
        timings = measure(calls, request.budget_s, progress=lambda share: progress("measure", share))
    rows = [_row(request, candidates, bits, timings) for bits in request.bits]
    environment = describe_environment(request.num_threads)
    return BenchRecord(
        request,
        rows,
        environment,
        timings,
        candidates.skipped,
        candidates.checks,
        [*candidates.notes, *_warnings(environment)],
        round(time.perf_counter() - begin, 2),
    )


def _warnings(environment: Mapping[str, Any]) -> list[str]:
    """Return what makes the numbers less than they could be: no compiled code, a busy machine."""
    notice, load, cores = isa.notice(), environment["load_average"], environment["cores"]
    warnings = [] if notice is None else [notice]
    if load is not None and cores and load[0] > cores + BUSY_LOAD:
        warnings.append(f"The machine was busy (load {load[0]} on {cores} cores): other work is in these times.")
    return warnings


def _row(request: BenchRequest, candidates: Candidates, bits: int, timings: Mapping[str, Timing]) -> BenchRow:
    engine, own = timings[f"INT{bits}"], timings[OWN_FP32]
    medians = {name: timings[name].median_ms for name in candidates.peers}
    float_peers = {name: ms for name, ms in medians.items() if name not in candidates.lowbit_peers}
    lowbit_peers = {name: ms for name, ms in medians.items() if name in candidates.lowbit_peers}
    best = min(float_peers, key=lambda name: float_peers[name], default=None)
    quartiles = {name: (timings[name].q1_ms, timings[name].q3_ms) for name in candidates.peers}
    return BenchRow(
        **_identity(request, candidates),
        bits=bits,
        engine_ms=engine.median_ms,
        engine_q1_ms=engine.q1_ms,
        engine_q3_ms=engine.q3_ms,
        own_fp32_ms=own.median_ms,
        own_fp32_q1_ms=own.q1_ms,
        own_fp32_q3_ms=own.q3_ms,
        peers=medians,
        peer_quartiles=quartiles,
        best_fp32_peer=best,
        ratio_best_fp32_peer=None if best is None else round(float_peers[best] / engine.median_ms, 4),
        ratio_own_fp32=round(own.median_ms / engine.median_ms, 4),
        ratio_best_lowbit_peer=round(min(lowbit_peers.values()) / engine.median_ms, 4) if lowbit_peers else None,
        peak_rss_mb=candidates.peak_rss_mb.get(bits),
    )


def _identity(request: BenchRequest, candidates: Candidates) -> dict[str, Any]:
    return {
        "suite": request.suite.lower(),
        "graph": candidates.graph,
        "nodes": candidates.nodes,
        "edges": candidates.edges,
        "channels": request.num_channels,
        "threads": request.num_threads,
        "isa": isa.chosen(),
    }
