"""Hostile files: refused by a typed error at little cost, or loaded and run."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from smoothbit.errors import FormatError, HeaderError, SchemaError, TensorError, ValueRangeError
from smoothbit.formats import read_graph, read_model
from tests.fuzz.parts import Parts, join
from tests.fuzz.run import MEMORY_BYTES, fuzz, inputs
from tests.fuzz.seeds import GOLDEN, load_seeds
from tests.fuzz.target import check_file

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.smoothbit"))
SHORT_RUN = 2000


def test_seeds_are_valid(tmp_path: Path) -> None:
    for seed in load_seeds():
        header, data = seed.header()
        (tmp_path / "seed").write_bytes(join(json.dumps(header).encode(), data))
        assert check_file(tmp_path / "seed") == "ran"


def test_mutations_find_nothing(tmp_path: Path) -> None:
    """The same mutations each time; every class of refusal is among the outcomes, and so is a run."""
    outcomes, findings = fuzz(0, 0, SHORT_RUN, time.monotonic() + 600, tmp_path, tmp_path)
    assert findings == 0, [path.read_text() for path in tmp_path.glob("*.txt")]
    assert outcomes.total() == SHORT_RUN
    refusals = {error.__name__ for error in FormatError.__subclasses__()}
    assert refusals | {"ran"} <= set(outcomes)


def test_a_mutation_depends_on_its_number_alone() -> None:
    assert list(inputs(5, 10, 3)) == [*inputs(5, 10, 1), *inputs(5, 11, 2)]
    assert len(set(inputs(5, 0, 20))) == 20


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_findings_stay_fixed(path: Path) -> None:
    tracemalloc.start()
    check_file(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEMORY_BYTES


def _model() -> Parts:
    return Parts.read(GOLDEN / "tiny_model.smoothbit")


def _file(parts: Parts) -> bytes:
    header, data = parts.header()
    return join(json.dumps(header).encode(), data)


def _full_header(item: bytes) -> bytes:
    """Return a header as long as a reader takes, made of the JSON that takes most memory for its length."""
    return join(b'{"x":[' + (item + b",") * ((1_000_000 - 20) // (len(item) + 1)) + b"0]}", b"")


def _many_laws() -> bytes:
    parts, count = _model(), 200_000
    parts.document.update(laws=[[count, 2, "per_tensor", 1, 0, 1, 0]], shifts=[])
    parts.tensors |= {"scale": np.ones(count, np.float32), "zero_point": np.zeros(count, np.uint8)}
    del parts.tensors["phase"]
    return _file(parts)


def _huge_claim(where: str, value: object) -> bytes:
    parts = _model()
    holder = {"op": parts.document["ops"][1], "steps": parts.document["ops"][3], "run": parts.document["laws"][0]}
    if where == "run":
        holder[where][0] = value
    else:
        holder[where]["num_outputs" if where == "op" else "num_steps"] = value
    return _file(parts)


def _huge_graph(name: str) -> bytes:
    parts = Parts.read(GOLDEN / "tiny_dense_graph.smoothbit")
    parts.document[name] = 2**31 - 1
    return _file(parts)


BOMBS: dict[str, tuple[Callable[[], bytes], type[FormatError]]] = {
    "objects": (lambda: _full_header(b'{"":{}}'), SchemaError),
    "empty objects": (lambda: _full_header(b"{}"), SchemaError),
    "long header": (lambda: join(b" " * 1_000_001, b""), HeaderError),
    "laws": (_many_laws, ValueRangeError),
    "count of laws": (lambda: _huge_claim("run", 2**31 - 1), ValueRangeError),
    "outputs": (lambda: _huge_claim("op", 2**31 - 1), TensorError),
    "steps": (lambda: _huge_claim("steps", 65_535), TensorError),
    "nodes": (lambda: _huge_graph("num_nodes"), TensorError),
    "features": (lambda: _huge_graph("num_features"), TensorError),
}


@pytest.mark.parametrize(("make", "error"), BOMBS.values(), ids=BOMBS)
def test_refusal_takes_little_memory(tmp_path: Path, make: Callable[[], bytes], error: type[FormatError]) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(make())
    read = read_graph if b"smoothbit-graph" in path.read_bytes()[:2000] else read_model
    tracemalloc.start()
    with pytest.raises(error):
        read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEMORY_BYTES
