"""Sources by name, and the promise that each is tested."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from smoothbit.data import load_dataset
from smoothbit.data.datasets import citation_full, datasets, gnn_benchmark, musae
from smoothbit.errors import ArgumentError, DatasetError, MissingExtraError
from tests.cases.dataset_case import DatasetCase
from tests.unit.data.raw_files import write_npz_graph


def cases(base: type[DatasetCase]) -> list[type[DatasetCase]]:
    return [case for sub in base.__subclasses__() for case in (sub, *cases(sub))]


def test_every_registered_name_has_a_case() -> None:
    for path in Path(__file__).parent.glob("test_*.py"):
        importlib.import_module(f"tests.unit.data.datasets.{path.stem}")
    tested = {case.name for case in cases(DatasetCase) if hasattr(case, "name")}
    assert {datasets.resolve(name).name for name in datasets.names()} == tested


def test_every_source_documents_the_counts_of_its_names() -> None:
    for name in datasets.names():
        source = datasets.resolve(name)
        for word in ("Source:", "Reference:", "Counts", f"{source.name}: N="):
            documented = [cls.__doc__ or "" for cls in type(source).__mro__]
            assert any(word in text for text in documented), f"{source.name} lacks {word}"


def test_names_are_unique_under_any_case() -> None:
    assert len(datasets.names()) == 28
    assert datasets.resolve("cOrA").name == "Cora"


@pytest.mark.parametrize(("name", "nearest"), [("Cora2", "Cora"), ("phto", "Photo"), ("romanempire", "Roman-empire")])
def test_unknown_name_suggests_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(ArgumentError, match=rf"registered name .got '{name}'.*Did you mean '{nearest}'.*Valid names"):
        load_dataset(name)


def test_missing_set_is_downloaded_into_the_cache(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_npz_graph(tmp_path / "remote/dblp.npz")
    monkeypatch.setattr(citation_full, "URL", (tmp_path / "remote").as_uri())
    dataset = load_dataset("DBLP", root, tmp_path / "cache")
    assert dataset.num_nodes == 5
    assert (tmp_path / "cache/citation_full/dblp/raw/dblp.npz").is_file()
    assert list(root.iterdir()) == []


def test_missing_set_without_network(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(musae, "URL", (tmp_path / "nowhere").as_uri())
    with pytest.raises(DatasetError, match=f"data root {root}, no complete set at {root}/musae/facebook"):
        load_dataset("facebook", root)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"\x93NUMPY\x01"], ids=["empty", "zip", "npy"])
def test_damaged_file_is_named(root: Path, content: bytes) -> None:
    path = root / "amazon/Photo/raw/amazon_electronics_photo.npz"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"dataset 'Photo' at .*readable and consistent .*Restore amazon_elec"):
        load_dataset("Photo", root)


def test_missing_package_is_not_a_damaged_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingExtraError, match="scikit-learn"):
        load_dataset("digits")


def test_repr() -> None:
    assert repr(gnn_benchmark.AmazonSource("Photo", "a.npz", 8)) == "AmazonSource('Photo')"
