"""Repeat a run on one graph with everything prepared: the calls of the first run, replayed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from smoothbit.engine.backend import KernelBackend, Out
from smoothbit.engine.graph import PreparedGraph
from smoothbit.engine.runner import Result, run_plan
from smoothbit.formats.schema import Plan
from smoothbit.numerics.features import Features


class RecordingBackend(KernelBackend):
    """Runs primitives and keeps each call with its buffers, so that it can be made again.

    Dual variables on edges are computed from arrays that are not kept: `is_complete` then turns False.
    """

    def __init__(self, num_threads: int | None = None) -> None:
        super().__init__(num_threads)
        self.calls: list[Callable[[], Any]] = []
        self.is_complete = True

    def call(self, function: Callable[..., Any], out: Out, *args: Any, **options: Any) -> Out:
        """Let `function` write into `out`, and keep the call."""
        again = partial(function, *args, **options, out=out)
        self.calls.append(again)
        again()
        return out

    def pass_by(self) -> None:
        """Take note of a primitive that cannot be repeated from kept arrays."""
        self.is_complete = False


class Session:
    """A plan bound to one graph and one set of feature arrays, for repeated runs.

    The first run happens here; `run` repeats it without preparing anything again. Dense features are
    read anew each time, so they may be refilled in place; sparse ones are read once. EMP runs in
    full each time.

    Args:
        plan: Validated plan.
        graph: Prepared graph with N nodes.
        features: Node features [N, F].
        num_threads: Threads inside each kernel; None for the default.

    Raises:
        ShapeError: sizes of graph, features and model do not fit.
        ArgumentError: an int32 accumulator could overflow on this graph.
    """

    def __init__(self, plan: Plan, graph: PreparedGraph, features: Features, num_threads: int | None = None) -> None:
        backend = RecordingBackend(num_threads)
        self._result = run_plan(plan, graph, features, backend)
        self._calls = backend.calls if backend.is_complete else None
        self._again = partial(run_plan, plan, graph, features, KernelBackend(num_threads))

    def run(self) -> Result:
        """Return scores, labels and embedding for what the feature arrays hold now.

        The arrays of the result are overwritten by the next run; copy what must stay.
        """
        if self._calls is None:
            return self._again()
        for call in self._calls:
            call()
        scores = self._result.scores
        return Result(scores, np.argmax(scores, axis=1).astype(np.int64), self._result.embedding)
