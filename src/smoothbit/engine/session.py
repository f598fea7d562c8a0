"""Repeat a run on one graph with everything prepared: the calls of the first run, replayed."""

from __future__ import annotations

from functools import partial

from smoothbit.engine.backend import KernelBackend
from smoothbit.engine.graph import PreparedGraph
from smoothbit.engine.runner import Result, run_plan
from smoothbit.formats.graph_schema import PackedFeatures
from smoothbit.formats.schema import Plan
from smoothbit.kernels import recording, time_limit
from smoothbit.numerics.features import Features


class Session:
    """A plan bound to one graph and one set of feature arrays, for repeated runs.

    The first run happens here; `run` repeats it without preparing anything again. Dense float32 features are
    read anew each time, so they may be refilled in place; sparse and packed ones are read once. EMP runs in
    full each time.

    Args:
        plan: Validated plan.
        graph: Prepared graph with N nodes.
        features: Node features [N, F], float32 or packed codes.
        num_threads: Threads inside each kernel; None for the default.

    Raises:
        ShapeError: sizes of graph, features and model do not fit.
        ArgumentError: an int32 accumulator could overflow on this graph.
        MemoryLimitError: the values of the run are larger than the free memory.
    """

    def __init__(
        self, plan: Plan, graph: PreparedGraph, features: Features | PackedFeatures, num_threads: int | None = None
    ) -> None:
        self._again = partial(run_plan, plan, graph, features, KernelBackend(num_threads))
        with recording() as recorder:
            self._result = self._again()
        self._program = recorder.program()

    def run(self, timeout_s: float | None = None) -> Result:
        """Return scores, labels and embedding for what the feature arrays hold now.

        The arrays of the result are overwritten by the next run; copy what must stay.

        Args:
            timeout_s: As in `Model.run`; the session can be used again after it.

        Raises:
            TimeLimitError: the run did not end within `timeout_s`.
        """
        with time_limit(timeout_s):
            if self._program is None:
                return self._again()
            self._program()
        return Result(self._result.scores, self._result.embedding)
