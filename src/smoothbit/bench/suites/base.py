"""What a suite is, and the steps that every suite shares."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from smoothbit.bench.ceilings import measure_ceilings
from smoothbit.bench.environment import describe_environment
from smoothbit.bench.paper import SPEEDUPS
from smoothbit.bench.peers import PEERS, PeerSkippedError, Product
from smoothbit.bench.record import BenchRecord, BenchRow, MemoryFigure, Skipped
from smoothbit.bench.request import BenchRequest
from smoothbit.bench.threads import limited_threads
from smoothbit.bench.timer import Timing, measure
from smoothbit.kernels import isa
from smoothbit.registry import Registry
from smoothbit.typing import Int64Array

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
        own_fp32: The engine's float32 side, or None where there is none.
        peers: Peers by name.
        lowbit_peers: Names of the peers that are not float32.
        references: Names of the peers that do other work and only set a scale, e.g. a plain copy.
        skipped: Peers left out.
        checks: What was compared.
        notes: How to read the numbers.
        peak_rss_mb: Peak memory of the engine alone by width, 10**6 bytes.
        case: What is measured, where a suite has several cases; else "".
        bytes_moved: Bytes that a call of the engine reads and writes, by width.
        rows_read: Rows that a call reads: the gathered ones of a sparse product; None for N.
        memory: Peak memory by width and side; the engine's side is `ENGINE`.
        budget_share: Share of the budget that each callable has.
        is_in_paper: Whether the paper's speed-ups stand beside the rows.
    """

    graph: str
    nodes: int
    edges: int
    engine: dict[int, Callable[[], object]]
    own_fp32: Callable[[], object] | None
    peers: dict[str, Callable[[], object]]
    lowbit_peers: set[str] = field(default_factory=set)
    references: set[str] = field(default_factory=set)
    skipped: list[Skipped] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    peak_rss_mb: dict[int, float | None] = field(default_factory=dict)
    case: str = ""
    bytes_moved: dict[int, int] = field(default_factory=dict)
    rows_read: int | None = None
    memory: dict[int, dict[str, MemoryFigure]] = field(default_factory=dict)
    budget_share: float = 1.0
    is_in_paper: bool = False

    def calls(self) -> dict[str, Callable[[], object]]:
        """Return everything that is timed, by name."""
        calls: dict[str, Callable[[], object]] = {f"INT{bits}": call for bits, call in self.engine.items()}
        if self.own_fp32 is not None:
            calls[OWN_FP32] = self.own_fp32
        return calls | self.peers


ENGINE = "engine"
Suite: TypeAlias = Callable[[BenchRequest, Progress], Iterable[Candidates]]
SUITES: Registry[Suite] = Registry("suite")
"""Suites by name: functions that prepare and check everything that is then measured, case by case.

Each case is measured before the next one is asked for, so that a generator holds one in memory."""


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
    record = BenchRecord(request, [], {}, {})
    for candidates in suite(request, progress):
        _measure_case(record, candidates, progress)
    with limited_threads(request.num_threads):
        ceilings = (
            measure_ceilings(request.num_threads, lambda share: progress("ceilings", share))
            if request.has_ceilings
            else []
        )
    environment = describe_environment(request.num_threads)
    return BenchRecord(
        request,
        record.rows,
        environment,
        record.timings,
        record.skipped,
        record.checks,
        [*record.notes, *_warnings(environment)],
        round(time.perf_counter() - begin, 2),
        ceilings,
    )


def add_peers(
    candidates: Candidates,
    product: Product,
    rows: Int64Array,
    progress: Progress,
    names: Iterable[str] | None = None,
) -> None:
    """Prepare and check peers of a sparse product; those that do not run are noted with the reason.

    Args:
        candidates: Where they go.
        product: What they compute.
        rows: Rows that are compared with float64.
        progress: Told what is going on.
        names: Peers, or None for all.

    Raises:
        MismatchError: a peer computes something else.
    """
    chosen = PEERS.names() if names is None else [name for name in names if name in PEERS.names()]
    for position, name in enumerate(chosen):
        progress(f"check {name}", position / len(chosen))
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


def _measure_case(record: BenchRecord, candidates: Candidates, progress: Progress) -> None:
    """Time one case and add what it gives to the record."""
    request, case = record.request, candidates.case
    stage = f"measure {case}" if case else "measure"
    with limited_threads(request.num_threads):
        budget_s = request.budget_s * candidates.budget_share
        timings = measure(candidates.calls(), budget_s, progress=lambda share: progress(stage, share))
    record.rows.extend(_row(request, candidates, bits, timings) for bits in request.bits if _has(candidates, bits))
    record.timings.update({f"{case}: {name}" if case else name: timing for name, timing in timings.items()})
    record.skipped.extend(entry for entry in candidates.skipped if entry not in record.skipped)
    record.checks.extend(f"{case}: {check}" if case else check for check in candidates.checks)
    record.notes.extend(note for note in candidates.notes if note not in record.notes)


def _has(candidates: Candidates, bits: int) -> bool:
    return bits in candidates.engine or bits in candidates.memory


def _warnings(environment: Mapping[str, Any]) -> list[str]:
    """Return what makes the numbers less than they could be: no compiled code, a busy machine."""
    notice, load, cores = isa.notice(), environment["load_average"], environment["cores"]
    warnings = [] if notice is None else [notice]
    if load is not None and cores and load[0] > cores + BUSY_LOAD:
        warnings.append(f"The machine was busy (load {load[0]} on {cores} cores): other work is in these times.")
    return warnings


def _row(request: BenchRequest, candidates: Candidates, bits: int, timings: Mapping[str, Timing]) -> BenchRow:
    engine, own = timings.get(f"INT{bits}"), timings.get(OWN_FP32)
    medians = {name: timings[name].median_ms for name in candidates.peers}
    rivals = {name: ms for name, ms in medians.items() if name not in candidates.references}
    float_peers = {name: ms for name, ms in rivals.items() if name not in candidates.lowbit_peers}
    lowbit = min((ms for name, ms in rivals.items() if name in candidates.lowbit_peers), default=None)
    best = min(float_peers, key=lambda name: float_peers[name], default=None)
    return BenchRow(
        **_identity(request, candidates),
        **_times("engine", engine),
        **_times("own_fp32", own),
        **_memory(candidates, bits),
        **_rates(candidates, bits, engine),
        bits=bits,
        peers=medians,
        peer_quartiles={name: (timings[name].q1_ms, timings[name].q3_ms) for name in candidates.peers},
        best_fp32_peer=best,
        ratio_best_fp32_peer=_ratio(None if best is None else float_peers[best], engine),
        ratio_own_fp32=_ratio(None if own is None else own.median_ms, engine),
        ratio_best_lowbit_peer=_ratio(lowbit, engine),
        ratio_paper=SPEEDUPS.get(bits) if candidates.is_in_paper else None,
    )


def _times(side: str, timing: Timing | None) -> dict[str, Any]:
    parts = {"ms": "median_ms", "q1_ms": "q1_ms", "q3_ms": "q3_ms"}
    return {f"{side}_{name}": None if timing is None else getattr(timing, part) for name, part in parts.items()}


def _ratio(other_ms: float | None, engine: Timing | None) -> float | None:
    if other_ms is None or engine is None:
        return None
    return round(other_ms / engine.median_ms, 4)


def _memory(candidates: Candidates, bits: int) -> dict[str, Any]:
    sides = candidates.memory.get(bits)
    if sides is None:
        return {"peak_rss_mb": candidates.peak_rss_mb.get(bits)}
    engine = sides.get(ENGINE)
    peak = None if engine is None else engine.peak_mb
    ratios = {name: round(side.peak_mb / peak, 4) for name, side in sides.items() if peak and name != ENGINE}
    return {"peak_rss_mb": peak, "memory": sides, "ratio_peak_rss": ratios}


def _rates(candidates: Candidates, bits: int, engine: Timing | None) -> dict[str, Any]:
    moved = candidates.bytes_moved.get(bits)
    rows = candidates.nodes if candidates.rows_read is None else candidates.rows_read
    if engine is None or rows == 0:
        return {"bytes_moved": moved}
    rate = None if moved is None else round(moved / (1e6 * engine.median_ms), 4)
    return {"ns_per_row": round(1e6 * engine.median_ms / rows, 4), "bytes_moved": moved, "gb_per_s": rate}


def _identity(request: BenchRequest, candidates: Candidates) -> dict[str, Any]:
    return {
        "suite": request.suite.lower(),
        "graph": candidates.graph,
        "case": candidates.case,
        "nodes": candidates.nodes,
        "edges": candidates.edges,
        "channels": request.num_channels,
        "threads": request.num_threads,
        "isa": isa.chosen(),
    }
