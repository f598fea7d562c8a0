"""From torch to packed files, and the proof that nothing changed on the way."""

from __future__ import annotations

from smoothbit.export.from_torch import export_model as export_model
from smoothbit.export.from_torch import export_run as export_run
from smoothbit.export.graph_file import export_graph as export_graph
from smoothbit.export.verify import Verification as Verification
from smoothbit.export.verify import verify_model as verify_model
from smoothbit.export.verify import verify_run as verify_run
