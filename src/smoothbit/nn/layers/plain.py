"""Modules that a converted network keeps as they are, and why; the exporter writes them into a plan."""

from __future__ import annotations

import torch_geometric.nn as pyg
from torch import nn

PLAIN: dict[type[nn.Module], tuple[str, str]] = {
    **dict.fromkeys((nn.Dropout, nn.Identity), ("no arithmetic", "the identity in evaluation")),
    nn.ReLU: ("folded at export", "part of the operation before it"),
    **dict.fromkeys((nn.BatchNorm1d, pyg.BatchNorm), ("folded at export", "an affine map of channels in evaluation")),
    **dict.fromkeys(
        (nn.LayerNorm, pyg.LayerNorm, pyg.GraphNorm), ("kept float", "normalises by statistics of the values")
    ),
    **dict.fromkeys(
        (nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh, nn.Softplus),
        ("kept float", "elementwise; the next layer quantizes it"),
    ),
    **dict.fromkeys((nn.LogSoftmax, nn.Softmax), ("kept float", "does not change the order of the scores")),
    **dict.fromkeys(
        (pyg.SumAggregation, pyg.MeanAggregation, pyg.MaxAggregation), ("kept float", "one row for each graph")
    ),
    pyg.JumpingKnowledge: ("no arithmetic", "puts channels side by side, or takes their maximum"),
}
"""Action and reason for the report, by the very class of the module."""
