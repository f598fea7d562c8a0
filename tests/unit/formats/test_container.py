from __future__ import annotations

import json
import os
import struct

import numpy as np
import pytest
import safetensors.numpy

from smoothbit.errors import (
    ArgumentError,
    HeaderError,
    SchemaError,
    TensorError,
    TruncatedFileError,
    ValueRangeError,
    WriteError,
)
from smoothbit.formats.container import encode_header, read_container, write_container

TENSORS = {
    "codes": np.arange(5, dtype=np.uint8).reshape(1, 5),
    "indices": np.array([-1, 7], np.int32),
    "indptr": np.array([0, 2**40], np.int64),
    "scale": np.array([[0.5], [-0.0]], np.float32),
    "empty": np.zeros((0, 3), np.float32),
    "scalar": np.array(3, np.int32),
}
METADATA = {"z": "last", "format": "é\n"}


def save(path, header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def entry(dtype="U8", shape=(4,), offsets=(0, 4)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize("mmap", [True, False], ids=["mapped", "copied"])
def test_round_trip(tmp_path, mmap):
    path = tmp_path / "file.smoothbit"
    write_container(path, TENSORS, METADATA)
    container = read_container(path, mmap=mmap)
    assert container.metadata == METADATA
    assert sorted(container.tensors) == sorted(TENSORS)
    for name, array in TENSORS.items():
        found = container.tensors[name]
        assert (found.dtype, found.shape, found.tobytes()) == (array.dtype, array.shape, array.tobytes())
        assert found.flags.aligned
        assert found.flags.writeable is not mmap


def test_safetensors_reads_what_we_write(tmp_path):
    write_container(tmp_path / "a", TENSORS, METADATA)
    found = safetensors.numpy.load_file(tmp_path / "a")
    assert {name: array.tobytes() for name, array in found.items()} == {n: a.tobytes() for n, a in TENSORS.items()}


def test_we_read_what_safetensors_writes(tmp_path):
    safetensors.numpy.save_file(TENSORS, tmp_path / "a", metadata=METADATA)
    container = read_container(tmp_path / "a")
    assert container.metadata == METADATA
    assert {n: a.tobytes() for n, a in container.tensors.items()} == {n: a.tobytes() for n, a in TENSORS.items()}


def test_file_without_tensors_or_metadata(tmp_path):
    assert read_container(save(tmp_path / "a", {})).tensors == {}


def test_same_content_same_bytes(tmp_path):
    write_container(tmp_path / "a", TENSORS, METADATA)
    write_container(tmp_path / "b", dict(reversed(TENSORS.items())), dict(reversed(METADATA.items())))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_literal_bytes(tmp_path):
    write_container(tmp_path / "a", {"x": np.array([1, 2], np.uint8)}, {"k": "v"})
    text = b'{"__metadata__":{"k":"v"},"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}  '
    assert (tmp_path / "a").read_bytes() == b"\x50" + bytes(7) + text + b"\x01\x02"


def test_old_file_stays_when_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / "a"
    write_container(path, {"x": np.array([1], np.uint8)}, {})
    before = path.read_bytes()

    def fail(descriptor):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(WriteError, match=r"a to be writable \(got disk full\)"):
        write_container(path, TENSORS, {})
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a"]


def test_a_mapped_file_can_be_replaced(tmp_path):
    write_container(tmp_path / "a", {"x": np.array([1, 2], np.uint8)}, {})
    mapped = read_container(tmp_path / "a").tensors
    write_container(tmp_path / "a", {"x": mapped["x"][::-1]}, {})
    assert mapped["x"].tolist() == [1, 2]
    assert read_container(tmp_path / "a").tensors["x"].tolist() == [2, 1]


def test_other_dtypes_are_not_written():
    with pytest.raises(ArgumentError, match=r"`x` to be one of U8, I32, I64, F32 \(got 'float64'\). Convert it"):
        encode_header({"x": np.zeros(1)}, {})


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", r"`file` to be at least 8 bytes \(got 0\)"),
        (b"1234567", r"got 7\)"),
        (struct.pack("<Q", 100) + b"{}", r"`file` to be at least 108 bytes \(got 10\)"),
    ],
)
def test_file_shorter_than_its_header(tmp_path, content, match):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(TruncatedFileError, match=match):
        read_container(tmp_path / "a")


def test_header_length_is_capped(tmp_path):
    with pytest.raises(HeaderError, match=r"`header length` to be at most 1000000 \(got 1152921504606846976\)"):
        read_container(save(tmp_path / "a", b"{}", length=1 << 60))


def test_missing_tensor_bytes(tmp_path):
    with pytest.raises(TruncatedFileError, match=r"`file` to be 72 bytes \(got 71\)"):
        read_container(save(tmp_path / "a", {"x": entry()}, b"abc"))


def test_bytes_after_the_last_tensor(tmp_path):
    with pytest.raises(HeaderError, match=r"`file` to be 72 bytes \(got 73\). Remove the bytes"):
        read_container(save(tmp_path / "a", {"x": entry()}, b"abcde"))


@pytest.mark.parametrize(
    ("header", "error", "match"),
    [
        (b"nonsense", HeaderError, "`header` to be UTF-8 JSON"),
        (b'{"x":1,"x":2}', HeaderError, "without repeated keys"),
        ([], SchemaError, r"`header` to be a JSON object \(got \[\]\)"),
        ({"__metadata__": {"a": 1}}, SchemaError, r"`header.__metadata__` to be an object of strings"),
        ({"__metadata__": []}, SchemaError, "an object of strings"),
        ({"x": 1}, SchemaError, r"`header\['x'\]` to be a JSON object \(got 1\)"),
        ({"x": {"dtype": "U8", "shape": [4]}}, SchemaError, r"`header\['x'\].data_offsets` to be present"),
        ({"x": {**entry(), "extra": 1}}, SchemaError, r"free of unknown fields \(got 'extra'\)"),
        ({"x": entry(dtype="F64")}, TensorError, r"\.dtype` to be one of U8, I32, I64, F32 \(got 'F64'\)"),
        ({"x": {**entry(), "dtype": 8}}, SchemaError, r"\.dtype` to be a string \(got 8\)"),
        ({"x": entry(shape=[1.5])}, SchemaError, r"\.shape` to be an integer \(got 1.5\)"),
        (
            {"x": entry(shape=[-4])},
            ValueRangeError,
            r"\.shape` to be in \[0, 9223372036854775807\] \(got -4\)",
        ),
        ({"x": entry(shape=[1] * 9)}, SchemaError, r"at most 8 extents and 2 offsets \(got '9 and 2'\)"),
        ({"x": entry(offsets=[0])}, SchemaError, r"got '1 and 1'"),
        ({"x": entry(shape=[2**62, 4])}, ValueRangeError, r"\.shape` to be less than 2\*\*63 bytes"),
        ({"x": entry(shape=[0, 2**62, 4], offsets=[0, 0])}, ValueRangeError, "less than 2"),
        ({"x": entry(offsets=[-4, 0])}, ValueRangeError, r"\.data_offsets` to be in .*got -4"),
        ({"x": entry(offsets=[4, 0])}, TensorError, r"\.data_offsets` to be 4 bytes apart \(got \[4, 0\]\)"),
        ({"x": entry(offsets=[0, 3])}, TensorError, "4 bytes apart"),
        ({"x": entry(offsets=[1, 5])}, TensorError, r"without hole or overlap, from 0 \(got 1\)"),
        (
            {"x": entry(), "y": entry(offsets=[3, 7])},
            TensorError,
            r"header\['y'\].*without hole or overlap, from 4",
        ),
        ({"x": entry(), "y": entry()}, TensorError, "without hole or overlap"),
        (
            {"x": entry(dtype="F32", shape=[1])},
            TensorError,
            r"to be a file position divisible by 4 \(got 6\d\)",
        ),
    ],
)
def test_header_refusals(tmp_path, header, error, match):
    with pytest.raises(error, match=match):
        read_container(save(tmp_path / "a", header, b"abcd"))


def test_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_container(tmp_path / "nothing")


def test_header_that_no_reader_takes_is_not_written(tmp_path):
    with pytest.raises(ArgumentError, match=r"`header` to be at most 1000000 bytes \(got 1000\d{3}\)"):
        write_container(tmp_path / "x", {}, {"info": "x" * 1_000_000})
    assert not list(tmp_path.iterdir())
