"""A file taken apart, and put together again without any check: what the mutations work on."""

from __future__ import annotations

import json
import marshal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from smoothbit.formats.container import DTYPES, read_container

DOCUMENTS = ("plan", "info", "graph")
NAMES = {dtype: name for name, dtype in DTYPES.items()}


@dataclass
class Parts:
    """Metadata with its JSON documents parsed, and tensors."""

    metadata: dict[str, Any]
    tensors: dict[str, np.ndarray]

    @classmethod
    def read(cls, path: Path) -> Parts:
        container = read_container(path, mmap=False)
        metadata: dict[str, Any] = dict(container.metadata)
        metadata |= {name: json.loads(metadata[name]) for name in DOCUMENTS if name in metadata}
        return cls(metadata, dict(container.tensors))

    def copy(self) -> Parts:
        metadata = marshal.loads(marshal.dumps(self.metadata))  # ten times as fast as deepcopy
        return Parts(metadata, {name: array.copy() for name, array in self.tensors.items()})

    @property
    def document(self) -> dict[str, Any]:
        """The plan of a model or the description of a graph."""
        found = self.metadata.get("plan", self.metadata.get("graph"))
        return found if isinstance(found, dict) else {}

    def header(self) -> tuple[dict[str, Any], bytes]:
        """Return the JSON header and the bytes of the tensors; wide items first, so that all are aligned."""
        texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in self.metadata.items()}
        header: dict[str, Any] = {"__metadata__": texts}
        data = b""
        for name, array in sorted(self.tensors.items(), key=lambda item: -item[1].itemsize):
            end = len(data) + array.nbytes
            header[name] = {"dtype": NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [len(data), end]}
            data += array.tobytes()
        return header, data


def join(text: bytes, data: bytes) -> bytes:
    """Return a file: length, header padded to a multiple of 8, tensors."""
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data
