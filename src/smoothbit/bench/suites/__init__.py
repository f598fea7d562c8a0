"""Suites: one file for each, one line here for each file."""

from __future__ import annotations

from smoothbit.bench.suites import features as features
from smoothbit.bench.suites import gemm as gemm
from smoothbit.bench.suites import kernels as kernels
from smoothbit.bench.suites import memory as memory
from smoothbit.bench.suites import model as model
from smoothbit.bench.suites import propagate as propagate
from smoothbit.bench.suites import scaling as scaling
from smoothbit.bench.suites.base import SUITES as SUITES
from smoothbit.bench.suites.base import run_suite as run_suite
