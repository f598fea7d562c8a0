"""From torch to packed files, and the proof that nothing changed on the way.

The package is callable: ``smoothbit.export(model, path, example)`` is `smoothbit.export.pyg.export`, loaded
when it is called, because PyG takes seconds to import.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

from smoothbit.export.from_torch import export_model as export_model
from smoothbit.export.from_torch import export_run as export_run
from smoothbit.export.graph_file import export_graph as export_graph
from smoothbit.export.verify import Verification as Verification
from smoothbit.export.verify import verify_model as verify_model
from smoothbit.export.verify import verify_run as verify_run


class _CallablePackage(ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return importlib.import_module(f"{__name__}.pyg").export(*args, **kwargs)


sys.modules[__name__].__class__ = _CallablePackage
