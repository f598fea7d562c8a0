"""Invariants of quantizers, propagations and kernels, for plugins of other distributions and for our own.

Each family has a function that checks a member and raises `InvariantError` at the first broken rule, and one that
lists the single checks for a test runner::

    check_quantizer("percentile")

    @pytest.mark.parametrize(("name", "check"), quantizer_checks("percentile"))
    def test_percentile(name, check):
        check()

Nothing is imported before it is asked for: `check_kernel` does not need torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smoothbit.testing.kernels import check_kernel as check_kernel
    from smoothbit.testing.kernels import kernel_checks as kernel_checks
    from smoothbit.testing.propagation import check_propagation as check_propagation
    from smoothbit.testing.propagation import dense_normalised as dense_normalised
    from smoothbit.testing.propagation import propagation_checks as propagation_checks
    from smoothbit.testing.quantizer import check_quantizer as check_quantizer
    from smoothbit.testing.quantizer import quantizer_checks as quantizer_checks

_HOMES = {
    "check_kernel": "kernels",
    "kernel_checks": "kernels",
    "check_propagation": "propagation",
    "propagation_checks": "propagation",
    "dense_normalised": "propagation",
    "check_quantizer": "quantizer",
    "quantizer_checks": "quantizer",
}


def __getattr__(name: str) -> object:
    """Import what is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
