"""Measurements of the engine beside its peers, in one interleaved run."""

from __future__ import annotations

from smoothbit.bench.environment import describe_environment as describe_environment
from smoothbit.bench.record import BenchRecord as BenchRecord
from smoothbit.bench.record import BenchRow as BenchRow
from smoothbit.bench.request import BenchRequest as BenchRequest
from smoothbit.bench.suites import SUITES as SUITES
from smoothbit.bench.suites import run_suite as run_suite
from smoothbit.bench.timer import Timing as Timing
from smoothbit.bench.timer import measure as measure
