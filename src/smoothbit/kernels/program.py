"""Programs: the kernel calls of a computation, recorded once and run again without preparing anything."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol, TypeVar

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

        Neighbouring native calls become one, so that no Python runs between them.
        """
        if not self.is_complete or not self.calls:
            return None
        steps: list[Call] = []
        for is_native, neighbours in groupby(self.calls, _is_native):
            calls = list(neighbours)
            steps += [isa.extension().Program(calls)] if is_native else calls

        def run() -> None:
            for step in steps:
                step.run()

        return run


class _Recording(threading.local):
    recorder: Recorder | None = None


_recording = _Recording()


@contextmanager
def recording() -> Iterator[Recorder]:
    """Record the calls that this thread makes in the ``with`` block; they still do their work."""
    outer, recorder = _recording.recorder, Recorder()
    _recording.recorder = recorder
    try:
        yield recorder
    finally:
        _recording.recorder = outer


def perform(call: Call, out: Out) -> Out:
    """Run `call`, which writes into `out`, note it when somebody records, and return `out`."""
    if _recording.recorder is not None:
        _recording.recorder.calls.append(call)
    call.run()
    return out


def pass_by() -> None:
    """Tell who records that something was computed that no call repeats."""
    if _recording.recorder is not None:
        _recording.recorder.is_complete = False


def _is_native(call: Call) -> bool:
    return isa.ext is not None and isinstance(call, isa.ext.Call)
