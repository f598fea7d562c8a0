"""Channels side by side, or the largest of several values: jumping knowledge."""

from __future__ import annotations

from functools import partial, reduce

import numpy as np

from smoothbit.engine.ops.context import OPS, Context
from smoothbit.engine.values import Dense
from smoothbit.formats.schema import ConcatOp
from smoothbit.typing import Float32Array


@OPS.register("concat")
def run_concat(op: ConcatOp, context: Context) -> Dense:
    """Return output([x_1 .. x_k]), or output(max(x_1, .., x_k))."""
    parts = [context.decoded(context.dense(number)) for number in op.sources]
    width = parts[0].shape[1] if op.is_max else sum(part.shape[1] for part in parts)
    join = _largest if op.is_max else partial(np.concatenate, axis=1)
    return context.quantized(context.compute(lambda: join(parts), (len(parts[0]), width)), op.output, "joined")


def _largest(parts: list[Float32Array]) -> Float32Array:
    return reduce(np.maximum, parts)
