"""Readers that take fields and tensors out of a file one by one and refuse what is left over."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from smoothbit.errors import FormatError, SchemaError, TensorError, ValueRangeError, VersionError
from smoothbit.formats.graph_values import check_finite
from smoothbit.formats.wording import UPDATE, expected
from smoothbit.typing import AnyArray

MAX_EXACT_INT = 1 << 53
MAX_FLOAT32 = float(np.finfo(np.float32).max)


class Record:
    """JSON object whose fields are taken out one at a time.

    Args:
        data: Parsed JSON; must be an object.
        where: Path of the object in messages.
        is_newer: Whether the file's minor version is above ours; an unknown field is then a
            `VersionError`, since it may carry meaning we would lose.

    Raises:
        SchemaError: `data` is not an object.
    """

    def __init__(self, data: object, where: str, is_newer: bool = False) -> None:
        if not isinstance(data, dict):
            raise SchemaError(expected(where, "a JSON object", data))
        self._unread: dict[str, object] = dict(data)
        self.where = where
        self.is_newer = is_newer

    def path(self, name: str) -> str:
        """Return the path of a field in messages."""
        return f"{self.where}.{name}"

    def take(self, name: str) -> object:
        """Return any value.

        Raises:
            SchemaError: the field is missing.
        """
        if name not in self._unread:
            raise SchemaError(expected(self.path(name), "present", "nothing"))
        return self._unread.pop(name)

    def has(self, name: str) -> bool:
        """Return whether there is such a field, not yet taken."""
        return name in self._unread

    def text(self, name: str) -> str:
        """Return a string.

        Raises:
            SchemaError: missing, or not a string, or one with half a surrogate pair, which no output can take.
        """
        value = self.take(name)
        if not isinstance(value, str):
            raise SchemaError(expected(self.path(name), "a string", value))
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise SchemaError(expected(self.path(name), "Unicode text", value))
        return value

    def optional_text(self, name: str) -> str | None:
        """Return a string, or None when there is no such field.

        Raises:
            SchemaError: not a string.
        """
        return self.text(name) if name in self._unread else None

    def flag(self, name: str) -> bool:
        """Return true or false.

        Raises:
            SchemaError: missing, or not a boolean.
        """
        value = self.take(name)
        if not isinstance(value, bool):
            raise SchemaError(expected(self.path(name), "true or false", value))
        return value

    def integer(self, name: str, low: int, high: int) -> int:
        """Return an integer in [low, high]; see `check_integer`."""
        return check_integer(self.take(name), self.path(name), low, high)

    def optional_integer(self, name: str, low: int, high: int) -> int | None:
        """Return an integer in [low, high], or None for null; see `check_integer`."""
        value = self.take(name)
        return None if value is None else check_integer(value, self.path(name), low, high)

    def number(self, name: str) -> float:
        """Return a number that is finite in float32; integers must be exact in float64.

        Raises:
            SchemaError: missing, or not a number.
            ValueRangeError: an integer beyond 2**53, or infinite in float32.
        """
        return check_number(self.take(name), self.path(name))

    def items(self, name: str) -> list[object]:
        """Return a list.

        Raises:
            SchemaError: missing, or not a list.
        """
        return check_list(self.take(name), self.path(name))

    def mapping(self, name: str) -> dict[str, object]:
        """Return an object of free content.

        Raises:
            SchemaError: missing, or not an object.
        """
        value = self.take(name)
        if not isinstance(value, dict):
            raise SchemaError(expected(self.path(name), "a JSON object", value))
        return value

    def finish(self) -> None:
        """Check that nothing is left.

        Raises:
            SchemaError: an unknown field.
            VersionError: an unknown field in a file of a newer minor version.
        """
        if self._unread:
            raise unknown(self.is_newer, SchemaError, self.where, "free of unknown fields", sorted(self._unread)[0])


class TensorShelf:
    """Tensors of a container, taken out one at a time.

    Args:
        tensors: Arrays by name.
        is_newer: As in `Record`.
    """

    def __init__(self, tensors: Mapping[str, AnyArray], is_newer: bool = False) -> None:
        self._unread = dict(tensors)
        self.is_newer = is_newer

    def take(self, name: str, dtype: type[np.generic], shape: tuple[int, ...]) -> AnyArray:
        """Return the tensor `name`; -1 in `shape` stands for any length.

        Raises:
            TensorError: missing, or of another dtype or shape.
        """
        array = self._unread.pop(name, None)
        fits = (
            array is not None
            and array.dtype == dtype
            and len(array.shape) == len(shape)
            and all(want in (-1, got) for want, got in zip(shape, array.shape, strict=True))
        )
        if array is None or not fits:
            got = "nothing" if array is None else f"{array.dtype} {list(array.shape)}"
            raise TensorError(expected(f"tensor {name}", f"{np.dtype(dtype)} {list(shape)}", got))
        return array

    def take_finite(self, name: str, shape: tuple[int, ...]) -> AnyArray:
        """Return a float32 tensor without NaN and infinity.

        Raises:
            TensorError: missing, or of another dtype or shape.
            ValueRangeError: a value is NaN or infinite.
        """
        array = self.take(name, np.float32, shape)
        check_finite(array, name)
        return array

    def finish(self) -> None:
        """Check that no tensor is left.

        Raises:
            TensorError: a superfluous tensor.
            VersionError: a superfluous tensor in a file of a newer minor version.
        """
        if self._unread:
            raise unknown(self.is_newer, TensorError, "tensors", "free of unknown names", sorted(self._unread)[0])


def check_integer(value: object, field: str, low: int, high: int) -> int:
    """Return `value` when it is an integer in [low, high].

    Raises:
        SchemaError: not an integer.
        ValueRangeError: out of range.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise SchemaError(expected(field, "an integer", value))
    if not low <= value <= high:
        raise ValueRangeError(expected(field, f"in [{low}, {high}]", value))
    return value


def check_number(value: object, field: str) -> float:
    """Return `value` when it is a number that is finite in float32; see `Record.number`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise SchemaError(expected(field, "a number", value))
    if isinstance(value, int) and abs(value) > MAX_EXACT_INT:
        raise ValueRangeError(expected(field, "exact in float64", value))
    if abs(value) > MAX_FLOAT32:
        raise ValueRangeError(expected(field, "finite in float32", value))
    return float(value)


def check_list(value: object, field: str) -> list[object]:
    """Return `value` when it is a list.

    Raises:
        SchemaError: not a list.
    """
    if not isinstance(value, list):
        raise SchemaError(expected(field, "a list", value))
    return value


def open_metadata(metadata: Mapping[str, str], file_format: str, known_version: str) -> Record:
    """Return the reader of a file's metadata after format and version are checked.

    Args:
        metadata: String metadata of the container.
        file_format: Format this reader is for, e.g. "smoothbit-model".
        known_version: Newest version this reader knows, "major.minor".

    Raises:
        SchemaError: another format, or a malformed version.
        VersionError: another major version.
    """
    record = Record(dict(metadata), "metadata")
    found = record.text("format")
    if found != file_format:
        raise SchemaError(expected("metadata.format", f"'{file_format}'", found, "Pass a file of that kind"))
    version = record.text("format_version")
    if not re.fullmatch(r"[0-9]{1,6}\.[0-9]{1,6}", version):
        raise SchemaError(expected("metadata.format_version", "major.minor", version))
    major, minor = (int(part) for part in version.split("."))
    known_major, known_minor = (int(part) for part in known_version.split("."))
    if major != known_major:
        raise VersionError(expected("metadata.format_version", f"{known_major}.x", version, UPDATE))
    record.is_newer = minor > known_minor
    return record


def unknown(is_newer: bool, otherwise: type[FormatError], field: str, rule: str, got: object) -> FormatError:
    """Return the error for something we do not know: `VersionError` in a newer file, else `otherwise`."""
    if is_newer:
        return VersionError(expected(field, rule, got, UPDATE))
    return otherwise(expected(field, rule, got))
