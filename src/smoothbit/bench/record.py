"""The record of a measurement: rows with a fixed schema, and everything needed to judge them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from smoothbit.bench.request import BenchRequest
from smoothbit.bench.timer import Timing

SCHEMA = "smoothbit-bench/1"


@dataclass(frozen=True)
class BenchRow:
    """One width on one graph; all times in milliseconds, ratios as "times faster than".

    Args:
        suite: Suite that measured.
        graph: Name of the graph.
        nodes: Nodes N.
        edges: Directed edges E without the self-loops that propagation adds.
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
        ratio_best_fp32_peer: Its time over the engine's, or None.
        ratio_own_fp32: Own float32 time over the engine's.
        ratio_best_lowbit_peer: Time of the fastest low-bit peer of any width over the engine's, or None.
        peak_rss_mb: Peak resident memory of a process that runs the engine alone, 10**6 bytes, or None.
    """

    suite: str
    graph: str
    nodes: int
    edges: int
    channels: int
    bits: int
    threads: int
    isa: str
    engine_ms: float
    engine_q1_ms: float
    engine_q3_ms: float
    own_fp32_ms: float
    own_fp32_q1_ms: float
    own_fp32_q3_ms: float
    peers: dict[str, float]
    peer_quartiles: dict[str, tuple[float, float]]
    best_fp32_peer: str | None
    ratio_best_fp32_peer: float | None
    ratio_own_fp32: float
    ratio_best_lowbit_peer: float | None
    peak_rss_mb: float | None

    def verdict(self) -> str:
        """Return one plain sentence: faster or slower, than what, by how much."""
        if self.best_fp32_peer is None or self.ratio_best_fp32_peer is None:
            return f"INT{self.bits}: no FP32 peer ran, {_times(self.ratio_own_fp32)} than our own FP32."
        return (
            f"INT{self.bits}: {_times(self.ratio_best_fp32_peer)} than the best FP32 peer "
            f"({self.best_fp32_peer}), {_times(self.ratio_own_fp32)} than our own FP32."
        )


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
        rows: One row for each width.
        environment: Machine and versions.
        timings: Summary of each measured callable, with its number of samples.
        skipped: Peers that were not measured.
        checks: What was compared before timing.
        notes: How to read the numbers.
        seconds: Wall-clock time of the whole call.
    """

    request: BenchRequest
    rows: list[BenchRow]
    environment: dict[str, object]
    timings: dict[str, Timing]
    skipped: list[Skipped] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def to_json(self) -> dict[str, object]:
        """Return the record as plain JSON values; paths of this machine are left out."""
        record = asdict(self)
        record["request"].pop("data_root")
        record["request"]["bits"] = list(self.request.bits)
        return {"schema": SCHEMA, "kind": "bench", "verdicts": [row.verdict() for row in self.rows], **record}


def _times(ratio: float) -> str:
    return f"{ratio:.2f} times faster" if ratio >= 1 else f"{1 / ratio:.2f} times SLOWER"
