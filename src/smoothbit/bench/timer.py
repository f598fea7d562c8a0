"""Interleaved timing: every callable is measured in turn, round after round, on one clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from smoothbit.errors import ArgumentError

MIN_FAST_SAMPLES = 30
"""Samples of a callable that fits its budget; quartiles of fewer are mostly noise."""
MAX_SAMPLES = 300
MIN_SLOW_SAMPLES = 3
"""Samples of a callable that does not fit its budget: the least that has quartiles."""
SHORTEST_SAMPLE_MS = 2.0
"""A sample repeats its call until it lasts this long: what the callable before left in caches and branch predictors is
then a small part of it (a step of 12 us on Cora read 15 us in samples of 0.2 ms)."""
PRIMING_LIMIT_MS = 250.0
"""Slower calls stream far more than any cache holds, so a call before the sample changes nothing."""

ONE_CALL_LIMIT_MS = 20_000.0
"""A callable that takes longer is called once only; that call is its one sample."""


@dataclass(frozen=True)
class Timing:
    """How long one call takes.

    Args:
        median_ms: Median over samples, milliseconds.
        q1_ms: First quartile, milliseconds.
        q3_ms: Third quartile, milliseconds.
        samples: Number of samples.
        calls_per_sample: Calls in each sample; the times are per call.
    """

    median_ms: float
    q1_ms: float
    q3_ms: float
    samples: int
    calls_per_sample: int

    @classmethod
    def from_samples(cls, samples_ms: list[float], calls_per_sample: int = 1) -> Timing:
        """Return the summary of times per call, in milliseconds; there must be at least one."""
        q1, median, q3 = (float(q) for q in np.percentile(samples_ms, [25, 50, 75]))
        return cls(round(median, 6), round(q1, 6), round(q3, 6), len(samples_ms), calls_per_sample)


@dataclass
class _Course:
    """One callable's plan and what was measured so far."""

    call: Callable[[], object]
    estimate_ms: float
    num_samples: int
    calls_per_sample: int
    samples_ms: list[float]

    def is_due(self, position: int, num_rounds: int) -> bool:
        """Return whether the callable's evenly spread samples include round `position`."""
        return (position + 1) * self.num_samples // num_rounds > position * self.num_samples // num_rounds

    def sample(self, clock_ns: Callable[[], int]) -> None:
        """Add one sample, after an unmeasured call that brings the callable's own data into the caches."""
        if self.estimate_ms < PRIMING_LIMIT_MS:
            self.call()
        start = clock_ns()
        for _ in range(self.calls_per_sample):
            self.call()
        self.samples_ms.append((clock_ns() - start) * 1e-6 / self.calls_per_sample)


def measure(
    calls: Mapping[str, Callable[[], object]],
    budget_s: float = 6.0,
    *,
    clock_ns: Callable[[], int] = time.perf_counter_ns,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Timing]:
    """Time several callables side by side.

    Rounds go through all callables, beginning one further each time, so that a slow phase of the
    machine meets all of them. A callable that is too slow for a sample in every round takes part
    in evenly spread rounds. Before each sample of a fast one stands an unmeasured call: it then
    finds its data where it would be inside a chain of layers, whoever ran before.

    Args:
        calls: Callables by name.
        budget_s: Seconds for each callable, unmeasured calls included; the least number of samples is
            taken in any case.
        clock_ns: Monotonic clock, nanoseconds.
        progress: Called with the finished share of the work, in [0, 1].

    Returns:
        Timings by name, in the order of `calls`.

    Raises:
        ArgumentError: `budget_s` is not positive.
    """
    if not budget_s > 0:
        raise ArgumentError(f"Expected `budget_s` to be > 0 (got {budget_s}). Use 6 seconds a callable.")
    courses = {name: _plan(call, budget_s, clock_ns) for name, call in calls.items()}
    num_rounds = max((course.num_samples for course in courses.values()), default=0)
    names = list(courses)
    for position in range(num_rounds):
        first = position % len(names)
        for name in names[first:] + names[:first]:
            if courses[name].is_due(position, num_rounds):
                courses[name].sample(clock_ns)
        if progress is not None:
            progress((position + 1) / num_rounds)
    return {name: Timing.from_samples(c.samples_ms, c.calls_per_sample) for name, c in courses.items()}


def _plan(call: Callable[[], object], budget_s: float, clock_ns: Callable[[], int]) -> _Course:
    """Warm up, estimate the time of a call and fix the number of samples."""
    estimates: list[float] = []
    while len(estimates) < 2 or (len(estimates) < 5 and sum(estimates) < PRIMING_LIMIT_MS):
        start = clock_ns()
        call()
        estimates.append((clock_ns() - start) * 1e-6)
        if estimates[0] > ONE_CALL_LIMIT_MS:
            return _Course(call, estimates[0], 0, 1, estimates)
    estimate_ms = max(min(estimates[1:]), 1e-6)
    calls = max(1, round(SHORTEST_SAMPLE_MS / estimate_ms))
    round_ms = estimate_ms * (calls + (estimate_ms < PRIMING_LIMIT_MS))
    affordable = int(budget_s * 1e3 / round_ms)
    least = MIN_FAST_SAMPLES if affordable >= MIN_FAST_SAMPLES else MIN_SLOW_SAMPLES
    return _Course(call, estimate_ms, min(max(affordable, least), MAX_SAMPLES), calls, [])
