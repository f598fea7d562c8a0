"""How alike the states of neighbours are: what oversmoothing is measured with."""

from __future__ import annotations

import numpy as np

from smoothbit.typing import AnyArray, Float32Array


def dirichlet_energy(states: Float32Array, heads: AnyArray, tails: AnyArray, degree: Float32Array) -> float:
    """Return tr(H' L H) / |H|^2 with L = I - D^-1/2 (A + I) D^-1/2; 0 for states of zeros.

    Args:
        states: H [N, F].
        heads: One end of each undirected edge [M], self-loops left out.
        tails: The other end [M].
        degree: Row sums of A + I [N].

    Returns:
        Energy in [0, 2), summed over edges in float64 so that small ones keep their digits.

    Reference:
        Cai and Wang 2020 (arXiv 2006.13318), definition 3.1, over |H|^2. Departure: none.
    """
    total = float((states.astype(np.float64) ** 2).sum())
    if total == 0.0:
        return 0.0
    scaled = states / np.sqrt(degree.astype(np.float64))[:, None]
    return float(((scaled[heads] - scaled[tails]) ** 2).sum()) / total


def mean_average_distance(states: Float32Array, heads: AnyArray, tails: AnyArray) -> float:
    """Return the mean of 1 - cos(h_i, h_j) over pairs of nodes; pairs with a state of zeros are left out.

    Args:
        states: H [N, F].
        heads: First node of each pair [M].
        tails: Second node [M].

    Returns:
        Distance in [0, 2]; 0 without pairs.

    Reference:
        Chen et al. 2020 (arXiv 1909.03211), eq. 1 to 4. Departure: the mean over pairs, not over nodes of the mean
        over a node's pairs.
    """
    lengths = np.sqrt((states.astype(np.float64) ** 2).sum(axis=1))
    units = states / np.where(lengths > 0, lengths, 1.0)[:, None]
    is_kept = (lengths[heads] > 0) & (lengths[tails] > 0)
    if not is_kept.any():
        return 0.0
    # |a - b|^2 / 2 = 1 - a.b for unit vectors, and is exact where a and b are equal.
    return float(((units[heads[is_kept]] - units[tails[is_kept]]) ** 2).sum(axis=1).mean() / 2)
