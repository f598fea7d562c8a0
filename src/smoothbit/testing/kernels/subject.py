"""An operator under test, and the exact comparison of what it gives with the NumPy reference, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from smoothbit.testing.check_list import CheckList, require
from smoothbit.testing.kernels.inputs import Guarded
from smoothbit.typing import AnyArray

comparisons: Counter[tuple[str, str]] = Counter()
"""How many arrays were compared, by operator and name of the implementation."""


@dataclass(frozen=True)
class Subject:
    """One operator of one implementation.

    Args:
        operators: Object whose attributes have the signatures of the operators of `smoothbit.kernels`.
        operator: Name of the operator.
        name: What messages and counts call the implementation.
    """

    operators: Any
    operator: str
    name: str

    @property
    def call(self) -> Callable[..., AnyArray]:
        """The operator."""
        function: Callable[..., AnyArray] = getattr(self.operators, self.operator)
        return function

    def equal(self, got: AnyArray, want: AnyArray, case: object = "") -> None:
        """Compare bits, so that -0.0 differs from 0.0 and a NaN equals itself."""
        comparisons[self.operator, self.name] += 1
        kinds = [f"{array.dtype} {list(array.shape)}" for array in (got, want)]
        require(kinds[0] == kinds[1], f"{kinds[1]} at {case}", kinds[0])
        bits = np.dtype(f"u{want.itemsize}")
        bad = np.argwhere(got.view(bits) != want.view(bits))
        if len(bad):
            first = tuple(int(i) for i in bad[0])
            rule = f"{want[first]} at {list(first)} of {list(want.shape)}, where {case}"
            require(False, rule, f"{got[first]}; {len(bad)} of {want.size} elements differ")

    def output(self, out: Guarded, want: AnyArray, case: object = "") -> None:
        """Compare a packed or float output, the zero padding of its rows, and the guard bytes."""
        self.equal(np.ascontiguousarray(out.array[:, : want.shape[1]]), want, case)
        padding = out.array[:, want.shape[1] :]
        require(not padding.any(), f"zeros after the last code of a row, where {case}", f"{padding.max(initial=0)}")
        require(out.is_intact(), f"no byte written outside of `out`, where {case}", "a changed one")


def new_list() -> CheckList[Subject]:
    """Return an empty list of checks of one operator."""
    return CheckList("docs/adding-a-kernel.md")
