"""Random state of a run: set it, save it as text and a tensor, restore it."""

from __future__ import annotations

import json
import random

import numpy as np
import torch
from torch import Tensor


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def rng_state() -> tuple[str, Tensor]:
    """Return the states of Python and NumPy as JSON, and that of torch as a uint8 tensor."""
    numpy_state = np.random.get_state(legacy=False)
    assert isinstance(numpy_state, dict)
    inner = numpy_state["state"]
    text = json.dumps(
        {
            "python": random.getstate(),
            "numpy": {**numpy_state, "state": {"key": inner["key"].tolist(), "pos": int(inner["pos"])}},
        }
    )
    return text, torch.get_rng_state()


def restore_rng_state(text: str, torch_state: Tensor) -> None:
    """Invert `rng_state`."""
    states = json.loads(text)
    version, key, gauss = states["python"]
    random.setstate((version, tuple(key), gauss))
    numpy_state = states["numpy"]
    numpy_state["state"]["key"] = np.array(numpy_state["state"]["key"], dtype=np.uint32)
    np.random.set_state(numpy_state)
    torch.set_rng_state(torch_state)
