"""Planetoid graphs."""

from pathlib import Path

import numpy as np
import pytest

from smoothbit.data import load_dataset
from smoothbit.errors import DatasetError
from tests.cases.dataset_case import DatasetCase
from tests.unit.data.raw_files import snapshot, write_planetoid


class PlanetoidCase(DatasetCase):
    num_public = 1


class TestCora(PlanetoidCase):
    name, counts = "Cora", (2_708, 5_278, 1_433, 7)


class TestCiteSeer(PlanetoidCase):
    name, counts = "CiteSeer", (3_327, 4_552, 3_703, 6)


class TestPubMed(PlanetoidCase):
    name, counts = "PubMed", (19_717, 44_324, 500, 3)


def test_reads_the_layout_and_writes_nothing(root: Path) -> None:
    write_planetoid(root / "planetoid/Cora/raw", "Cora")
    before = snapshot(root)
    dataset = load_dataset("cora", root)
    assert snapshot(root) == before
    # 530 edges of the cycle; the self-loops go, as in PyG.
    assert (dataset.num_nodes, dataset.num_edges, dataset.num_features) == (530, 530, 8)
    split = dataset.split()
    assert split.name == "public"
    assert (split.train.sum(), split.val.sum(), split.test.sum()) == (7, 500, 10)
    # Rows of the test files are in the order of `test.index`, which counts down here.
    assert dataset.labels[529] == 520 % 7
    assert np.array_equal(dataset.labels[:520], np.arange(520) % 7)


def test_damaged_pickle_is_named(root: Path) -> None:
    write_planetoid(root / "planetoid/Cora/raw", "Cora")
    (root / "planetoid/Cora/raw/ind.cora.allx").write_bytes(b"\x80\x02garbage")
    with pytest.raises(DatasetError, match=r"dataset 'Cora' at .*planetoid/Cora/raw .*Restore ind.cora.x"):
        load_dataset("Cora", root)
