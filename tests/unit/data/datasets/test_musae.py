"""Facebook pages."""

from pathlib import Path

import pytest

from smoothbit.data import load_dataset
from smoothbit.errors import DatasetError
from tests.cases.dataset_case import DatasetCase
from tests.unit.data.raw_files import snapshot, write_musae


class TestFacebook(DatasetCase):
    name, counts = "facebook", (22_470, 171_002, 4_714, 4)


def test_reads_the_three_files_and_writes_nothing(root: Path) -> None:
    write_musae(root / "musae/facebook")
    before = snapshot(root)
    dataset = load_dataset("facebook", root)
    assert snapshot(root) == before
    assert dataset.labels.tolist() == [3, 0, 0, 2]
    assert dataset.adjacency.indices.tolist() == [1, 0, 2, 1, 3]
    assert dataset.features.to_dense().tolist() == [
        [0, 1, 0, 0, 0],
        [0, 0, 0, 0, 0],
        [0.5, 0, 0, 0, 0.5],
        [0, 0, 1, 0, 0],
    ]


def test_unknown_page_type(root: Path) -> None:
    write_musae(root / "musae/facebook", page_types=("company", "band", "company", "company"))
    with pytest.raises(DatasetError, match=r"`page_type` to be one of company, .*got 'band' at node 1"):
        load_dataset("facebook", root)


def test_pages_in_another_order(root: Path) -> None:
    write_musae(root / "musae/facebook")
    target = root / "musae/facebook/facebook_target.csv"
    header, first, second, *rest = target.read_text(encoding="utf-8").splitlines()
    target.write_text("\n".join([header, second, first, *rest]), encoding="utf-8")
    with pytest.raises(DatasetError, match=r"Expected `id` to count from 0 \(got 1 in row 0"):
        load_dataset("facebook", root)


def test_features_of_a_page_that_is_not_there(root: Path) -> None:
    write_musae(root / "musae/facebook")
    (root / "musae/facebook/facebook.json").write_text('{"7": [1]}')
    with pytest.raises(DatasetError, match=r"`rows` to be in \[0, 4\) \(got 7\)"):
        load_dataset("facebook", root)
