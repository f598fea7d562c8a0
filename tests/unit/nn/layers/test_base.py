from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import torch
from torch import nn

from smoothbit import QuantConfig, calibrate, quantize_
from smoothbit.nn.layers import LAYERS
from smoothbit.nn.layers.base import MARGIN


def test_every_registered_layer_has_a_case():
    tested = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "kind":
                tested.add(ast.unparse(node.value).split(".")[-1])
    assert tested == {kind.__name__ for kind in LAYERS}


def test_ranges_keep_clear_of_ties():
    """On a grid over [0, 3] at 2 bits halves would lie between two levels; a little wider, none does."""
    layer = nn.Linear(2, 1)
    quantize_(layer, QuantConfig("minmax", 2, grid="half"))
    layer.input_quantizer.takes_rows = False  # one step for all rows, whatever their size
    x = torch.stack([torch.arange(7.0) / 2, torch.full((7,), 0.5)], dim=1)
    with calibrate(layer):
        layer(x)
    quantizer = layer.input_quantizer.quantizer
    assert not quantizer.has_half_grid
    assert layer.weight_quantizer.has_half_grid
    assert float(quantizer.observer.hi) == 3 * (1 + MARGIN)
    law = quantizer.law()
    places = x.numpy() * law.inv_scale + law.zero_point
    assert (np.abs(places - np.floor(places) - 0.5) > MARGIN / 16).all()
