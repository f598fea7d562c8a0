"""From a quantized PyG network to a plan: one recorded call, one operation for each layer, then fusion."""

from __future__ import annotations

from smoothbit.export.pyg.export import Exported as Exported
from smoothbit.export.pyg.export import export as export
from smoothbit.export.pyg.export import verify as verify
