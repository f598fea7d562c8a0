"""Prints how many comparisons the parity suite made, by operator and ISA."""

from __future__ import annotations

import pytest

from smoothbit.kernels import isa
from smoothbit.testing.kernels.subject import comparisons


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counted = {key: count for key, count in comparisons.items() if key[1] in isa.available()}
    if not counted:
        return
    terminalreporter.section("kernel comparisons with the NumPy oracle")
    operators = sorted({operator for operator, _ in counted})
    for name in isa.available():
        counts = {operator: counted.get((operator, name), 0) for operator in operators}
        details = ", ".join(f"{operator} {count}" for operator, count in counts.items())
        terminalreporter.write_line(f"{name}: {sum(counts.values())} ({details})")
