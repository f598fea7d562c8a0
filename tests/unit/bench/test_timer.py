from __future__ import annotations

import pytest

from smoothbit.bench.timer import MAX_SAMPLES, MIN_FAST_SAMPLES, MIN_SLOW_SAMPLES, Timing, measure
from smoothbit.errors import ArgumentError


class FakeClock:
    """A clock that only the measured calls move."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.order: list[str] = []

    def __call__(self) -> int:
        return self.now_ns

    def task(self, name: str, duration_ms: float):
        def call() -> None:
            self.order.append(name)
            self.now_ns += int(duration_ms * 1e6)

        return call


def test_medians_are_the_time_of_one_call():
    clock = FakeClock()
    calls = {"fast": clock.task("fast", 1.0), "tiny": clock.task("tiny", 0.01), "slow": clock.task("slow", 900)}
    timings = measure(calls, 2.0, clock_ns=clock)
    assert {name: timing.median_ms for name, timing in timings.items()} == {"fast": 1.0, "tiny": 0.01, "slow": 900}
    assert list(timings) == ["fast", "tiny", "slow"]


def test_fast_calls_get_many_samples_and_slow_ones_few():
    clock = FakeClock()
    timings = measure({"fast": clock.task("f", 1.0), "slow": clock.task("s", 5000)}, 1.0, clock_ns=clock)
    assert MIN_FAST_SAMPLES <= timings["fast"].samples <= MAX_SAMPLES
    assert timings["slow"].samples == MIN_SLOW_SAMPLES


def test_short_calls_are_repeated_within_a_sample():
    clock = FakeClock()
    timing = measure({"tiny": clock.task("t", 0.01)}, 1.0, clock_ns=clock)["tiny"]
    assert timing.calls_per_sample == 200


def test_callables_take_turns_and_rounds_begin_one_further():
    clock = FakeClock()
    names = ("a", "b", "c")
    measure({name: clock.task(name, 300) for name in names}, 0.5, clock_ns=clock)
    assert "".join(clock.order[-9:]) == "abcbcacab"


def test_a_slow_callable_takes_part_in_evenly_spread_rounds():
    clock = FakeClock()
    measure({"f": clock.task("f", 20), "s": clock.task("s", 400)}, 1.2, clock_ns=clock)
    measured = "".join(clock.order)
    last = [position for position, name in enumerate(measured) if name == "s"][-3:]
    assert last[1] - last[0] == pytest.approx(last[2] - last[1], abs=4)


def test_progress_runs_to_one():
    clock, shares = FakeClock(), []
    measure({"a": clock.task("a", 1.0)}, 0.1, clock_ns=clock, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_what_takes_very_long_is_called_once():
    clock = FakeClock()
    timings = measure({"fast": clock.task("f", 1.0), "pyg": clock.task("p", 57_000)}, 0.1, clock_ns=clock)
    assert timings["pyg"] == Timing(57_000, 57_000, 57_000, 1, 1)
    assert clock.order.count("p") == 1


def test_quartiles():
    assert Timing.from_samples([1.0, 2.0, 3.0, 4.0, 5.0]) == Timing(3.0, 2.0, 4.0, 5, 1)


def test_nothing_to_measure():
    assert measure({}) == {}


def test_budget_must_be_positive():
    with pytest.raises(ArgumentError, match=r"Expected `budget_s` to be > 0 \(got 0\)"):
        measure({}, 0)
