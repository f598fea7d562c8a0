"""smoothbit: graph neural networks in 1, 2, 4 and 8 bits, from features to scores."""

from __future__ import annotations

__version__ = "0.1.0"
