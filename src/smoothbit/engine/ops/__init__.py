"""Operations of a plan, one file each; `OPS` maps the kind of an operation to its executor."""

from __future__ import annotations

from smoothbit.engine.ops import diffuse, elastic, features, linear  # noqa: F401  (each registers itself)
from smoothbit.engine.ops.context import OPS as OPS
from smoothbit.engine.ops.context import Context as Context
