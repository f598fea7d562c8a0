"""Every operation as ONNX, run in onnxruntime beside the engine; skipped without the extra `onnx`."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

# ruff: noqa: E402 (nothing is imported before it is known that the extra is there)
import numpy as np
import pytest
import torch

onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")

from smoothbit.engine import Model, PreparedGraph, load
from smoothbit.errors import ArgumentError, UnsupportedError
from smoothbit.export.onnx import export_onnx
from smoothbit.export.onnx.model import _compare
from smoothbit.formats import PackedModel, PackedTensor, write_model
from smoothbit.formats.schema import (
    ActivateOp,
    AggregateOp,
    AttendOp,
    CombineOp,
    ConcatOp,
    DiffuseOp,
    FeaturesOp,
    LinearOp,
    ModelInfo,
    NormalizeOp,
    Plan,
    ReadoutOp,
)
from smoothbit.numerics.affine import AffineLaw, per_tensor_law
from smoothbit.numerics.features import Features
from smoothbit.numerics.packing import pack
from tests.golden.make_golden import tiny_delta_model, tiny_float_model, tiny_model

NODES, WIDTH, CLASSES = 24, 6, 3
BITS = (1, 2, 4, 8)
RNG = np.random.default_rng(5)
# Duplicates, self-loops, twice at node 3, and no edge at the last two nodes.
PAIRS = RNG.integers(0, NODES - 2, (2, 70))
EDGES = np.concatenate([PAIRS, PAIRS[:, :5], [[3, 3, 7], [3, 3, 7]]], axis=1)
EXAMPLE = {
    "x": RNG.standard_normal((NODES, WIDTH), dtype=np.float32),
    "edge_index": EDGES,
    "edge_weight": RNG.random(EDGES.shape[1], dtype=np.float32),
    "edge_type": RNG.integers(0, 2, EDGES.shape[1]),
    "batch": np.arange(NODES) % 4,
}


def law(bits, scale=0.1, phase=0.0):
    return per_tensor_law(bits, scale * 255 / (2**bits - 1) / 8, float(2 ** (bits - 1)), phase)


def weight(rows, columns, bits, seed=1):
    if bits == 32:
        return np.random.default_rng(seed).standard_normal((rows, columns), dtype=np.float32)
    codes = np.random.default_rng(seed).integers(0, 2**bits, (rows, columns))
    scales = np.linspace(0.05, 0.2, columns, dtype=np.float32)
    points = np.full(columns, 2 ** (bits - 1), np.float32)
    return PackedTensor(pack(codes, bits), columns, AffineLaw(bits, scales, points, points * 0, "per_channel"))


def bias(width=WIDTH):
    return np.linspace(-1, 1, width, dtype=np.float32)


def plan(*ops, bits=8):
    """Return a plan that quantizes the features, runs `ops` and ends in a linear layer."""
    first = FeaturesOp(0, WIDTH, None if bits == 32 else law(bits))
    head = LinearOp(len(ops) + 1, weight(WIDTH, CLASSES, bits), bias(CLASSES), False, None)
    return Plan((first, *ops, head), scores=len(ops) + 2)


def packed(plan, bits=8):
    return PackedModel(plan, ModelInfo("Net", "minmax", bits, "none", "Tiny", "none", CLASSES, "0.1.0"))


def report_of(tmp_path, *ops, bits=8, without=()):
    is_weighted = any(isinstance(op, AggregateOp) and op.is_weighted for op in ops)
    left_out = {*without, *(() if is_weighted else ("edge_weight",))}
    example = {name: value for name, value in EXAMPLE.items() if name not in left_out}
    return export_onnx(packed(plan(*ops, bits=bits), bits), tmp_path / "net.onnx", example)


def output(bits):
    return None if bits == 32 else law(bits)


@pytest.mark.parametrize("bits", [*BITS, 32])
def test_linear(tmp_path, bits):
    ops = LinearOp(1, weight(WIDTH, WIDTH, bits), bias(), True, output(bits))
    found = report_of(tmp_path, ops, bits=bits)
    assert found.label_agreement == 1
    assert found.inputs == ("x",)
    assert bits == 32 or found.max_abs_difference == 0


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("zero_point", [0, 1], ids=["unsigned", "signed"])
def test_linear_on_rows(tmp_path, bits, zero_point):
    rows = per_tensor_law(bits, 1 / 2 ** (bits - 1), 2 ** (bits - 1) * zero_point)
    first = LinearOp(1, weight(WIDTH, WIDTH, bits), bias(), True, None)
    second = LinearOp(2, weight(WIDTH, WIDTH, bits), bias(), True, output(bits), rows)
    found = report_of(tmp_path, first, second, bits=bits)
    assert (found.label_agreement, found.max_abs_difference) == (1, 0)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("reduce", ["sum", "mean", "max"])
@pytest.mark.parametrize("has_loops", [False, True], ids=["edges", "loops"])
def test_aggregate(tmp_path, bits, reduce, has_loops):
    op = AggregateOp(
        1, reduce, has_loops, False, False, law(bits), aggregate_weight=0.5, self_weight=1.5, skip=1, skip_weight=-0.25,
        bias=bias(), has_relu=True, output=law(bits, 0.3),
    )  # fmt: skip
    found = report_of(tmp_path, op, bits=bits)
    assert found.inputs == ("x", "edge_index")
    assert (found.label_agreement, found.max_abs_difference) == (1, 0)


@pytest.mark.parametrize("reduce", ["sum", "mean"])
@pytest.mark.parametrize("has_loops", [False, True], ids=["edges", "loops"])
@pytest.mark.parametrize("is_normalized", [False, True], ids=["plain", "normalized"])
def test_weighted(tmp_path, reduce, has_loops, is_normalized):
    if is_normalized and reduce == "mean":
        pytest.skip("a mean is not normalized")
    op = AggregateOp(1, reduce, has_loops, is_normalized, True, law(8), output=law(8, 0.5))
    found = report_of(tmp_path, op)
    assert found.inputs == ("x", "edge_index", "edge_weight")
    assert (found.label_agreement, found.max_abs_difference) == (1, 0)
    assert report_of(tmp_path, op, without=["edge_weight"]).inputs == ("x", "edge_index")


def test_relations(tmp_path):
    first = AggregateOp(1, "mean", False, False, False, law(8), relation=0, output=law(8))
    second = AggregateOp(1, "mean", False, False, False, law(8), relation=1, skip=2, skip_weight=1.0, output=law(8))
    found = report_of(tmp_path, first, second)
    assert found.inputs == ("x", "edge_index", "edge_type")
    assert found.max_abs_difference == 0
    with pytest.raises(ArgumentError, match="`example` to have `edge_type`"):
        report_of(tmp_path, first, second, without=["edge_type"])


@pytest.mark.parametrize("reduce", ["sum", "mean", "max"])
def test_float_aggregate(tmp_path, reduce):
    op = AggregateOp(1, reduce, False, False, False, None, bias=bias())
    assert report_of(tmp_path, op, bits=32).max_relative_difference < 1e-5


@pytest.mark.parametrize("reduce", ["sum", "mean", "max"])
@pytest.mark.parametrize("bits", [2, 8, 32])
def test_readout(tmp_path, reduce, bits):
    found = report_of(tmp_path, ReadoutOp(1, reduce, output(bits), output(bits)), bits=bits)
    assert (found.num_rows, found.inputs) == (4, ("x", "batch"))
    assert found.max_relative_difference < 1e-5
    assert bits == 32 or found.max_abs_difference == 0
    assert report_of(tmp_path, ReadoutOp(1, reduce), without=["batch"]).num_rows == 1


@pytest.mark.parametrize("bits", BITS)
def test_diffuse_with_corrections_and_skip(tmp_path, bits):
    laws = tuple(law(bits, 0.1 + 0.02 * k) for k in range(3))
    op = DiffuseOp(
        1, 3, 0.125, 0.75, 0.25, (0.0, 0.5, -0.25), (0.0, 0.0, 0.125), law(bits), (law(bits), None, law(bits)),
        (*laws[:2], None), (None, law(bits), law(bits)), (None, None, law(bits)), skip=1, has_relu=True,
    )  # fmt: skip
    found = report_of(tmp_path, op, bits=bits)
    assert (found.label_agreement, found.max_abs_difference) == (1, 0)


@pytest.mark.parametrize("bits", [2, 4, 8, 32])
def test_combine_and_concat(tmp_path, bits):
    second = LinearOp(1, weight(WIDTH, WIDTH, bits, 2), None, False, output(bits))
    combine = CombineOp((1, 2, 1), (1.0, -0.5, 0.25), bias() + 1.5, bias(), True, output(bits))
    largest = ConcatOp((2, 3), is_max=True, output=output(bits))
    concat = ConcatOp((4, 3), output=output(bits))
    back = LinearOp(5, weight(2 * WIDTH, WIDTH, bits, 3), None, False, output(bits))
    found = report_of(tmp_path, second, combine, largest, concat, back, bits=bits)
    assert found.max_relative_difference < 1e-5
    assert bits == 32 or found.max_abs_difference == 0


FUNCTIONS = ("leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "sigmoid", "tanh", "softplus")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_activate(tmp_path, function):
    op = ActivateOp(
        1, function, 0.25 if function in ("leaky_relu", "elu") else 0.0, bias() if function == "prelu" else None
    )
    found = report_of(tmp_path, op)
    assert found.label_agreement == 1
    assert found.max_relative_difference < 1e-6


@pytest.mark.parametrize("mode", ["row", "set", "graph", "length"])
def test_normalize(tmp_path, mode):
    op = NormalizeOp(1, mode, 1e-5, bias() + 2, bias(), bias() if mode == "graph" else None, True, law(8))
    found = report_of(tmp_path, op)
    assert found.label_agreement == 1
    assert ("batch" in found.inputs) == (mode in ("set", "graph"))


@pytest.mark.parametrize("score", ["additive", "dynamic", "dot"])
@pytest.mark.parametrize("bits", [2, 8, 32])
@pytest.mark.parametrize("is_concatenated", [True, False], ids=["side-by-side", "mean"])
def test_attend(tmp_path, score, bits, is_concatenated):
    heads = 2 if score == "additive" else WIDTH
    queries, keys = (LinearOp(1, weight(WIDTH, heads, bits, seed), None, False, None) for seed in (7, 8))
    op = AttendOp(
        1, 2, 3, 2, score, True, output(bits), 0.0 if score == "dot" else 0.2, 0.5 if score == "dot" else 1.0,
        bias() if score == "dynamic" else None, is_concatenated, bias(WIDTH if is_concatenated else WIDTH // 2), False,
        output(bits),
    )  # fmt: skip
    back = () if is_concatenated else (LinearOp(4, weight(WIDTH // 2, WIDTH, bits), None, False, output(bits)),)
    found = report_of(tmp_path, queries, keys, op, *back, bits=bits)
    assert found.label_agreement == 1
    assert found.max_relative_difference < (1e-5 if bits == 32 else 1e-6)


def test_laws_with_a_phase_and_a_divisor(tmp_path):
    half = LinearOp(1, weight(WIDTH, WIDTH, 2), None, False, per_tensor_law(1, 1.5, 1, -0.5))
    truncated = AffineLaw(2, np.float32([0.02]), np.float32([90]), np.float32([0]), divisor=85, shift=3)
    second = LinearOp(2, weight(WIDTH, WIDTH, 2), None, False, truncated)
    assert report_of(tmp_path, half, second).max_abs_difference == 0


def test_golden_model_with_every_granularity(tmp_path):
    example = {"x": (EXAMPLE["x"] > 0).astype(np.float32), "edge_index": EDGES}
    report = export_onnx(Path(__file__).parents[3] / "golden" / "tiny_model.smoothbit", tmp_path / "m.onnx", example)
    assert (report.label_agreement, report.max_abs_difference) == (1, 0)
    assert export_onnx(Model(tiny_model()), tmp_path / "again.onnx", example).bytes == report.bytes
    assert (tmp_path / "again.onnx").read_bytes() == (tmp_path / "m.onnx").read_bytes()


def test_row_factors_are_an_input(tmp_path):
    ones = (EXAMPLE["x"] > 0).astype(np.float32)
    scale = (1 / (1 + ones.sum(axis=1))).astype(np.float32)
    ops = (FeaturesOp(0, WIDTH, per_tensor_law(1, 1.0)), LinearOp(1, weight(WIDTH, CLASSES, 2), bias(3), False, None))
    model = packed(Plan(ops, 2), 2)
    report = export_onnx(model, tmp_path / "m.onnx", {"x": ones, "edge_index": EDGES, "row_scale": scale})
    assert (report.inputs, report.max_abs_difference) == (("x", "row_scale"), 0)


def test_row_factors_are_found_in_the_graph(tmp_path):
    ones = np.eye(NODES, 20, dtype=np.float32)
    ones[1, 5] = ones[2, 7] = 1
    x = ones / np.maximum(ones.sum(axis=1, keepdims=True), 1)
    ops = (FeaturesOp(0, 20, per_tensor_law(1, 1.0)), LinearOp(1, weight(20, CLASSES, 2), bias(3), False, None))
    report = export_onnx(packed(Plan(ops, 2), 2), tmp_path / "m.onnx", {"x": x, "edge_index": EDGES})
    assert (report.inputs, report.max_abs_difference) == (("x",), 0)
    with pytest.raises(UnsupportedError, match=r"each row of `x` to be > 0 \(got -1"):
        export_onnx(packed(Plan(ops, 2), 2), tmp_path / "m.onnx", {"x": -x, "edge_index": EDGES})


def test_weights_keep_their_width(tmp_path):
    sizes = {}
    for bits in BITS:
        report_of(tmp_path, LinearOp(1, weight(WIDTH, 64, bits), None, True, law(bits)),
                  LinearOp(2, weight(64, WIDTH, bits), None, True, law(bits)), bits=bits)  # fmt: skip
        graph = onnx.load(tmp_path / "net.onnx").graph
        kinds = {tensor.data_type for tensor in graph.initializer if 64 * WIDTH * bits // 8 in (len(tensor.raw_data),)}
        assert kinds == {onnx.TensorProto.UINT4 if bits == 4 else onnx.TensorProto.UINT8}
        sizes[bits] = sum(len(tensor.raw_data) for tensor in graph.initializer if len(tensor.raw_data) > 50)
        assert ("BitwiseAnd" in {node.op_type for node in graph.node}) == (bits < 4)
    assert sizes[1] < sizes[2] < sizes[4] < sizes[8]


def test_another_graph_runs_on_the_same_file(tmp_path):
    op = AggregateOp(1, "sum", True, True, False, law(4), output=law(4))
    report_of(tmp_path, op, bits=4)
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    write_model(tmp_path / "net.smoothbit", packed(plan(op, bits=4), 4))
    engine = load(tmp_path / "net.smoothbit")
    for nodes, edges in ((1, 0), (5, 0), (50, 300)):
        rng = np.random.default_rng(nodes)
        x, index = rng.standard_normal((nodes, WIDTH), dtype=np.float32), rng.integers(0, nodes, (2, edges))
        expected = engine.run(PreparedGraph.from_edge_index(index, nodes), Features(x)).scores
        np.testing.assert_array_equal(session.run(None, {"x": x, "edge_index": index})[0], expected)


@pytest.mark.parametrize(
    ("model", "match"),
    [
        (tiny_float_model(), "got elastic as value 3"),
        (tiny_delta_model(), r"coding of `diffuse` to be plain \(got delta\)"),
    ],
    ids=["elastic", "delta"],
)
def test_refused_before_anything_is_written(tmp_path, model, match):
    with pytest.raises(UnsupportedError, match=match):
        export_onnx(model, tmp_path / "m.onnx", {"x": EXAMPLE["x"][:, :3], "edge_index": EDGES})
    assert not list(tmp_path.iterdir())


def test_sparse_features_of_a_truncated_law_are_refused(tmp_path):
    truncated = AffineLaw(2, np.float32([0.02]), np.float32([90]), np.float32([0]), divisor=85, shift=3)
    ops = (FeaturesOp(0, WIDTH, truncated), LinearOp(1, weight(WIDTH, CLASSES, 2), None, False, None))
    with pytest.raises(UnsupportedError, match=r"hold 0 \(got phase 0.0, divisor 85"):
        export_onnx(packed(Plan(ops, 2), 2), tmp_path / "m.onnx", {**EXAMPLE, "row_scale": np.ones(NODES)})


@pytest.mark.parametrize("example", [{"x": EXAMPLE["x"]}, {**EXAMPLE, "labels": 1}, 3, ()], ids=str)
def test_examples_that_are_none(tmp_path, example):
    with pytest.raises(ArgumentError, match="Expected `example` to name inputs among x, row_scale, edge_index"):
        export_onnx(tiny_model(), tmp_path / "m.onnx", example)


def test_an_example_may_be_a_tuple_or_a_graph_of_tensors(tmp_path):
    x, index = torch.from_numpy(EXAMPLE["x"] > 0).float(), torch.from_numpy(EDGES)
    for example in ((x, index), SimpleNamespace(x=x, edge_index=index, y=None)):
        assert export_onnx(tiny_model(), tmp_path / "m.onnx", example).num_rows == NODES


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_a_missing_package_names_the_extra(package):
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "try:\n    import smoothbit.export.onnx\nexcept ImportError as error:\n    print(error)"
    )
    outcome = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert f"the package `{package}` to be installed" in outcome.stdout
    assert "pip install 'smoothbit[onnx]'" in outcome.stdout


def test_labels_that_differ_are_refused_unless_they_are_ties():
    expected = np.float32([[1, 0, 0]] * 10)
    other = expected.copy()
    other[4] = [0.5, 1, 0]
    for is_exact in (True, False):
        _compare(expected, expected, is_exact=is_exact)
    assert _compare(expected, other, is_exact=False)["label_agreement"] == 0.9
    with pytest.raises(ArgumentError, match=r"engine's labels but for 0 rows \(got 1 others of 10, .* scores 1\)"):
        _compare(expected, other, is_exact=True)
    other[5] = other[4]
    with pytest.raises(ArgumentError, match="but for 1 rows"):
        _compare(expected, other, is_exact=False)
    tied = np.float32([[1, 1 - 2**-20, 0]])
    found = _compare(tied, tied[:, [1, 0, 2]], is_exact=True)
    assert (found["num_ties"], found["label_agreement"]) == (1, 0)
