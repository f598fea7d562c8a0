"""Heterophilous graphs."""

from pathlib import Path

import numpy as np
import pytest

from smoothbit.data import load_dataset
from smoothbit.errors import DatasetError
from tests.cases.dataset_case import DatasetCase
from tests.unit.data.raw_files import snapshot, write_heterophilous


class HeterophilousCase(DatasetCase):
    num_public = 10


class TestRomanEmpire(HeterophilousCase):
    name, counts = "Roman-empire", (22_662, 32_927, 300, 18)


class TestAmazonRatings(HeterophilousCase):
    name, counts = "Amazon-ratings", (24_492, 93_050, 300, 5)


class TestMinesweeper(HeterophilousCase):
    name, counts, metric = "Minesweeper", (10_000, 39_402, 7, 2), "roc_auc"


class TestTolokers(HeterophilousCase):
    name, counts, metric = "Tolokers", (11_758, 519_000, 10, 2), "roc_auc"


class TestQuestions(HeterophilousCase):
    name, counts, metric = "Questions", (48_921, 153_540, 301, 2), "roc_auc"


class TestChameleon(HeterophilousCase):
    name, counts = "chameleon", (890, 8_854, 2_325, 5)


class TestSquirrel(HeterophilousCase):
    name, counts = "squirrel", (2_223, 46_998, 2_089, 5)


class TestActor(HeterophilousCase):
    name, counts = "actor", (7_600, 26_659, 932, 5)


@pytest.mark.parametrize(
    ("name", "file_name"),
    [("Roman-empire", "roman_empire"), ("chameleon", "chameleon_filtered"), ("tolokers", "tolokers")],
)
def test_reads_the_layout_and_writes_nothing(root: Path, name: str, file_name: str) -> None:
    write_heterophilous(root / f"heterophilous/{file_name}.npz")
    before = snapshot(root)
    dataset = load_dataset(name, root)
    assert snapshot(root) == before
    assert (dataset.num_edges, len(dataset.public_splits)) == (4, 10)
    assert dataset.split("public", seed=12).name == "public-2"
    assert np.flatnonzero(dataset.split("public-3").train).tolist() == [2, 3]


def test_real_features_are_standardised(root: Path) -> None:
    write_heterophilous(root / "heterophilous/actor.npz", node_features=np.arange(15.0).reshape(5, 3))
    matrix = load_dataset("actor", root).features.matrix
    assert isinstance(matrix, np.ndarray)
    assert np.allclose(matrix.std(axis=0), 1)


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"edges": np.array([[0, 5]])}, r"`targets` to be in \[0, 5\) \(got 5\)"),
        ({"node_labels": np.array([0, 1, 5, 0, 0])}, "got 5 at node 2"),
        ({"node_features": np.full((5, 2), np.nan)}, "got nan at node 0"),
        ({"node_features": np.ones((4, 2))}, r"`labels` to be int64 \[4\]"),
        ({"train_masks": np.ones((10, 5), dtype=bool)}, "to be disjoint"),
    ],
    ids=["edge", "label", "nan", "length", "overlap"],
)
def test_inconsistent_file_is_named(root: Path, changes: dict[str, np.ndarray], shown: str) -> None:
    write_heterophilous(root / "heterophilous/actor.npz", **changes)
    with pytest.raises(DatasetError, match=rf"dataset 'actor' at .*heterophilous .*{shown}.*Restore actor.npz"):
        load_dataset("actor", root)
