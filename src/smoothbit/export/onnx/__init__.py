"""A packed model as an ONNX graph of opset 21, run in onnxruntime and compared with the engine before it is kept."""

from __future__ import annotations

from smoothbit.errors import MissingExtraError

try:
    import onnx  # noqa: F401
    import onnxruntime  # noqa: F401
except ImportError as error:
    raise MissingExtraError(error.name or "onnx", "onnx") from error

from smoothbit.export.onnx.model import OnnxReport as OnnxReport
from smoothbit.export.onnx.model import dataset_example as dataset_example
from smoothbit.export.onnx.model import export_onnx as export_onnx
