"""What to measure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from smoothbit.engine import ORDERS
from smoothbit.errors import ArgumentError
from smoothbit.numerics.qtype import check_num_bits

CHANNELS = 128
"""Channels where a suite names none."""
SUITE_CHANNELS = {"features": 64, "gemm": 64}
"""Channels of the suites whose output is a hidden layer."""


def default_channels(suite: str) -> int:
    """Return the channels that `smoothbit bench` takes for a suite when none are given."""
    return SUITE_CHANNELS.get(suite.lower(), CHANNELS)


@dataclass(frozen=True)
class BenchRequest:
    """Arguments of `smoothbit bench`.

    Args:
        suite: Registered name, e.g. "propagate".
        graph: "powerlaw", "sbm", or the name of a dataset.
        num_nodes: Nodes N of a generated graph.
        num_edges: Directed edges E of a generated graph, self-loops not counted; even.
        num_channels: Channels F that are propagated; columns of the product in `features` and `gemm`.
        bits: Widths to measure, each 1, 2, 4 or 8.
        num_threads: Threads of every side, >= 1.
        seed: Seed of graph and values, >= 0.
        data_root: Folder of datasets, or None.
        budget_s: Seconds for each measured callable.
        num_rows: Rows of the product that `gemm` measures.
        depth: Inner dimension of that product.
        has_ceilings: Whether to measure what the memory of the machine can do, for the roofline figure.
        order: Registered order of nodes for the engine's sides; peers get the graph as it is.

        coding: What the steps of `propagate` send: "plain" states or "delta"s.

    Raises:
        ArgumentError: a number is outside its range, no width is given, there is no such order, or the suite
            has no such coding.
    """

    suite: str = "propagate"
    graph: str = "powerlaw"
    num_nodes: int = 169_343
    num_edges: int = 2_315_598
    num_channels: int = CHANNELS
    bits: tuple[int, ...] = (2, 4, 8)
    num_threads: int = 1
    seed: int = 0
    data_root: Path | None = None
    budget_s: float = 6.0
    num_rows: int = 19_712
    depth: int = 512
    has_ceilings: bool = False
    order: str = "none"
    coding: str = "plain"

    def __post_init__(self) -> None:
        for name in ("num_nodes", "num_channels", "num_threads", "num_rows", "depth"):
            value = getattr(self, name)
            if value < 1:
                raise ArgumentError(f"Expected `{name}` to be >= 1 (got {value}). Use a larger number.")
        if not self.bits or len(set(self.bits)) != len(self.bits):
            got = list(self.bits)
            raise ArgumentError(f"Expected `bits` to be different widths (got {got}). Use 2, 4, 8.")
        for num_bits in self.bits:
            check_num_bits(num_bits)
        ORDERS.resolve(self.order)
        codings = ("plain", "delta") if self.suite.lower() == "propagate" else ("plain",)
        if self.coding not in codings:
            raise ArgumentError(
                f"Expected `coding` to be one of {', '.join(codings)} for the suite {self.suite} "
                f"(got {self.coding!r}). Use the suite propagate for delta."
            )
