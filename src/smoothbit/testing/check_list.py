"""Lists of checks: a function for each invariant, run over every combination of its axes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np

from smoothbit.errors import InvariantError, SmoothbitError
from smoothbit.typing import AnyArray

S = TypeVar("S")
Function = TypeVar("Function", bound=Callable[..., None])
Check: TypeAlias = tuple[str, Callable[[], None]]
"""Name of a check, and the check: it returns or raises `InvariantError`."""


class CheckList(Generic[S]):
    """Checks of one family, in the order they were added.

    Args:
        page: Page of the documentation that has the rules of the family.
    """

    def __init__(self, page: str) -> None:
        self.page = page
        self._members: list[tuple[Callable[..., None], dict[str, Sequence[object]]]] = []

    def add(self, **axes: Sequence[object]) -> Callable[[Function], Function]:
        """Return a decorator for a function of (subject, one value of each axis)."""

        def add(function: Function) -> Function:
            self._members.append((function, axes))
            return function

        return add

    def bind(self, subject: S, label: str) -> list[Check]:
        """Return each check of `subject`.

        Args:
            subject: First argument of the functions.
            label: What messages call it, e.g. "quantizer 'lsq'".
        """
        checks: list[Check] = []
        for function, axes in self._members:
            for values in itertools.product(*axes.values()):
                case = ", ".join(f"{axis}={value}" for axis, value in zip(axes, values, strict=True))
                name = f"{function.__name__}[{case}]" if case else function.__name__
                call = partial(function, subject, **dict(zip(axes, values, strict=True)))
                checks.append((name, partial(self._run, f"{label} to keep {name}", call)))
        return checks

    def _run(self, wanted: str, call: Callable[[], None]) -> None:
        try:
            call()
        except InvariantError as error:
            raise InvariantError(f"Expected {wanted}: {error} See {self.page}.") from error
        except Exception as error:  # whatever a stranger's code raises
            got = f"{type(error).__name__}: {error}"
            raise InvariantError(f"Expected {wanted} (got {got}). See {self.page}.") from error


def run_all(checks: Iterable[Check]) -> None:
    """Run checks until one raises."""
    for _, check in checks:
        check()


def require(is_true: bool, rule: str, got: object) -> None:
    """Check one rule of an invariant.

    Raises:
        InvariantError: it is broken.
    """
    if not is_true:
        raise InvariantError(f"{rule} (got {got}).")


def require_equal(got: AnyArray, want: AnyArray, rule: str) -> None:
    """Check that two arrays are equal in every element.

    Raises:
        InvariantError: they are not; the message has the first difference.
    """
    require(got.shape == want.shape, f"{rule}, of shape {list(want.shape)}", list(got.shape))
    bad = np.argwhere(got != want)
    if len(bad):
        first = tuple(int(i) for i in bad[0])
        raise InvariantError(f"{rule}, {want[first]} at {list(first)} (got {got[first]}; {len(bad)} elements differ).")


def require_close(got: AnyArray, want: AnyArray, tolerance: float, rule: str) -> None:
    """Check that two arrays differ by at most ``tolerance * (1 + |want|)``.

    Raises:
        InvariantError: they differ by more; the message has the largest difference.
    """
    require(got.shape == want.shape, f"{rule}, of shape {list(want.shape)}", list(got.shape))
    excess = np.abs(got - want) - tolerance * (1 + np.abs(want))
    if not (excess <= 0).all():  # a NaN is no small difference
        worst = tuple(int(i) for i in np.unravel_index(int(np.argmax(excess)), excess.shape))
        raise InvariantError(f"{rule}, {want[worst]} within {tolerance} at {list(worst)} (got {got[worst]}).")


def require_refusal(call: Callable[[], Any], word: str, rule: str) -> None:
    """Check that `call` raises an error of smoothbit whose message has `word`.

    Raises:
        InvariantError: it returns, or says something else.
    """
    try:
        result = call()
    except SmoothbitError as error:
        require(word in str(error), f"{rule} with a message that has `{word}`", error)
        return
    raise InvariantError(f"{rule} (got {result!r}).")
