"""Counts the comparisons of the parity suite and prints them by operator and ISA at the end."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from smoothbit.kernels import isa
from tests.cases.kernel_case import Guarded

_comparisons: Counter[tuple[str, str]] = Counter()


class Comparer:
    """Exact comparison of a kernel's output with the oracle's, counted."""

    def __init__(self, operator: str, isa_name: str) -> None:
        self.key = (operator, isa_name)

    def equal(self, got: np.ndarray, want: np.ndarray, what: object = "") -> None:
        _comparisons[self.key] += 1
        assert got.dtype == want.dtype
        assert got.shape == want.shape
        # Bytes, so that -0.0 differs from 0.0 and a NaN equals itself.
        if np.array_equal(got.view(np.uint8), want.view(np.uint8)):
            return
        bad = np.argwhere(got != want)
        raise AssertionError(f"{self.key} {what}: {len(bad)} of {got.size} elements differ, first at {bad[:1]}")

    def output(self, out: Guarded, want: np.ndarray, what: object = "") -> None:
        """Compare a packed or float output, the zero padding of its rows, and the guard bytes."""
        self.equal(np.ascontiguousarray(out.array[:, : want.shape[1]]), want, what)
        assert not out.array[:, want.shape[1] :].any(), f"{self.key} {what}: padding is not zero"
        assert out.is_intact(), f"{self.key} {what}: wrote outside the buffer"


@pytest.fixture(params=isa.available())
def isa_name(request: pytest.FixtureRequest):
    with isa.use(request.param):
        yield request.param


@pytest.fixture
def compare(request: pytest.FixtureRequest, isa_name: str) -> Comparer:
    return Comparer(request.module.OPERATOR, isa_name)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _comparisons:
        return
    terminalreporter.section("kernel comparisons with the NumPy oracle")
    operators = sorted({operator for operator, _ in _comparisons})
    for name in isa.available():
        counts = {operator: _comparisons[operator, name] for operator in operators}
        details = ", ".join(f"{operator} {count}" for operator, count in counts.items())
        terminalreporter.write_line(f"{name}: {sum(counts.values())} ({details})")
