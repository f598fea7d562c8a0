"""Training, validation and test nodes: published splits and seeded random ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smoothbit.errors import ArgumentError, DatasetError, ShapeError
from smoothbit.registry import nearest_name
from smoothbit.typing import BoolArray, Int64Array

NODES_PER_CLASS = 20
NUM_VALIDATION = 500
RANDOM_SPLITS = ("random-20", "random-60-20-20")


@dataclass(frozen=True, eq=False)
class Split:
    """Three disjoint sets of nodes.

    Args:
        name: All that is needed to draw the split again, e.g. "public-3" or "random-20/seed=4".
        train: Training nodes [N], bool.
        val: Validation nodes [N], bool.
        test: Test nodes [N], bool.

    Raises:
        ShapeError: a mask is no bool vector, or the lengths differ.
        DatasetError: the masks overlap.
    """

    name: str
    train: BoolArray
    val: BoolArray
    test: BoolArray

    def __post_init__(self) -> None:
        for part in ("train", "val", "test"):
            mask = getattr(self, part)
            if mask.dtype != np.bool_ or mask.shape != (len(self.train),):
                raise ShapeError(
                    f"Expected `{part}` to be bool [{len(self.train)}] "
                    f"(got {mask.dtype} {list(mask.shape)}). "
                    "Pass one flag a node."
                )
        members = self.train.astype(np.int8) + self.val + self.test
        if (members > 1).any():
            raise DatasetError(
                f"Expected `train`, `val` and `test` of split '{self.name}' to be disjoint "
                f"(got node {int(np.argmax(members > 1))} in two of them). Remove it from one."
            )


def make_split(
    labels: Int64Array, public_splits: Sequence[Split] = (), name: str | None = None, seed: int = 0
) -> Split:
    """Return the split called `name`; unlabelled nodes are in none of its three sets.

    Args:
        labels: Class of each node [N], int64; -1 means unlabelled.
        public_splits: The splits published with the dataset.
        name: "public" (of several, the one at `seed` modulo their number), "public-<i>", "random-20"
            (20 training nodes a class, 500 for validation, the rest for test), "random-60-20-20"
            (percent), any of these as `Split.name` spells it ("random-20/seed=4"), or None for
            "public" where it exists and "random-20" elsewhere.
        seed: Seed of the random splits, >= 0.

    Returns:
        Split whose name identifies it without `seed`.

    Raises:
        ArgumentError: no such split, or `seed` is negative.
        DatasetError: too few labelled nodes.
    """
    name, seed = _parse_name(name or ("public" if public_splits else "random-20"), seed)
    if name == "random-20":
        return random_per_class(labels, seed)
    if name == "random-60-20-20":
        return random_fractions(labels, seed)
    by_name = {split.name: split for split in public_splits}
    if name == "public" and public_splits:
        return public_splits[seed % len(public_splits)]
    if name in by_name:
        return by_name[name]
    public_names = sorted({"public", *by_name}) if public_splits else []
    raise ArgumentError(
        f"Expected `name` to be a split of this dataset (got '{name}'). "
        f"{nearest_name(name, [*public_names, *RANDOM_SPLITS])}"
    )


def random_per_class(
    labels: Int64Array, seed: int, num_per_class: int = NODES_PER_CLASS, num_val: int = NUM_VALIDATION
) -> Split:
    """Draw `num_per_class` training nodes of each class, `num_val` for validation, the rest for test.

    A class with fewer than `2 * num_per_class` labelled nodes gives half of them (at least one);
    validation takes at most half of what training leaves, so that test is never empty.

    Args:
        labels: Class of each node [N], int64; -1 means unlabelled.
        seed: Seed, >= 0.
        num_per_class: Training nodes of each class.
        num_val: Validation nodes.

    Raises:
        DatasetError: fewer than two labelled nodes are left after training nodes are drawn.
    """
    order = _shuffled_labelled(labels, seed)
    train = [_first_of_class(order[labels[order] == c], num_per_class) for c in np.unique(labels[order])]
    chosen = np.concatenate(train) if train else order
    rest = order[~np.isin(order, chosen)]
    if len(rest) < 2:
        raise DatasetError(
            f"Expected `labels` to leave at least 2 nodes for validation and test (got {len(order)} labelled "
            f"nodes, {len(chosen)} of them for training). Use a graph with more labelled nodes."
        )
    cut = min(num_val, len(rest) // 2)
    return _split_of(f"random-20/seed={seed}", len(labels), chosen, rest[:cut], rest[cut:])


def random_fractions(labels: Int64Array, seed: int) -> Split:
    """Draw 60, 20 and 20 percent of the labelled nodes (rounded down; test takes the remainder).

    Args:
        labels: Class of each node [N], int64; -1 means unlabelled.
        seed: Seed, >= 0.

    Raises:
        DatasetError: fewer than 5 labelled nodes, so that a set would be empty.
    """
    order = _shuffled_labelled(labels, seed)
    if len(order) < 5:
        raise DatasetError(
            f"Expected `labels` to have at least 5 labelled nodes (got {len(order)}). "
            "Use a graph with more labelled nodes."
        )
    first, second = 60 * len(order) // 100, 80 * len(order) // 100
    parts = np.split(order, [first, second])
    return _split_of(f"random-60-20-20/seed={seed}", len(labels), *parts)


def splits_from_masks(train: BoolArray, val: BoolArray, test: BoolArray) -> tuple[Split, ...]:
    """Return the published splits, one for each row of three masks [S, N], named "public-<i>"."""
    masks = zip(train, val, test, strict=True)
    return tuple(Split(f"public-{i}", *(np.asarray(m, dtype=bool) for m in row)) for i, row in enumerate(masks))


def _parse_name(name: str, seed: int) -> tuple[str, int]:
    """Separate "random-20/seed=4" into its name and seed."""
    match = re.fullmatch(r"(?P<name>.+)/seed=(?P<seed>\d+)", name)
    if match:
        name, seed = match["name"], int(match["seed"])
    if seed < 0:
        raise ArgumentError(f"Expected `seed` to be at least 0 (got {seed}). Pass a non-negative integer.")
    return name.lower(), seed


def _shuffled_labelled(labels: Int64Array, seed: int) -> Int64Array:
    generator = np.random.Generator(np.random.PCG64(seed))
    return generator.permutation(np.flatnonzero(labels >= 0))


def _first_of_class(members: Int64Array, num_per_class: int) -> Int64Array:
    return members[: min(num_per_class, max(1, len(members) // 2))]


def _split_of(name: str, num_nodes: int, *parts: Int64Array) -> Split:
    masks = np.zeros((3, num_nodes), dtype=bool)
    for mask, nodes in zip(masks, parts, strict=True):
        mask[nodes] = True
    return Split(name, *masks)
