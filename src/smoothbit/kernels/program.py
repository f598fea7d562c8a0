"""Kernel calls: performed under a time limit, recorded, and run again as programs without preparing anything."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Protocol, TypeVar

from smoothbit.errors import ArgumentError, TimeLimitError
from smoothbit.kernels import isa
from smoothbit.typing import Float32Array, UInt8Array

Out = TypeVar("Out", UInt8Array, Float32Array, UInt8Array | Float32Array)


class Call(Protocol):
    """Work with everything bound: it reads and writes the same arrays each time it runs."""

    def run(self) -> object:
        """Do the work."""
        ...


@dataclass(frozen=True)
class PythonCall:
    """A call that is not native.

    Args:
        function: Does the work.
    """

    function: Callable[[], object]

    def run(self) -> object:
        """Do the work."""
        return self.function()


class Recorder:
    """Calls in the order they were made.

    Attributes:
        calls: The calls.
        is_complete: False when something was computed that no call repeats.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.is_complete = True

    def program(self) -> Callable[[], None] | None:
        """Return a function that repeats all calls, or None when there are none or they are not all there is.

        Neighbouring native calls become one, so that no Python runs between them; a product may then make its
        source itself.
        """
        if not self.is_complete or not self.calls:
            return None
        steps: list[tuple[bool, Any]] = []
        for is_native, neighbours in groupby(self.calls, _is_native):
            calls = list(neighbours)
            steps += [(True, isa.extension().Program(calls))] if is_native else [(False, call) for call in calls]

        def run() -> None:
            limit = _thread.limit
            for is_native, step in steps:
                if not is_native:
                    check_time()
                    step.run()
                elif limit is None:
                    step.run()
                elif not step.run(limit.seconds_left()):
                    raise limit.error()

        return run


@dataclass(frozen=True)
class _Limit:
    seconds: float
    deadline: float

    def seconds_left(self) -> float:
        return self.deadline - time.monotonic()

    def error(self) -> TimeLimitError:
        return TimeLimitError(
            f"Expected the run to end within {self.seconds} s (got {self.seconds - self.seconds_left():.3f} s). "
            "Raise `timeout_s`, use more threads, or a model of fewer steps."
        )


class _Thread(threading.local):
    recorder: Recorder | None = None
    limit: _Limit | None = None


_thread = _Thread()


@contextmanager
def recording() -> Iterator[Recorder]:
    """Record the calls that this thread makes in the ``with`` block; they still do their work."""
    outer, recorder = _thread.recorder, Recorder()
    _thread.recorder = recorder
    try:
        yield recorder
    finally:
        _thread.recorder = outer


@contextmanager
def time_limit(timeout_s: float | None) -> Iterator[None]:
    """Begin no call of this thread in the ``with`` block when `timeout_s` seconds are over; None for no limit.

    A call that has begun ends. Between two calls nothing is held: threads are idle, and outputs may be written again.

    Raises:
        ArgumentError: `timeout_s` is not > 0.
        TimeLimitError: the time was over before the last call began.
    """
    if timeout_s is not None and not timeout_s > 0:
        raise ArgumentError(f"Expected `timeout_s` to be > 0 (got {timeout_s}). Use None for no limit.")
    outer = _thread.limit
    if timeout_s is not None:
        _thread.limit = _Limit(timeout_s, time.monotonic() + timeout_s)
    try:
        yield
    finally:
        _thread.limit = outer


def check_time() -> None:
    """Refuse to go on when the time of this thread is over.

    Raises:
        TimeLimitError: it is.
    """
    limit = _thread.limit
    if limit is not None and limit.seconds_left() <= 0:
        raise limit.error()


def perform(call: Call, out: Out) -> Out:
    """Run `call`, which writes into `out`, note it when somebody records, and return `out`.

    Raises:
        TimeLimitError: the time of this thread is over.
    """
    check_time()
    if _thread.recorder is not None:
        _thread.recorder.calls.append(call)
    call.run()
    return out


def pass_by() -> None:
    """Tell who records that something is computed that no call repeats.

    Raises:
        TimeLimitError: the time of this thread is over.
    """
    check_time()
    if _thread.recorder is not None:
        _thread.recorder.is_complete = False


def _is_native(call: Call) -> bool:
    return isa.ext is not None and isinstance(call, isa.ext.Call)
