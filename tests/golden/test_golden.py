from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from smoothbit.formats import read_graph, read_model
from smoothbit.formats.graph_file import GRAPH_FORMAT, GRAPH_VERSION
from smoothbit.formats.packed_model import MODEL_FORMAT, MODEL_VERSION
from tests.golden import make_golden
from tests.unit.formats.comparison import same

FOLDER = Path(__file__).parent
READERS = {
    "tiny_model": read_model,
    "tiny_float_model": read_model,
    "tiny_delta_model": read_model,
    "tiny_residual_model": read_model,
    "tiny_layers_model": read_model,
    "tiny_rows_model": read_model,
    "tiny_sparse_graph": read_graph,
    "tiny_dense_graph": read_graph,
    "tiny_ordered_graph": read_graph,
}
# docs/format.md, "Container": dtype -> struct letter.
LETTERS = {"U8": "B", "I32": "i", "I64": "q", "F32": "f"}


def decode(name):
    """Decode a file with nothing but docs/format.md, struct and json: metadata, {name: (shape, numbers)}."""
    data = (FOLDER / f"{name}.smoothbit").read_bytes()
    (length,) = struct.unpack_from("<Q", data, 0)
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__")
    tensors = {}
    for key, entry in header.items():
        begin, end = entry["data_offsets"]
        raw = data[8 + length + begin : 8 + length + end]
        tensors[key] = entry["shape"], [v for (v,) in struct.iter_unpack("<" + LETTERS[entry["dtype"]], raw)]
    return metadata, tensors


def decode_laws(record, tensors):
    """Return each law as (num_bits, scales, zero_points, phases, group_size, divisor, shift)."""
    laws, row, phase_row = [], 0, 0
    for count, num_bits, _, rows, group_size, divisor, phases in record["laws"]:
        for _ in range(count):
            stored = tensors["phase"][1][phase_row : phase_row + phases] if phases else [0.0]
            laws.append(
                (
                    num_bits,
                    tensors["scale"][1][row : row + rows],
                    tensors["zero_point"][1][row : row + rows],
                    stored * (rows if len(stored) == 1 else 1),
                    group_size,
                    divisor,
                    record["shifts"][len(laws)] if record["shifts"] else 0,
                )
            )
            row, phase_row = row + rows, phase_row + phases
    return laws


def decode_codes(shape, data, num_bits, width):
    """Return codes as a list of rows: element i sits in bits (i * b) % 8 upward of byte i * b // 8."""
    rows = [data[r * shape[1] : (r + 1) * shape[1]] for r in range(shape[0])]
    return [[row[i * num_bits // 8] >> (i * num_bits % 8) & (1 << num_bits) - 1 for i in range(width)] for row in rows]


def law_numbers(law):
    numbers = law.scale.tolist(), law.zero_point.tolist(), law.phase.tolist()
    return (law.num_bits, *numbers, law.group_size, law.divisor, law.shift)


@pytest.mark.parametrize("name", READERS)
def test_file_holds_what_make_golden_makes(name):
    assert same(READERS[name](FOLDER / f"{name}.smoothbit"), getattr(make_golden, name)())


@pytest.mark.parametrize(
    ("file_format", "newest"), [(MODEL_FORMAT, MODEL_VERSION), (GRAPH_FORMAT, GRAPH_VERSION)], ids=["model", "graph"]
)
def test_each_version_of_a_format_has_a_file(file_format, newest):
    kept = [metadata for metadata, _ in map(decode, READERS) if metadata["format"] == file_format]
    major, minor = map(int, newest.split("."))
    assert {metadata["format_version"] for metadata in kept} == {f"{major}.{k}" for k in range(minor + 1)}


def test_make_golden_writes_the_committed_bytes(tmp_path):
    make_golden.write_all(tmp_path)
    for name in READERS:
        assert (tmp_path / f"{name}.smoothbit").read_bytes() == (FOLDER / f"{name}.smoothbit").read_bytes()


def test_first_bytes_are_length_and_brace():
    data = (FOLDER / "tiny_model.smoothbit").read_bytes()
    assert data[:24] == b"\x38\x06\x00\x00\x00\x00\x00\x00" + b'{"__metadata__":'
    assert data[-4:] == bytes([128, 1, 1, 0])  # the last zero points


def test_model_decodes_from_the_document_alone():
    metadata, tensors = decode("tiny_model")
    plan, info = json.loads(metadata["plan"]), json.loads(metadata["info"])
    laws = decode_laws(plan, tensors)
    model = read_model(FOLDER / "tiny_model.smoothbit")
    features, first, second, diffuse = model.plan.ops
    assert (metadata["format"], metadata["format_version"]) == ("smoothbit-model", "1.0")
    assert [op["kind"] for op in plan["ops"]] == ["features", "linear", "linear", "diffuse"]
    assert law_numbers(features.law) == laws[plan["ops"][0]["law"]]
    for k, linear in ((1, first), (2, second)):
        law = laws[plan["ops"][k]["weight"]]
        shape, data = tensors[f"{k}.weight"]
        assert law == law_numbers(linear.weight.law)
        assert decode_codes(shape, data, law[0], plan["ops"][k]["num_outputs"]) == linear.weight.codes().tolist()
    assert tensors["1.bias"] == ([5], first.bias.tolist())
    assert laws[plan["ops"][1]["output"]] == law_numbers(first.output)
    assert tensors["3.correction"] == ([2, 2], [*diffuse.correction_self, *diffuse.correction_aggregate])
    for name in ("aggregates", "updates", "deltas", "delta_aggregates"):
        found = [None if i is None else laws[i] for i in plan["ops"][3][name]]
        assert found == [None if law is None else law_numbers(law) for law in getattr(diffuse, name)]
    assert (plan["scores"], plan["embedding"]) == (model.plan.scores, model.plan.embedding)
    assert info["training"] == model.info.training == {"seed": 7, "lr": 0.1}


def test_skip_and_relu_decode_from_the_document_alone():
    metadata, _ = decode("tiny_residual_model")
    diffuse = json.loads(metadata["plan"])["ops"][3]
    assert metadata["format_version"] == "1.1"
    assert (diffuse["source"], diffuse["skip"], diffuse["has_relu"]) == (3, 2, True)
    assert not {"skip", "has_relu"} & json.loads(decode("tiny_model")[0]["plan"])["ops"][3].keys()


def test_sparse_graph_decodes_from_the_document_alone():
    metadata, tensors = decode("tiny_sparse_graph")
    graph = read_graph(FOLDER / "tiny_sparse_graph.smoothbit")
    record = json.loads(metadata["graph"])
    assert metadata["format"] == "smoothbit-graph"
    assert (record["features"], record["num_nodes"], record["num_features"]) == ("sparse_pattern", 5, 6)
    assert tensors["indptr"] == ([6], graph.adjacency.indptr.tolist())
    assert tensors["indices"] == ([7], graph.adjacency.indices.tolist())
    assert tensors["features.indices"] == ([6], graph.features.matrix.indices.tolist())
    assert tensors["row_scale"] == ([5], graph.features.row_scale.tolist())
    assert tensors["labels"] == ([5], [0, 1, 2, 1, -1])


def test_dense_graph_decodes_from_the_document_alone():
    metadata, tensors = decode("tiny_dense_graph")
    record = json.loads(metadata["graph"])
    num_bits, scale, zero_point, phase, *_ = decode_laws(record, tensors)[0]
    shape, data = tensors["features.codes"]
    codes = decode_codes(shape, data, num_bits, record["num_features"])
    values = [[s * (c - z - p) for c, s, z, p in zip(row, scale, zero_point, phase, strict=True)] for row in codes]
    graph = read_graph(FOLDER / "tiny_dense_graph.smoothbit")
    np.testing.assert_array_equal(graph.to_features().matrix, np.array(values, dtype=np.float32))


def test_order_decodes_from_the_document_alone():
    metadata, tensors = decode("tiny_ordered_graph")
    assert metadata["format_version"] == "1.1"
    assert json.loads(metadata["graph"])["order"] == "by hand"
    assert tensors.pop("order") == ([5], [4, 2, 1, 3, 0])
    # Everything else is as in the file without an order, of format 1.0.
    assert decode("tiny_dense_graph")[0]["format_version"] == "1.0"
    assert tensors == decode("tiny_dense_graph")[1]


def test_coding_decodes_from_the_document_alone():
    metadata, tensors = decode("tiny_delta_model")
    plan = json.loads(metadata["plan"])
    diffuse = plan["ops"][2]
    laws = decode_laws(plan, tensors)
    scales = [laws[k][1][0] for k in (diffuse["message"], *diffuse["updates"][:-1])]
    assert (metadata["format_version"], diffuse["coding"]) == ("1.2", "delta")
    assert [scale / min(scales) for scale in scales] == [4, 2, 1]
    assert tensors["2.correction"] == ([2, 3], [0, 0.25, 0.125, 0, -0.25, -0.125])


def test_layers_decode_from_the_document_alone():
    metadata, tensors = decode("tiny_layers_model")
    plan, ops = json.loads(metadata["plan"]), read_model(FOLDER / "tiny_layers_model.smoothbit").plan.ops
    laws = decode_laws(plan, tensors)
    assert metadata["format_version"] == "1.3"
    names = {"bias", "scale", "mean_scale", "vector", "slopes"}
    for k, (record, op) in enumerate(zip(plan["ops"], ops, strict=True)):
        assert record["kind"] == op.kind
        for name in record.keys() & {"message", "output"}:
            law = getattr(op, name)
            assert (None if record[name] is None else laws[record[name]]) == (None if law is None else law_numbers(law))
        for name in vars(op).keys() & names:
            value = getattr(op, name)
            if not isinstance(value, float):
                assert tensors.get(f"{k}.{name}", ([], None))[1] == (None if value is None else value.tolist())
            if f"has_{name}" in record:
                assert record[f"has_{name}"] == (value is not None)
        plain = {
            name: value for name, value in vars(op).items() if name in record and isinstance(value, (int, float, str))
        }
        assert {name: record[name] for name in plain} == plain
    assert (plan["ops"][8]["sources"], plan["ops"][8]["weights"]) == ([7, 8, 7], [1.0, 0.1, -2.0])
    assert [plan["ops"][k]["relation"] for k in (2, 3)] == [None, 1]


def test_rows_decode_from_the_document_alone():
    metadata, tensors = decode("tiny_rows_model")
    plan, ops = json.loads(metadata["plan"]), read_model(FOLDER / "tiny_rows_model.smoothbit").plan.ops
    laws = decode_laws(plan, tensors)
    assert metadata["format_version"] == "1.4"
    assert [laws[record["rows"]] for record in plan["ops"][1:]] == [law_numbers(op.rows) for op in ops[1:]]
    assert "rows" not in json.loads(decode("tiny_model")[0]["plan"])["ops"][1]
