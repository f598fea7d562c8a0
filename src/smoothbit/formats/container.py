"""The safetensors container: 8 bytes of header length, a JSON header, raw little-endian tensors.

The header is checked here, not by the safetensors library, because each way to be wrong has
its own error and because tensors must be views of a memory map. It is also written here: the
library orders metadata at random, and the same model must give the same bytes each time.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from smoothbit.atomic_file import atomic_file
from smoothbit.errors import (
    ArgumentError,
    HeaderError,
    SchemaError,
    TensorError,
    TruncatedFileError,
    ValueRangeError,
)
from smoothbit.formats.json_text import parse_json, to_json
from smoothbit.formats.record import Record, check_integer
from smoothbit.formats.wording import expected
from smoothbit.typing import AnyArray, UInt8Array

LENGTH_BYTES = 8
MAX_HEADER_BYTES = 1_000_000
"""Parsed JSON takes up to 46 bytes for each byte of text: what a refused file may cost stays below 64 MB."""
MAX_RANK = 8
MAX_EXTENT = (1 << 63) - 1
DTYPES: dict[str, np.dtype[np.generic]] = {
    "U8": np.dtype("u1"),
    "I32": np.dtype("<i4"),
    "I64": np.dtype("<i8"),
    "F32": np.dtype("<f4"),
}
COPY = "Copy the file again from its source"


@dataclass(frozen=True)
class Container:
    """What a container file holds.

    Args:
        metadata: String metadata.
        tensors: Arrays by name; views of a read-only memory map when it was opened with `mmap`.
    """

    metadata: dict[str, str]
    tensors: dict[str, AnyArray]


@dataclass(frozen=True)
class _Entry:
    """Place of one tensor; `begin` and `end` are bytes from the first tensor byte."""

    name: str
    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    begin: int
    end: int


def encode_header(tensors: Mapping[str, AnyArray], metadata: Mapping[str, str]) -> bytes:
    """Return length and header: metadata by key, tensors by falling item size, then name.

    Raises:
        ArgumentError: a tensor has a dtype the container does not hold, or the header is too long to be read.
    """
    names = {dtype: name for name, dtype in DTYPES.items()}
    header: dict[str, object] = {"__metadata__": dict(sorted(metadata.items()))}
    begin = 0
    for name in _file_order(tensors):
        array = tensors[name]
        if array.dtype not in names:
            raise ArgumentError(expected(name, f"one of {', '.join(DTYPES)}", str(array.dtype), "Convert it"))
        end = begin + array.nbytes
        header[name] = {"dtype": names[array.dtype], "shape": list(array.shape), "data_offsets": [begin, end]}
        begin = end
    text = to_json(header).encode("ascii")
    text += b" " * (-len(text) % LENGTH_BYTES)
    if len(text) > MAX_HEADER_BYTES:
        rule = f"at most {MAX_HEADER_BYTES} bytes"
        raise ArgumentError(expected("header", rule, len(text), "Shorten `info.training`, or use fewer steps"))
    return len(text).to_bytes(LENGTH_BYTES, "little") + text


def write_container(path: str | Path, tensors: Mapping[str, AnyArray], metadata: Mapping[str, str]) -> None:
    """Write a file that is either complete or not there.

    See `atomic_file`: on failure a file that stood at `path` stays as it was.

    Args:
        path: Target.
        tensors: Arrays by name, of dtype uint8, int32, int64 or float32.
        metadata: String metadata.

    Raises:
        ArgumentError: a tensor has another dtype, or the metadata is too long.
        WriteError: the folder cannot be written, or the disk is full.
    """
    header = encode_header(tensors, metadata)
    with atomic_file(path) as file:
        file.write(header)
        for name in _file_order(tensors):
            file.write(np.ascontiguousarray(tensors[name]).reshape(-1).view(np.uint8).data)


def read_container(path: str | Path, *, mmap: bool = True) -> Container:
    """Read a container after its whole header is checked.

    Args:
        path: File.
        mmap: Whether tensors are views of a read-only memory map (nothing is read until it is
            used; do not truncate the file meanwhile) or of a private copy.

    Raises:
        TruncatedFileError: the file ends before the header or the tensors do.
        HeaderError: the header is too long, not JSON, or the file goes on after the tensors.
        SchemaError: a header field is missing, unknown or of the wrong kind.
        TensorError: unknown dtype, wrong byte count, hole, overlap or misalignment.
        ValueRangeError: an extent or offset is negative or too large.
        OSError: the file cannot be opened.
    """
    with Path(path).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        text = _header_text(file, size)
        start = LENGTH_BYTES + len(text)
        metadata, entries = _parse_header(text)
        _check_layout(entries, start, size)
        file.seek(0)
        source: UInt8Array = np.memmap(file, np.uint8, "r") if mmap else np.fromfile(file, np.uint8)
    data = np.asarray(source)[start:]
    tensors = {e.name: data[e.begin : e.end].view(e.dtype).reshape(e.shape) for e in entries}
    return Container(metadata, tensors)


def _file_order(tensors: Mapping[str, AnyArray]) -> list[str]:
    """Return names by falling item size, so that every tensor is aligned, then by name."""
    return sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))


def _header_text(file: BinaryIO, size: int) -> bytes:
    if size < LENGTH_BYTES:
        raise TruncatedFileError(expected("file", f"at least {LENGTH_BYTES} bytes", size, COPY))
    length = int.from_bytes(file.read(LENGTH_BYTES), "little")
    if length > MAX_HEADER_BYTES:
        raise HeaderError(expected("header length", f"at most {MAX_HEADER_BYTES}", length, "Pass a smoothbit file"))
    if LENGTH_BYTES + length > size:
        raise TruncatedFileError(expected("file", f"at least {LENGTH_BYTES + length} bytes", size, COPY))
    return file.read(length)


def _parse_header(text: bytes) -> tuple[dict[str, str], list[_Entry]]:
    header = parse_json(text, "header")
    if not isinstance(header, dict):
        raise SchemaError(expected("header", "a JSON object", header))
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise SchemaError(expected("header.__metadata__", "an object of strings", metadata))
    entries = [_parse_entry(name, value) for name, value in header.items()]
    return metadata, sorted(entries, key=lambda entry: (entry.begin, entry.end))


def _parse_entry(name: str, value: object) -> _Entry:
    record = Record(value, f"header[{name!r:.60}]")
    dtype_name = record.text("dtype")
    if dtype_name not in DTYPES:
        raise TensorError(expected(record.path("dtype"), f"one of {', '.join(DTYPES)}", dtype_name))
    dtype = DTYPES[dtype_name]
    shape = record.items("shape")
    offsets = record.items("data_offsets")
    record.finish()
    if len(shape) > MAX_RANK or len(offsets) != 2:
        rule = f"at most {MAX_RANK} extents and 2 offsets"
        raise SchemaError(expected(record.where, rule, f"{len(shape)} and {len(offsets)}"))
    extents = tuple(check_integer(extent, record.path("shape"), 0, MAX_EXTENT) for extent in shape)
    begin, end = (check_integer(offset, record.path("data_offsets"), 0, MAX_EXTENT) for offset in offsets)
    if math.prod(max(extent, 1) for extent in extents) * dtype.itemsize > MAX_EXTENT:
        raise ValueRangeError(expected(record.path("shape"), "less than 2**63 bytes", shape))
    num_bytes = math.prod(extents) * dtype.itemsize
    if end - begin != num_bytes:
        raise TensorError(expected(record.path("data_offsets"), f"{num_bytes} bytes apart", [begin, end]))
    return _Entry(name, dtype, extents, begin, end)


def _check_layout(entries: list[_Entry], start: int, size: int) -> None:
    cursor = 0
    for entry in entries:
        field = f"header[{entry.name!r:.60}].data_offsets"
        if entry.begin != cursor:
            raise TensorError(expected(field, f"without hole or overlap, from {cursor}", entry.begin))
        if (start + entry.begin) % entry.dtype.itemsize:
            rule = f"a file position divisible by {entry.dtype.itemsize}"
            raise TensorError(expected(field, rule, start + entry.begin))
        cursor = entry.end
    if start + cursor > size:
        raise TruncatedFileError(expected("file", f"{start + cursor} bytes", size, COPY))
    if start + cursor < size:
        raise HeaderError(expected("file", f"{start + cursor} bytes", size, "Remove the bytes after the last tensor"))
