"""Settings of the whole suite."""

from __future__ import annotations

import torch

# Tests are small: more threads would only wait for each other, and results must not depend on them.
torch.set_num_threads(1)
