"""Operations of a plan as ONNX nodes; `OPERATIONS` maps the kind of an operation to its writer."""

from __future__ import annotations

from smoothbit.export.onnx.ops import attend, diffuse, elementwise, linear, normalize, reduction  # noqa: F401  (each registers itself)
from smoothbit.export.onnx.ops.scope import OPERATIONS as OPERATIONS
from smoothbit.export.onnx.ops.scope import Scope as Scope
