"""Splits: names, sizes, seeds, and nodes that must stay out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothbit.data.splits import Split, make_split, splits_from_masks
from smoothbit.errors import ArgumentError, DatasetError, ShapeError

BALANCED = np.arange(2000) % 4
UNLABELLED = np.where(np.arange(2000) % 3 == 0, -1, BALANCED)


def public(count: int) -> tuple[Split, ...]:
    parts = np.arange(2000)[None, :] + np.arange(count)[:, None]
    return splits_from_masks(parts % 3 == 0, parts % 3 == 1, parts % 3 == 2)


def sizes(split: Split) -> tuple[int, int, int]:
    return int(split.train.sum()), int(split.val.sum()), int(split.test.sum())


def test_random_20_takes_20_a_class_500_and_the_rest() -> None:
    split = make_split(BALANCED, name="random-20", seed=1)
    assert sizes(split) == (80, 500, 1420)
    assert np.bincount(BALANCED[split.train]).tolist() == [20, 20, 20, 20]


def test_random_60_20_20() -> None:
    assert sizes(make_split(BALANCED, name="random-60-20-20")) == (1200, 400, 400)


@pytest.mark.parametrize("name", ["random-20", "random-60-20-20"])
def test_unlabelled_nodes_are_never_selected(name: str) -> None:
    split = make_split(UNLABELLED, name=name)
    chosen = split.train | split.val | split.test
    assert np.array_equal(chosen, UNLABELLED >= 0)


@pytest.mark.parametrize("name", ["random-20", "random-60-20-20"])
def test_recorded_name_draws_the_same_split(name: str) -> None:
    first = make_split(BALANCED, name=name, seed=4)
    again = make_split(BALANCED, name=first.name, seed=99)
    assert first.name == again.name == f"{name}/seed=4"
    assert np.array_equal(first.train, again.train)
    assert np.array_equal(first.test, again.test)


def test_seeds_differ() -> None:
    first, second = (make_split(BALANCED, name="random-20", seed=seed).train for seed in (0, 1))
    assert not np.array_equal(first, second)


def test_seed_zero_is_fixed_for_all_time() -> None:
    split = make_split(np.arange(12) % 2, name="random-60-20-20", seed=0)
    drawn = np.random.Generator(np.random.PCG64(0)).permutation(12)
    assert sorted(drawn[:7]) == np.flatnonzero(split.train).tolist()


def test_default_is_random_20_without_public_splits() -> None:
    assert make_split(BALANCED, seed=2).name == "random-20/seed=2"


def test_plain_public_takes_the_split_at_seed_modulo_count() -> None:
    assert make_split(BALANCED, public(10), seed=13).name == "public-3"
    assert make_split(BALANCED, public(10), "Public-7", seed=13).name == "public-7"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("random20", "Did you mean 'random-20'"),
        ("public-10", "Did you mean 'public-1'"),
        ("publik", "'public'"),
    ],
)
def test_unknown_name_suggests_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(ArgumentError, match=rf"Expected `name` to be a split of this dataset .got '{name}'.*{hint}"):
        make_split(BALANCED, public(10), name)


def test_public_without_public_splits() -> None:
    with pytest.raises(ArgumentError, match=r"got 'public'.*Valid names: random-20, random-60-20-20\."):
        make_split(BALANCED, name="public")


def test_negative_seed() -> None:
    with pytest.raises(ArgumentError, match=r"Expected `seed` to be at least 0 .got -1"):
        make_split(BALANCED, seed=-1)


@pytest.mark.parametrize("labels", [[], [-1, -1], [0, 1, 1]], ids=["no-node", "no-label", "too-few"])
def test_too_few_labelled_nodes(labels: list[int]) -> None:
    for name in ("random-20", "random-60-20-20"):
        with pytest.raises(DatasetError, match=r"Expected `labels` .*labelled"):
            make_split(np.array(labels, dtype=np.int64), name=name)


@given(st.lists(st.integers(-1, 3), min_size=0, max_size=200), st.integers(0, 5))
def test_small_graphs_give_three_parts_or_a_clear_error(labels: list[int], seed: int) -> None:
    known = np.array(labels, dtype=np.int64)
    try:
        split = make_split(known, seed=seed)
    except DatasetError:
        assert (known >= 0).sum() < 6
        return
    assert min(sizes(split)) > 0
    assert sum(sizes(split)) == (known >= 0).sum()
    assert set(known[split.train]) == set(known[known >= 0])


def test_mask_of_another_length() -> None:
    with pytest.raises(ShapeError, match=r"Expected `val` to be bool \[2\] \(got bool \[3\]\)"):
        Split("public", np.zeros(2, dtype=bool), np.zeros(3, dtype=bool), np.zeros(2, dtype=bool))


def test_mask_of_integers() -> None:
    with pytest.raises(ShapeError, match=r"Expected `train` to be bool \[2\] \(got int64"):
        Split("public", np.zeros(2, dtype=np.int64), np.zeros(2, dtype=bool), np.zeros(2, dtype=bool))


def test_overlap() -> None:
    flags = np.array([False, True])
    with pytest.raises(DatasetError, match=r"split 'public' to be disjoint \(got node 1 in two"):
        Split("public", flags, flags, ~flags)
