"""Normalisation by statistics of the values, with sums in a stated order (docs/numerics.md, "Normalisation").

Everything is float64 and rounded once to float32 at the end. The sum over channels of a row runs from channel 0
upward, the sum over nodes from node 0 upward, never in parts: NumPy's own sums group terms as it suits the machine.
"""

from __future__ import annotations

import numpy as np

from smoothbit.typing import Float32Array, Float64Array, Int64Array


def normalize_rows(x: Float32Array, eps: float, scale: Float32Array | None, bias: Float32Array | None) -> Float32Array:
    """Return (x - mean) / sqrt(var + eps) * scale + bias with mean and variance of each row.

    Args:
        x: Values [N, F], float32.
        eps: Added to the variance.
        scale: [F] float32, or None for 1.
        bias: [F] float32, or None for 0.
    """
    count = max(x.shape[1], 1)
    centered = x - (_row_sums(x) / count)[:, None]
    variance = _row_sums(centered * centered) / count
    return _affine(centered / np.sqrt(variance + eps)[:, None], scale, bias)


def normalize_lengths(
    x: Float32Array, eps: float, scale: Float32Array | None, bias: Float32Array | None
) -> Float32Array:
    """Return x / max(|x|_2, eps) * scale + bias with the length of each row; arguments as in `normalize_rows`."""
    wide = x.astype(np.float64)
    return _affine(wide / np.maximum(np.sqrt(_row_sums(wide * wide)), eps)[:, None], scale, bias)


def normalize_sets(
    x: Float32Array,
    graph_ids: Int64Array,
    num_graphs: int,
    eps: float,
    scale: Float32Array | None,
    bias: Float32Array | None,
) -> Float32Array:
    """Return (x - mean) / (sqrt(var) + eps) * scale + bias with mean and variance of all values of a graph.

    Args:
        x: Values [N, F], float32.
        graph_ids: Graph of each node [N].
        num_graphs: Number of graphs G.
        eps: Added to the standard deviation.
        scale: [F] float32, or None for 1.
        bias: [F] float32, or None for 0.
    """
    count = np.maximum(np.bincount(graph_ids, minlength=num_graphs) * x.shape[1], 1)
    mean = np.bincount(graph_ids, weights=_row_sums(x), minlength=num_graphs) / count
    centered = x - mean[graph_ids][:, None]
    squares = np.bincount(graph_ids, weights=_row_sums(centered * centered), minlength=num_graphs)
    return _affine(centered / (np.sqrt(squares / count) + eps)[graph_ids][:, None], scale, bias)


def normalize_graphs(
    x: Float32Array,
    graph_ids: Int64Array,
    num_graphs: int,
    eps: float,
    scale: Float32Array | None,
    bias: Float32Array | None,
    mean_scale: Float32Array,
) -> Float32Array:
    """Return z / sqrt(mean z^2 + eps) * scale + bias with z = x - mean_scale * mean, of each channel over a graph.

    Args:
        x: Values [N, F], float32.
        graph_ids: Graph of each node [N].
        num_graphs: Number of graphs G.
        eps: Added to the mean square.
        scale: [F] float32, or None for 1.
        bias: [F] float32, or None for 0.
        mean_scale: [F] float32.
    """
    mean = _graph_means(x.astype(np.float64), graph_ids, num_graphs)
    centered = x - (mean * mean_scale.astype(np.float64))[graph_ids]
    square = _graph_means(centered * centered, graph_ids, num_graphs)
    return _affine(centered / np.sqrt(square + eps)[graph_ids], scale, bias)


def _row_sums(x: Float32Array | Float64Array) -> Float64Array:
    """Return the sum of each row, from channel 0 upward."""
    total = np.zeros(len(x), dtype=np.float64)
    for channel in range(x.shape[1]):
        total = total + x[:, channel]
    return total


def _graph_means(x: Float64Array, graph_ids: Int64Array, num_graphs: int) -> Float64Array:
    """Return the mean of the rows of each graph [G, F], from node 0 upward."""
    totals = np.zeros((num_graphs, x.shape[1]), dtype=np.float64)
    np.add.at(totals, graph_ids, x)
    return totals / np.maximum(np.bincount(graph_ids, minlength=num_graphs), 1)[:, None]


def _affine(x: Float64Array, scale: Float32Array | None, bias: Float32Array | None) -> Float32Array:
    scaled = x if scale is None else x * scale.astype(np.float64)
    rounded: Float32Array = (scaled if bias is None else scaled + bias.astype(np.float64)).astype(np.float32)
    return rounded
