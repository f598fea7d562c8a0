"""Files taken apart, changed in one place, and put together again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from smoothbit.formats.container import read_container, write_container

GOLDEN = Path(__file__).parents[2] / "golden"


class Parts:
    """Metadata, JSON and tensors of a golden file, free to be broken."""

    def __init__(self, name: str) -> None:
        container = read_container(GOLDEN / f"{name}.smoothbit", mmap=False)
        self.metadata = dict(container.metadata)
        self.tensors = dict(container.tensors)
        self.json = {key: json.loads(text) for key, text in self.metadata.items() if text.startswith("{")}

    @property
    def plan(self):
        return self.json["plan"]

    @property
    def ops(self):
        return self.json["plan"]["ops"]

    @property
    def info(self):
        return self.json["info"]

    @property
    def graph(self):
        return self.json["graph"]

    def save(self, path: Path) -> Path:
        texts = {key: json.dumps(value) for key, value in self.json.items()}
        write_container(path, self.tensors, {**texts, **{k: v for k, v in self.metadata.items() if k not in texts}})
        return path


@pytest.fixture
def broken(tmp_path) -> Callable[[str, Callable[[Parts], object]], Path]:
    """Return a function that writes a golden file after one change."""

    def make(name, change):
        parts = Parts(name)
        change(parts)
        return parts.save(tmp_path / "broken.smoothbit")

    return make
