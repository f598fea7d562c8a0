from __future__ import annotations

import json
import os
import random
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothbit.errors import FormatError
from smoothbit.formats import model_bytes, read_graph, read_model, write_graph, write_model
from smoothbit.formats.container import encode_header, read_container
from smoothbit.formats.law_table import LawWriter, read_laws
from smoothbit.formats.record import Record, TensorShelf
from tests.property import strategies
from tests.unit.formats.comparison import same

GOLDEN = Path(__file__).parents[1] / "golden"
FILES = {
    "tiny_model": (read_model, write_model),
    "tiny_float_model": (read_model, write_model),
    "tiny_residual_model": (read_model, write_model),
    "tiny_layers_model": (read_model, write_model),
    "tiny_sparse_graph": (read_graph, write_graph),
    "tiny_dense_graph": (read_graph, write_graph),
}
NUM_MUTATIONS = 300
NUM_HOSTILE = 4
HOSTILE = (
    *(None, True, False, -1, 0, 1, 2, 3, 7, 255, 256, 2**31 - 1, 2**31, 2**63, 10**400, 0.5, -1e308, 1e-320),
    *("", "x", "0", "per_node", "per_group", "diffuse", "\ud800", [], [[]], [0, 4], [0] * 99, {}, {"a": 1}),
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A file that is written thousands of times, so without waiting for the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield tmp_path_factory.mktemp("formats") / "file.smoothbit"


@given(st.lists(strategies.laws(num_channels=4), max_size=6))
def test_any_laws_read_back(drawn):
    writer = LawWriter()
    indices = [writer.add(law) for law in drawn]
    table = read_laws(Record(writer.to_json(), "plan"), TensorShelf(writer.tensors()))
    assert same(tuple(table[i] for i in indices), tuple(drawn))


@settings(max_examples=30)
@given(strategies.models())
def test_any_model_reads_back(path, model):
    write_model(path, model)
    assert same(read_model(path), model)
    assert model_bytes(model)["total"] == path.stat().st_size


@settings(max_examples=50)
@given(strategies.graph_files())
def test_any_graph_reads_back(path, graph):
    write_graph(path, graph)
    assert same(read_graph(path), graph)


def check_refused_or_valid(name, content, path):
    """Reading raises a FormatError, or gives something that is valid: it can be written and read again."""
    read, write = FILES[name]
    path.write_bytes(content)
    try:
        found = read(path)
    except FormatError:
        return False
    write(path, found)
    assert same(read(path), found)
    return True


def mutate(data, rng):
    """Flip bits, cut, insert, repeat or overwrite."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        place = rng.randrange(len(data))
        match rng.randrange(6):
            case 0 | 1:
                data[place] ^= 1 << rng.randrange(8)
            case 2:
                del data[place:]
            case 3:
                data[place:place] = rng.randbytes(rng.randrange(1, 9))
            case 4:
                data[place : place + 1] = rng.choice((b"0", b"9", b"-", b"]", b"[", b'"', b",", b"\xff"))
            case _:
                del data[place : place + rng.randrange(1, 9)]
        if not data:
            break
    return bytes(data)


@pytest.mark.parametrize("name", FILES)
def test_mutated_files_are_refused_or_valid(name, path):
    data = (GOLDEN / f"{name}.smoothbit").read_bytes()
    outcomes = []
    for seed in range(NUM_MUTATIONS):
        content = mutate(data, random.Random(f"{name}-{seed}"))
        try:
            outcomes.append(check_refused_or_valid(name, content, path))
        except Exception as error:
            raise AssertionError(f"seed {seed} of {name}") from error
    # Both happen: most changes break the header, some only change a weight.
    assert 0 < sum(outcomes) < NUM_MUTATIONS


@pytest.mark.parametrize("name", FILES)
def test_every_cut_is_refused(name, path):
    data = (GOLDEN / f"{name}.smoothbit").read_bytes()
    for length in range(0, len(data), 7):
        assert not check_refused_or_valid(name, data[:length], path)


def spots(value):
    """Yield (container, key) of every place in a JSON tree."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        yield value, key
        yield from spots(child)


@pytest.mark.parametrize("name", FILES)
def test_hostile_json_is_refused_or_valid(name, path):
    """Every place of the plan, info or graph JSON takes every hostile value, or vanishes."""
    container = read_container(GOLDEN / f"{name}.smoothbit")
    payload = b"".join(
        container.tensors[key].tobytes()
        for key in sorted(container.tensors, key=lambda k: (-container.tensors[k].itemsize, k))
    )
    for key, text in container.metadata.items():
        if not text.startswith("{"):
            continue
        for position in range(len(list(spots(json.loads(text))))):
            for choice in random.Random(f"{key}{position}").sample(range(len(HOSTILE) + 1), NUM_HOSTILE):
                tree = json.loads(text)
                parent, place = list(spots(tree))[position]
                if choice == len(HOSTILE):
                    del parent[place]
                else:
                    parent[place] = HOSTILE[choice]
                metadata = {**container.metadata, key: json.dumps(tree)}
                check_refused_or_valid(name, encode_header(container.tensors, metadata) + payload, path)


@pytest.mark.parametrize("name", FILES)
def test_hostile_header_entries_are_refused_or_valid(name, path):
    data = (GOLDEN / f"{name}.smoothbit").read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    for position in range(len(list(spots(json.loads(data[8 : 8 + length]))))):
        for hostile in random.Random(position).sample(HOSTILE, NUM_HOSTILE):
            header = json.loads(data[8 : 8 + length])
            parent, place = list(spots(header))[position]
            parent[place] = hostile
            text = json.dumps(header).encode()
            check_refused_or_valid(name, struct.pack("<Q", len(text)) + text + data[8 + length :], path)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(path, content):
    assert not check_refused_or_valid("tiny_model", content, path)


def test_hostile_extents_allocate_nothing(path):
    header = {"x": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}
    text = json.dumps(header).encode().ljust(88)
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    with pytest.raises(FormatError, match=r"`file` to be 4398046511200 bytes \(got 96\)"):
        read_model(path)
