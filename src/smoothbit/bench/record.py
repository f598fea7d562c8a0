"""The record of a measurement: rows with a fixed schema, and everything needed to judge them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from smoothbit.bench.ceilings import Ceiling
from smoothbit.bench.request import BenchRequest
from smoothbit.bench.timer import Timing

SCHEMA = "smoothbit-bench/2"


@dataclass(frozen=True)
class MemoryFigure:
    """Peak resident memory of one side, in a process of its own.

    Args:
        peak_mb: Peak of the whole process, 10**6 bytes.
        imports_mb: Peak of the same process when its imports were done, 10**6 bytes.
    """

    peak_mb: float
    imports_mb: float

    @property
    def above_imports_mb(self) -> float:
        """What the work itself added to the peak, 10**6 bytes."""
        return round(self.peak_mb - self.imports_mb, 1)


@dataclass(frozen=True)
class BenchRow:
    """One width of one case; times in milliseconds, ratios as "times faster than".

    A suite that has nothing to say about a field leaves it None.

    Args:
        suite: Suite that measured.
        graph: Name of the graph.
        nodes: Nodes N; rows of the product in `gemm`.
        edges: Directed edges E without the self-loops that propagation adds; stored entries of X in
            `features`; 0 in `gemm`.
        channels: Channels F.
        bits: Width of the codes.
        threads: Threads of every side.
        isa: Instruction set of the engine.
        engine_ms: Median time of the packed engine.
        engine_q1_ms: First quartile.
        engine_q3_ms: Third quartile.
        own_fp32_ms: Median time of the float32 side of the engine.
        own_fp32_q1_ms: First quartile.
        own_fp32_q3_ms: Third quartile.
        peers: Median times by peer.
        peer_quartiles: First and third quartiles by peer.
        best_fp32_peer: Fastest float32 peer, or None when none ran.
        ratio_best_fp32_peer: Its time over the engine's.
        ratio_own_fp32: Own float32 time over the engine's.
        ratio_best_lowbit_peer: Time of the fastest low-bit peer of any width over the engine's.
        peak_rss_mb: Peak resident memory of a process that runs the engine alone, 10**6 bytes.
        case: What the row is about, in a suite that measures several things on one graph; else "".
        ns_per_row: Median time of the packed engine over the rows it reads (in a sparse product the gathered
            ones, self-loops included), nanoseconds.
        bytes_moved: Bytes that the packed engine reads and writes, each gathered row as often as it is read.
        gb_per_s: Those bytes over the engine's time, 10**9 bytes a second.
        ratio_paper: What the paper reports for this width over full precision, on its own machine.
        memory: Peak memory of each side, by side.
        ratio_peak_rss: Peak memory of each other side over that of the engine, by side.
    """

    suite: str
    graph: str
    nodes: int
    edges: int
    channels: int
    bits: int
    threads: int
    isa: str
    engine_ms: float | None
    engine_q1_ms: float | None
    engine_q3_ms: float | None
    own_fp32_ms: float | None
    own_fp32_q1_ms: float | None
    own_fp32_q3_ms: float | None
    peers: dict[str, float]
    peer_quartiles: dict[str, tuple[float, float]]
    best_fp32_peer: str | None
    ratio_best_fp32_peer: float | None
    ratio_own_fp32: float | None
    ratio_best_lowbit_peer: float | None
    peak_rss_mb: float | None
    case: str = ""
    ns_per_row: float | None = None
    bytes_moved: int | None = None
    gb_per_s: float | None = None
    ratio_paper: float | None = None
    memory: dict[str, MemoryFigure] | None = None
    ratio_peak_rss: dict[str, float] | None = None

    def verdict(self) -> str:
        """Return one plain sentence: faster or slower, than what, by how much."""
        name = f"{self.case}, INT{self.bits}" if self.case else f"INT{self.bits}"
        if self.ratio_peak_rss is not None:
            return f"{name}: {self._memory_verdict()}"
        against = []
        if self.best_fp32_peer is not None and self.ratio_best_fp32_peer is not None:
            against.append(f"{_times(self.ratio_best_fp32_peer)} than the best FP32 peer ({self.best_fp32_peer})")
        if self.ratio_own_fp32 is not None:
            against.append(f"{_times(self.ratio_own_fp32)} than our own FP32")
        if self.best_fp32_peer is None and self.ratio_own_fp32 is None and self.ratio_best_lowbit_peer is not None:
            against.append(f"{_times(self.ratio_best_lowbit_peer)} than the best low-bit peer")
        elif self.best_fp32_peer is None:
            against.insert(0, "no FP32 peer ran")
        return f"{name}: {', '.join(against)}."

    def _memory_verdict(self) -> str:
        ratios = self.ratio_peak_rss or {}
        parts = [f"{_share(ratio)} of {side}" for side, ratio in ratios.items()]
        peak = "unknown" if self.peak_rss_mb is None else f"{self.peak_rss_mb:.1f} MB"
        return f"peak memory {peak}{', ' if parts else ''}{', '.join(parts)}."


@dataclass(frozen=True)
class Skipped:
    """A peer that was not measured, and why."""

    peer: str
    reason: str


@dataclass(frozen=True)
class BenchRecord:
    """All that one `smoothbit bench` measured.

    Args:
        request: What was asked for.
        rows: One row for each width of each case.
        environment: Machine and versions.
        timings: Summary of each measured callable, with its number of samples.
        skipped: Peers that were not measured.
        checks: What was compared before timing.
        notes: How to read the numbers.
        seconds: Wall-clock time of the whole call.
        ceilings: What the memory of the machine can do, when asked for.
    """

    request: BenchRequest
    rows: list[BenchRow]
    environment: dict[str, object]
    timings: dict[str, Timing]
    skipped: list[Skipped] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    ceilings: list[Ceiling] = field(default_factory=list)

    def to_json(self) -> dict[str, object]:
        """Return the record as plain JSON values; paths of this machine are left out."""
        record = asdict(self)
        record["request"].pop("data_root")
        record["request"]["bits"] = list(self.request.bits)
        return {"schema": SCHEMA, "kind": "bench", "verdicts": [row.verdict() for row in self.rows], **record}


def _times(ratio: float) -> str:
    return f"{ratio:.2f} times faster" if ratio >= 1 else f"{1 / ratio:.2f} times SLOWER"


def _share(ratio: float) -> str:
    return f"1/{ratio:.2f}" if ratio >= 1 else f"{1 / ratio:.2f} times that"
