"""Invariants of every kernel: the bits of the NumPy reference, within the bounds of its buffers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from smoothbit import kernels
from smoothbit.errors import ArgumentError
from smoothbit.kernels import isa
from smoothbit.testing.check_list import Check, CheckList, run_all
from smoothbit.testing.kernels import activate, attend, delta, gemm, pack, requantize, spmax, spmm, spmm_f32
from smoothbit.testing.kernels.subject import Subject

OPERATORS: dict[str, CheckList[Subject]] = {
    "spmm": spmm.CHECKS,
    "spmax": spmax.CHECKS,
    "attend": attend.CHECKS,
    "activate": activate.CHECKS,
    "delta_step": delta.CHECKS,
    "gemm": gemm.CHECKS,
    "requantize": requantize.CHECKS,
    "pack": pack.CHECKS,
    "spmm_f32": spmm_f32.CHECKS,
}
"""Checks by operator; those of `pack` need `unpack` too."""


def check_kernel(kernel: object) -> None:
    """Check that kernels give the bits of the NumPy reference and write nothing outside of their output.

    Args:
        kernel: An ISA tag of this machine, e.g. "avx2", or an object (a module, say) with operators of its own:
            attributes named and called as those of `smoothbit.kernels`. What it lacks is not checked.

    Raises:
        InvariantError: a rule is broken; the message names it, the case and the values.
        KernelUnavailableError: no such ISA on this machine.
        ArgumentError: the object has no operator.
    """
    run_all(kernel_checks(kernel))


def kernel_checks(kernel: object) -> list[Check]:
    """Return name and function of each check of `check_kernel`."""
    if isinstance(kernel, str):
        with isa.use(kernel):  # refuses what is not there
            checks = _checks(kernels, kernel)
        return [(name, partial(_run_on, kernel, check)) for name, check in checks]
    checks = _checks(kernel, getattr(kernel, "__name__", type(kernel).__name__))
    if not checks:
        raise ArgumentError(
            f"Expected `kernel` to be an ISA or an object with one of {', '.join(OPERATORS)} (got {kernel!r}). "
            "Name its functions as those of smoothbit.kernels."
        )
    return checks


def _checks(operators: object, label: str) -> list[Check]:
    return [
        (f"{operator}.{name}", check)
        for operator, checks in OPERATORS.items()
        if hasattr(operators, operator)
        for name, check in checks.bind(Subject(operators, operator, label), f"{operator} of kernel '{label}'")
    ]


def _run_on(name: str, check: Callable[[], None]) -> None:
    with isa.use(name):
        check()
