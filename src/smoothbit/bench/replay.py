"""Our sides as a session runs them: prepared once, then repeated into the same buffers."""

from __future__ import annotations

from collections.abc import Callable

from smoothbit.kernels import recording

NOTE = (
    "Our sides run as in a session: calls prepared once, outputs written into kept buffers. Peers run through "
    "their Python interface and allocate what they return."
)


def prepared(operation: Callable[[], object]) -> Callable[[], object]:
    """Return a callable that repeats the kernel calls of `operation`.

    Args:
        operation: Does nothing but kernel calls; runs once here.
    """
    with recording() as recorder:
        operation()
    return recorder.program() or operation
