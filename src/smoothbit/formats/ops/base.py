"""What every kind of operation has in common in a file: how it is read, written, and what its value is like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from smoothbit.errors import SchemaError, ValueRangeError
from smoothbit.formats.law_table import LawWriter, check_width
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.formats.record import Record, TensorShelf, check_integer, check_number, unknown
from smoothbit.formats.schema import Laws
from smoothbit.formats.wording import expected
from smoothbit.numerics.affine import AffineLaw
from smoothbit.numerics.packing import packed_row_bytes, padding_is_zero
from smoothbit.typing import AnyArray, Float32Array

MAX_WIDTH = (1 << 31) - 1
MAX_STEPS = 65_535
JsonObject = dict[str, object]


@dataclass(frozen=True)
class ValueKind:
    """What a value is like.

    Args:
        width: Number of channels.
        law: Law of its codes, or None for float32.
        domain: "nodes", or "graphs" after a readout: what has a row.
    """

    width: int
    law: AffineLaw | None
    domain: str = "nodes"


@dataclass(frozen=True)
class OpFormat:
    """How one kind of operation stands in a file.

    Args:
        read: Reads an operation and trusts nothing.
        write: Returns its fields after `kind`; hands its tensors and laws to the writer.
        kind_of_value: What it writes, from the kinds of the values before it.
    """

    read: Callable[[OpReader], Any]
    write: Callable[[Any, OpWriter], JsonObject]
    kind_of_value: Callable[[Any, Sequence[ValueKind]], ValueKind]


@dataclass
class OpReader:
    """Reader of one operation.

    Args:
        record: Its JSON object.
        prefix: Start of the names of its tensors.
        shelf: Tensors of the file.
        laws: Laws of the file.
        values: Kinds of the values 1, 2, .. before it.
        used: Laws that were referred to.
    """

    record: Record
    prefix: str
    shelf: TensorShelf
    laws: tuple[AffineLaw, ...]
    values: Sequence[ValueKind]
    used: set[int] = field(default_factory=set)

    def value(self, number: int) -> ValueKind:
        """Return what an earlier value is like."""
        return self.values[number - 1]

    def source(self, name: str = "source") -> int:
        """Return the number of a value that is read; only `features` may read value 0."""
        return self.record.integer(name, 1, len(self.values))

    def row_source(self, name: str = "source") -> int:
        """Return the number of a value whose rows all have one law."""
        return self.check_source(self.source(name), self.record.path(name))

    def node_source(self, name: str = "source", width: int | None = None) -> int:
        """Return the number of a value of nodes, all with one law, `width` channels wide unless None.

        Raises:
            ValueRangeError: its rows are graphs, or have laws of their own, or another width.
        """
        return self._node_source(self.record.take(name), name, width)

    def _node_source(self, item: object, name: str, width: int | None) -> int:
        field_ = self.record.path(name)
        number = self.check_source(check_integer(item, field_, 1, len(self.values)), field_)
        value = self.value(number)
        if value.domain != "nodes":
            raise ValueRangeError(
                expected(field_, "a value with a row for each node", f"{value.domain} after a readout")
            )
        if width is not None and value.width != width:
            raise ValueRangeError(expected(field_, f"a value of {width} channels, as the source", value.width))
        return number

    def optional_node_source(self, name: str, width: int) -> int | None:
        """Return the number of a value as `node_source` does, or None for null."""
        number = self.record.take(name)
        return None if number is None else self._node_source(number, name, width)

    def check_source(self, number: int, field_: str) -> int:
        """Return `number` when that value has one law for all rows.

        Raises:
            ValueRangeError: it has one for each node.
        """
        law = self.value(number).law
        if law is not None and law.granularity == "per_node":
            raise ValueRangeError(expected(field_, "a value with one law for all nodes", law.granularity))
        return number

    def numbers(self, name: str) -> tuple[float, ...]:
        """Return a list of numbers that are finite in float32."""
        items, path = self.record.items(name), self.record.path(name)
        return tuple(check_number(item, f"{path}[{k}]") for k, item in enumerate(items))

    def sources(self, most: int) -> tuple[int, ...]:
        """Return the numbers of 1 to `most` values of one domain.

        Raises:
            SchemaError: another count.
            ValueRangeError: one is not there, or its rows are others than those of the first.
        """
        items, path = self.record.items("sources"), self.record.path("sources")
        if not 1 <= len(items) <= most:
            raise SchemaError(expected(path, f"a list of 1 to {most} values", len(items)))
        numbers = []
        for k, item in enumerate(items):
            number = check_integer(item, f"{path}[{k}]", 1, len(self.values))
            numbers.append(self.check_source(number, f"{path}[{k}]"))
            domain = self.value(numbers[0]).domain
            if self.value(number).domain != domain:
                raise ValueRangeError(expected(f"{path}[{k}]", f"a value of {domain}", self.value(number).domain))
        return tuple(numbers)

    def check_widths(self, numbers: Sequence[int]) -> int:
        """Return the width that all these values have.

        Raises:
            ValueRangeError: they differ.
        """
        widths = [self.value(number).width for number in numbers]
        if len(set(widths)) > 1:
            raise ValueRangeError(expected(self.record.path("sources"), "values of one width", widths))
        return widths[0]

    def law(self, name: str, width: int, *, for_nodes: bool = False) -> AffineLaw | None:
        """Return the law that a field refers to, checked against `width` channels."""
        return self._law(self.record.take(name), self.record.path(name), width, for_nodes)

    def message_law(self, width: int) -> AffineLaw | None:
        """Return the law `message` of what is reduced: channels do not mix, so each may have its own.

        Raises:
            ValueRangeError: it has groups of channels.
        """
        law = self.law("message", width)
        if law is not None and law.granularity == "per_group":
            raise ValueRangeError(expected(self.record.path("message"), "per tensor or channel", law.granularity))
        return law

    def law_list(self, name: str, width: int, lengths: tuple[int, ...]) -> Laws:
        """Return a list of laws, one of `lengths` long."""
        items = self.record.items(name)
        if len(items) not in lengths:
            rule = f"a list of {' or '.join(map(str, lengths))} laws"
            raise SchemaError(expected(self.record.path(name), rule, len(items)))
        return tuple(self._law(item, f"{self.record.path(name)}[{k}]", width, False) for k, item in enumerate(items))

    def _law(self, index: object, path: str, width: int, for_nodes: bool) -> AffineLaw | None:
        if index is None:
            return None
        number = check_integer(index, path, 0, len(self.laws) - 1)
        self.used.add(number)
        law = check_width(self.laws[number], width, path)
        if law.granularity == "per_node":
            if not for_nodes:
                rule = "per tensor, channel or group"
                raise ValueRangeError(expected(path, rule, law.granularity, "Keep such laws in a graph file"))
            if law.divisor != 1 or law.zero_point.any():
                rule = "a law without divisor and zero point, as it is one for each node"
                raise ValueRangeError(expected(path, rule, [law.divisor, float(law.zero_point.max())]))
        return law

    def vector(self, name: str, length: int) -> Float32Array:
        """Return the finite float32 tensor `<prefix><name>`."""
        return self.shelf.take_finite(f"{self.prefix}{name}", (length,))

    def optional_vector(self, name: str, length: int) -> Float32Array | None:
        """Return the tensor when the flag ``has_<name>`` is true."""
        return self.vector(name, length) if self.record.flag(f"has_{name}") else None

    def matrix(self, name: str, shape: tuple[int, int], law: AffineLaw | None) -> PackedTensor | Float32Array:
        """Return a tensor of codes or of finite float32."""
        name = f"{self.prefix}{name}"
        if law is None:
            return self.shelf.take_finite(name, shape)
        data = self.shelf.take(name, np.uint8, (shape[0], packed_row_bytes(shape[1], law.num_bits)))
        if not padding_is_zero(data, law.num_bits, shape[1]):
            raise ValueRangeError(expected(f"tensor {name}", "zero in its padding bits", "a set bit"))
        return PackedTensor(data, shape[1], law)

    def word(self, name: str, words: Sequence[str]) -> str:
        """Return a text that is one of `words`.

        Raises:
            SchemaError: it is not; `VersionError` in a newer file.
        """
        return self.check_word(name, self.record.text(name), words)

    def check_word(self, name: str, found: str, words: Sequence[str]) -> str:
        """Return `found` when it is one of `words`; see `word`."""
        if found not in words:
            rule = f"one of {', '.join(words)}"
            raise unknown(self.record.is_newer, SchemaError, self.record.path(name), rule, found)
        return found

    def positive(self, name: str) -> float:
        """Return a number > 0.

        Raises:
            ValueRangeError: it is not.
        """
        value = self.record.number(name)
        if value <= 0:
            raise ValueRangeError(expected(self.record.path(name), "> 0", value))
        return value


@dataclass
class OpWriter:
    """Writer of one operation.

    Args:
        prefix: Start of the names of its tensors.
        laws: Laws of the file.
        tensors: Tensors of the file.
    """

    prefix: str
    laws: LawWriter
    tensors: dict[str, AnyArray]

    def law(self, law: AffineLaw | None) -> int | None:
        """Return the index of a law."""
        return self.laws.add(law)

    def law_list(self, laws: Laws) -> list[int | None]:
        """Return the indices of laws."""
        return [self.laws.add(law) for law in laws]

    def tensor(self, name: str, array: AnyArray | None) -> bool:
        """Keep a tensor when there is one, and return whether there is."""
        if array is not None:
            self.tensors[f"{self.prefix}{name}"] = array
        return array is not None

    def matrix(self, name: str, matrix: PackedTensor | Float32Array) -> int | None:
        """Keep codes or float32 values, and return the index of their law."""
        if not isinstance(matrix, PackedTensor):
            self.tensor(name, matrix)
            return None
        self.tensor(name, matrix.data[:, : packed_row_bytes(matrix.num_channels, matrix.law.num_bits)])
        return self.law(matrix.law)
