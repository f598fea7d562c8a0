"""Every operator on every instruction set of the machine, against the NumPy reference: smoothbit.testing."""

from __future__ import annotations

import pytest

from smoothbit.kernels import isa
from smoothbit.testing import kernel_checks


@pytest.mark.parametrize(
    "check",
    [pytest.param(check, id=f"{tag}-{name}") for tag in isa.available() for name, check in kernel_checks(tag)],
)
def test_kernel(check):
    check()
