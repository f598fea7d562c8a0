"""Where raw files are looked for, and how downloads arrive; file:// addresses stand for the network."""

from __future__ import annotations

import io
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from pathlib import Path

import pytest

from smoothbit.data.datasets import storage
from smoothbit.errors import DatasetError


@pytest.fixture
def remote(tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "remote"
    folder.mkdir()
    for name in ("a.bin", "b.bin"):
        (folder / name).write_bytes(name.encode() * 1000)
    return {name: (folder / name).as_uri() for name in ("a.bin", "b.bin")}


def test_data_root_comes_first_and_the_cache_is_not_touched(root: Path, tmp_path: Path) -> None:
    (root / "set").mkdir()
    (root / "set/a.bin").touch()
    found = storage.locate("set", {"a.bin": "file:///nowhere"}, root, tmp_path / "cache")
    assert found == root / "set"
    assert not (tmp_path / "cache").exists()


def test_data_root_from_the_environment(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "a.bin").touch()
    monkeypatch.setenv("SMOOTHBIT_DATA", str(root))
    assert storage.locate(".", {"a.bin": "file:///nowhere"}, None, None) == root


def test_incomplete_data_root_falls_back_to_download(root: Path, remote: dict[str, str], tmp_path: Path) -> None:
    (root / "set").mkdir()
    (root / "set/a.bin").touch()
    found = storage.locate("set", remote, root, tmp_path / "cache")
    assert found == tmp_path / "cache/set"
    assert (found / "b.bin").read_bytes() == b"b.bin" * 1000
    assert sorted(p.name for p in found.iterdir()) == ["a.bin", "b.bin"]
    assert [p.name for p in (root / "set").iterdir()] == ["a.bin"]


def test_second_use_needs_no_network(remote: dict[str, str], tmp_path: Path) -> None:
    storage.locate("set", remote, None, tmp_path / "cache")
    offline = dict.fromkeys(remote, "file:///nowhere")
    assert storage.locate("set", offline, None, tmp_path / "cache") == tmp_path / "cache/set"


def test_cache_from_the_environment(remote: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMOOTHBIT_CACHE", str(tmp_path / "elsewhere"))
    assert storage.locate("set", remote, None, None) == tmp_path / "elsewhere/set"


def test_cache_defaults_to_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SMOOTHBIT_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".cache/smoothbit/set").mkdir(parents=True)
    (tmp_path / ".cache/smoothbit/set/a.bin").touch()
    assert storage.locate("set", {"a.bin": "file:///nowhere"}, None, None) == tmp_path / ".cache/smoothbit/set"


def test_killed_download_leaves_no_final_name(remote: dict[str, str], tmp_path: Path) -> None:
    left_over = tmp_path / "cache/set/.download-killed"
    left_over.mkdir(parents=True)
    (left_over / "a.bin").write_bytes(b"half")
    found = storage.locate("set", remote, None, tmp_path / "cache")
    assert (found / "a.bin").read_bytes() == b"a.bin" * 1000


def test_several_downloads_at_once(remote: dict[str, str], tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(storage.locate, "set", remote, None, tmp_path / "cache") for _ in range(12)]
    assert {job.result() for job in jobs} == {tmp_path / "cache/set"}
    assert sorted(p.name for p in (tmp_path / "cache/set").iterdir()) == ["a.bin", "b.bin"]


def test_failed_download_names_root_path_and_remedy(root: Path, tmp_path: Path) -> None:
    files = {"a.bin": (tmp_path / "missing").as_uri()}
    with pytest.raises(DatasetError) as caught:
        storage.locate("set", files, root, tmp_path / "cache")
    message = str(caught.value)
    assert message.startswith("Expected a.bin to be under the data root, in the cache or downloadable (got")
    assert f"data root {root}" in message
    assert f"Put the file at {root / 'set/a.bin'}" in message
    assert "SMOOTHBIT_DATA" in message


def test_failed_download_without_a_root(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"data root not set, .*Put the file at <data-root>/set/a.bin"):
        storage.locate("set", {"a.bin": (tmp_path / "missing").as_uri()}, None, tmp_path / "cache")


def test_one_missing_file_brings_no_other(remote: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        storage.download(remote | {"c.bin": "file:///nowhere"}, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_short_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = io.BytesIO(b"12345")
    headers = Message()
    headers["Content-Length"] = "9"
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: Answer(answer, headers))
    with pytest.raises(OSError, match="sent 5 of 9 bytes"):
        storage.fetch("https://example.invalid/a.bin", tmp_path / "a.bin")


class Answer(io.BufferedReader):
    """A response with headers."""

    def __init__(self, raw: io.BytesIO, headers: Message) -> None:
        super().__init__(raw)  # type: ignore[arg-type]
        self.headers = headers
