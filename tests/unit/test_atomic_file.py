from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from smoothbit.atomic_file import atomic_file
from smoothbit.errors import WriteError


def _write(path: Path, content: bytes) -> None:
    with atomic_file(path) as file:
        file.write(content)


def test_file_and_its_folder_appear(tmp_path: Path) -> None:
    _write(tmp_path / "new" / "folder" / "a", b"1")
    assert (tmp_path / "new" / "folder" / "a").read_bytes() == b"1"
    assert os.listdir(tmp_path / "new" / "folder") == ["a"]


def test_nothing_stands_at_the_path_before_the_end(tmp_path: Path) -> None:
    with atomic_file(tmp_path / "a") as file:
        file.write(b"1")
        assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt], ids=["error", "Ctrl-C"])
def test_failure_inside_the_block_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    _write(tmp_path / "a", b"old")

    def fail() -> None:
        with atomic_file(tmp_path / "a") as file:
            file.write(b"new")
            raise error

    with pytest.raises(error):
        fail()
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.ENOSPC, "Free space on that disk"),
        (errno.EDQUOT, "Free space in your quota"),
        (errno.EFBIG, "Raise the limit of file sizes"),
        (errno.EROFS, "Choose a folder that you may write to"),
    ],
    ids=["full disk", "quota", "limit", "read-only"],
)
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_error_names_file_reason_and_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int, remedy: str
) -> None:
    _write(tmp_path / "a", b"old")

    def fail(*arguments: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(WriteError) as caught:
        _write(tmp_path / "a", b"new")
    monkeypatch.undo()
    assert str(caught.value).startswith(f"Expected {tmp_path / 'a'} to be writable (got {os.strerror(code)}). {remedy}")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=r"\(got Is a directory\)\. Name a file, not a folder"):
        _write(tmp_path, b"1")


def test_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    _write(tmp_path / "a", b"1")
    with pytest.raises(WriteError, match=r"\(got Not a directory|File exists\)"):
        _write(tmp_path / "a" / "b", b"1")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes to read-only folders")
def test_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(WriteError, match=r"\(got Permission denied\)\. Choose a folder"):
        _write(tmp_path / "a", b"1")
    tmp_path.chmod(0o700)
    assert not list(tmp_path.iterdir())


def test_a_sole_writer_uses_up_what_a_killed_one_left(tmp_path: Path) -> None:
    (tmp_path / ".a.tmp").write_bytes(b"left")
    with atomic_file(tmp_path / "a", is_sole_writer=True) as file:
        file.write(b"1")
    assert os.listdir(tmp_path) == ["a"]
