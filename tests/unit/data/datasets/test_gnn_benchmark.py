"""Amazon and Coauthor graphs."""

from pathlib import Path

import numpy as np
import pytest

from smoothbit.data import load_dataset
from tests.cases.dataset_case import DatasetCase
from tests.unit.data.raw_files import LABELS, snapshot, write_npz_graph


class TestComputers(DatasetCase):
    name, counts = "Computers", (13_752, 245_861, 767, 10)


class TestPhoto(DatasetCase):
    name, counts = "Photo", (7_650, 119_081, 745, 8)


class TestCS(DatasetCase):
    name, counts = "CS", (18_333, 81_894, 6_805, 15)


class TestPhysics(DatasetCase):
    name, counts = "Physics", (34_493, 247_962, 8_415, 5)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("Computers", "amazon/Computers/raw/amazon_electronics_computers.npz"),
        ("Photo", "amazon/Photo/raw/amazon_electronics_photo.npz"),
        ("CS", "coauthor/CS/raw/ms_academic_cs.npz"),
        ("Physics", "coauthor/Physics/raw/ms_academic_phy.npz"),
    ],
)
def test_reads_the_layout_and_writes_nothing(root: Path, name: str, path: str) -> None:
    write_npz_graph(root / path)
    before = snapshot(root)
    dataset = load_dataset(name, root)
    assert snapshot(root) == before
    assert (dataset.name, dataset.num_nodes, dataset.num_edges) == (name, 5, 4)
    assert np.array_equal(dataset.labels, LABELS)
