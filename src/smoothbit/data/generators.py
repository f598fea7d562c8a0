"""Graphs of any size without a download: power-law graphs and contextual block models."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from smoothbit.data.dataset import Dataset
from smoothbit.data.transforms import csr_from_keys, sorted_unique
from smoothbit.errors import ArgumentError
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.features import Features
from smoothbit.typing import AnyArray, Int64Array

# Draws the two ends of `size` candidate pairs; may repeat pairs and join a node to itself.
DrawPairs = Callable[[int], tuple[AnyArray, AnyArray]]
# Above this share of all pairs, drawing until enough are distinct is slower than ranking all pairs.
DENSE_SHARE = 1 / 8
# Candidates for each missing pair in the first round; a few percent repeat or are self-loops.
OVERDRAW = 1.05


def powerlaw_graph(
    num_nodes: int, num_edges: int, seed: int = 0, exponent: float = 2.5, hub_degree: float | None = None
) -> CSR:
    """Draw an undirected graph with power-law degrees, hubs included, and nodes in random order.

    The node of rank r is an end with probability proportional to `(r + r0) ** (-1 / (exponent - 1))`.
    Nodes without an edge can occur.

    Args:
        num_nodes: Number of nodes N, below 2**31.
        num_edges: Stored entries E, exactly; even, as every pair is stored in both directions.
        seed: Seed, >= 0.
        exponent: Exponent of the degree distribution, > 2.
        hub_degree: Degree to aim at for the largest hub, which sets r0; None for r0 = 1. Repeated
            pairs are drawn anew, so that the real degree is somewhat smaller.

    Returns:
        CSR [N, N] without values, self-loops or duplicates; columns of a row in increasing order.

    Raises:
        ArgumentError: `num_edges` is odd or larger than N (N - 1), or another argument breaks its rule.

    Reference: Chung and Lu 2002, "Connected components in random graphs with given expected degree
        sequences". Departure: the number of edges is exact, not expected.
    """
    num_pairs = _checked_pairs(num_nodes, num_edges)
    if not exponent > 2:
        raise ArgumentError(f"Expected `exponent` to be above 2 (got {exponent}). Use 2.1 for very large hubs.")
    generator = _generator(seed)
    power = 1 / (exponent - 1)
    shift = 1.0 if hub_degree is None else _shift_for_hub(hub_degree / max(num_edges, 1), num_nodes, power)
    order = generator.permutation(num_nodes).astype(np.int32)
    if num_pairs > DENSE_SHARE * num_nodes * (num_nodes - 1) / 2:
        weights = (np.arange(num_nodes) + shift) ** -power
        keys = _top_pairs(weights[np.argsort(order)], num_pairs, generator)
    else:

        def end(size: int) -> AnyArray:
            return order[_ranks(generator.random(size), num_nodes, power, shift)]

        def draw(size: int) -> tuple[AnyArray, AnyArray]:
            return end(size), end(size)

        keys = _distinct_pairs(draw, num_pairs, num_nodes, generator)
    return _both_directions(keys, num_nodes)


def contextual_sbm(
    num_nodes: int,
    num_edges: int,
    num_classes: int,
    num_features: int,
    homophily: float = 0.8,
    separation: float = 1.0,
    seed: int = 0,
) -> Dataset:
    """Draw a stochastic block model whose features know the classes, too.

    Classes have equal sizes (within one). Row i of the features is the mean of its class plus
    standard Gaussian noise; class means are Gaussian of expected norm `separation`.

    Args:
        num_nodes: Number of nodes N >= num_classes.
        num_edges: Stored entries E of the adjacency, exactly; even.
        num_classes: Number of classes C >= 1.
        num_features: Number of features F >= 1.
        homophily: Share of edges within a class, in [0, 1] (rounded to whole edges).
        separation: Distance scale of class means, in standard deviations of the noise.
        seed: Seed, >= 0.

    Returns:
        Dataset with dense features, metric "accuracy" and no public split.

    Raises:
        ArgumentError: an argument breaks its rule, or the classes have too few pairs for the edges.

    Reference: Deshpande et al. 2018, "Contextual Stochastic Block Models". Departure: several
        classes, and an exact number of edges.
    """
    num_pairs = _checked_pairs(num_nodes, num_edges)
    _check_sbm(num_nodes, num_classes, num_features, homophily)
    generator = _generator(seed)
    labels = generator.permutation(np.arange(num_nodes, dtype=np.int64) % num_classes)
    keys = _block_pairs(labels, num_classes, num_pairs, homophily, generator)
    means = generator.standard_normal((num_classes, num_features)) * separation / np.sqrt(num_features)
    features = (means[labels] + generator.standard_normal((num_nodes, num_features))).astype(np.float32)
    return Dataset(
        name=f"contextual-sbm/seed={seed}",
        family="generated",
        features=Features(features),
        labels=labels,
        adjacency=_both_directions(keys, num_nodes),
        num_classes=num_classes,
    )


def _block_pairs(
    labels: Int64Array, num_classes: int, num_pairs: int, homophily: float, generator: np.random.Generator
) -> Int64Array:
    """Draw pairs within and between classes; return their keys, sorted."""
    num_nodes = len(labels)
    members, sizes = np.argsort(labels, kind="stable"), np.bincount(labels, minlength=num_classes)
    starts = np.cumsum(sizes) - sizes
    num_within = round(homophily * num_pairs)
    _check_capacity(sizes, num_within, num_pairs - num_within)

    def partner(classes: AnyArray) -> Int64Array:
        offsets = (generator.random(len(classes)) * sizes[classes]).astype(np.int64)
        chosen: Int64Array = members[starts[classes] + offsets]
        return chosen

    def draw_within(size: int) -> tuple[AnyArray, AnyArray]:
        sources = generator.integers(num_nodes, size=size)
        return sources, partner(labels[sources])

    def draw_between(size: int) -> tuple[AnyArray, AnyArray]:
        sources = generator.integers(num_nodes, size=size)
        return sources, partner((labels[sources] + generator.integers(1, num_classes, size=size)) % num_classes)

    within = _distinct_pairs(draw_within, num_within, num_nodes, generator)
    between = _distinct_pairs(draw_between, num_pairs - num_within, num_nodes, generator)
    return np.sort(np.concatenate([within, between]))


def _distinct_pairs(draw: DrawPairs, num_pairs: int, num_nodes: int, generator: np.random.Generator) -> Int64Array:
    """Draw until `num_pairs` distinct pairs are there; return keys `low * N + high`, sorted."""
    keys = np.empty(0, dtype=np.int64)
    overdraw = OVERDRAW
    while len(keys) < num_pairs:
        sources, targets = draw(int((num_pairs - len(keys)) * overdraw) + 16)
        low, high = np.minimum(sources, targets), np.maximum(sources, targets)
        fresh = (low.astype(np.int64) * num_nodes + high)[low != high]
        # Stable sorting merges the two sorted runs in linear time.
        keys = sorted_unique(np.concatenate([keys, sorted_unique(fresh)]), kind="stable")
        overdraw *= 2
    surplus = generator.choice(len(keys), len(keys) - num_pairs, replace=False, shuffle=False)
    return np.delete(keys, surplus)


def _top_pairs(weights: AnyArray, num_pairs: int, generator: np.random.Generator) -> Int64Array:
    """Draw pairs without replacement, by weight, by ranking all of them (exponential clocks)."""
    num_nodes = len(weights)
    low, high = np.triu_indices(num_nodes, k=1)
    clocks = generator.standard_exponential(len(low)) / (weights[low] * weights[high])
    first = np.argpartition(clocks, num_pairs - 1)[:num_pairs] if num_pairs else np.empty(0, dtype=np.int64)
    return np.sort(low[first].astype(np.int64) * num_nodes + high[first])


def _ranks(uniform: AnyArray, num_nodes: int, power: float, shift: float) -> Int64Array:
    """Map uniform numbers in [0, 1) to ranks with density (rank + shift) ** -power, in place."""
    low, high = shift ** (1 - power), (num_nodes + shift) ** (1 - power)
    uniform *= high - low
    uniform += low
    np.power(uniform, 1 / (1 - power), out=uniform)
    uniform -= shift
    return np.clip(uniform.astype(np.int64), 0, num_nodes - 1)


def _shift_for_hub(share: float, num_nodes: int, power: float) -> float:
    """Find by bisection the shift at which rank 0 is this share of all ends."""

    def hub_share(shift: float) -> float:
        total = (num_nodes + shift) ** (1 - power) - shift ** (1 - power)
        return float(((1 + shift) ** (1 - power) - shift ** (1 - power)) / total)

    low, high = 0.0, float(num_nodes) * 1e3
    if not hub_share(high) < share <= hub_share(low):
        raise ArgumentError(
            f"Expected `hub_degree` to be in ({hub_share(high):.3g}, {hub_share(low):.3g}] of `num_edges` "
            f"(got {share:.3g}). Choose a degree between the mean degree and that bound."
        )
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if hub_share(middle) > share else (low, middle)
    return high


def _both_directions(keys: Int64Array, num_nodes: int) -> CSR:
    """Return the symmetric graph of pair keys `low * N + high`."""
    both = np.concatenate([keys, keys % num_nodes * num_nodes + keys // num_nodes]) if num_nodes else keys
    both.sort()
    return csr_from_keys(both, num_nodes, num_nodes)


def _checked_pairs(num_nodes: int, num_edges: int) -> int:
    if not 0 <= num_nodes < 2**31:
        raise ArgumentError(f"Expected `num_nodes` to be in [0, 2**31) (got {num_nodes}). Indices are int32.")
    if num_edges % 2 or not 0 <= num_edges <= num_nodes * (num_nodes - 1):
        raise ArgumentError(
            f"Expected `num_edges` to be even and in [0, {num_nodes * (num_nodes - 1)}] (got {num_edges}). "
            "Count each undirected pair twice; self-loops and duplicates are not drawn."
        )
    return num_edges // 2


def _check_sbm(num_nodes: int, num_classes: int, num_features: int, homophily: float) -> None:
    if not 1 <= num_classes <= num_nodes:
        raise ArgumentError(f"Expected `num_classes` to be in [1, {num_nodes}] (got {num_classes}). Use fewer classes.")
    if num_features < 1:
        raise ArgumentError(f"Expected `num_features` to be at least 1 (got {num_features}). Use 16.")
    if not 0 <= homophily <= 1:
        raise ArgumentError(f"Expected `homophily` to be in [0, 1] (got {homophily}). It is a share of the edges.")


def _check_capacity(sizes: Int64Array, num_within: int, num_between: int) -> None:
    within = int((sizes * (sizes - 1) // 2).sum())
    between = int(sizes.sum()) * (int(sizes.sum()) - 1) // 2 - within
    if num_within > within or num_between > between:
        raise ArgumentError(
            f"Expected `num_edges` and `homophily` to ask for at most {within} pairs within and {between} "
            f"between classes (got {num_within} and {num_between}). Use fewer edges or another homophily."
        )


def _generator(seed: int) -> np.random.Generator:
    if seed < 0:
        raise ArgumentError(f"Expected `seed` to be at least 0 (got {seed}). Pass a non-negative integer.")
    return np.random.Generator(np.random.PCG64(seed))
