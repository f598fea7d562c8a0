"""Operations of a plan, one file each; `OPS` maps the kind of an operation to its executor."""

from __future__ import annotations

from smoothbit.engine.ops import (  # noqa: F401  (each registers itself)
    activate,
    aggregate,
    attend,
    combine,
    concat,
    diffuse,
    elastic,
    features,
    linear,
    normalize,
    readout,
)
from smoothbit.engine.ops.context import OPS as OPS
from smoothbit.engine.ops.context import Context as Context
