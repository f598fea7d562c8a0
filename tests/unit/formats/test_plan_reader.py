from __future__ import annotations

import numpy as np
import pytest

from smoothbit.errors import SchemaError, TensorError, ValueRangeError, VersionError
from smoothbit.formats import read_model
from smoothbit.formats.plan_reader import plan_from_json, value_kinds
from smoothbit.formats.plan_writer import plan_to_json
from smoothbit.formats.record import Record, TensorShelf
from tests.golden.make_golden import tiny_float_model, tiny_layers_model, tiny_model, tiny_residual_model
from tests.unit.formats.comparison import same


@pytest.mark.parametrize(
    "model",
    [tiny_model(), tiny_float_model(), tiny_residual_model(), tiny_layers_model()],
    ids=["packed", "float", "residual", "layers"],
)
def test_inverse_of_the_writer(model):
    record, tensors = plan_to_json(model.plan)
    shelf = TensorShelf(tensors)
    assert same(plan_from_json(Record(record, "plan"), shelf), model.plan)
    shelf.finish()


def test_values_of_a_plan():
    values = value_kinds(tiny_model().plan)
    assert [value.width for value in values] == [6, 5, 3, 3]
    assert [value.law and value.law.num_bits for value in values] == [1, 2, 8, None]
    assert {value.domain for value in values} == {"nodes"}
    assert [value.width for value in value_kinds(tiny_float_model().plan)] == [3, 2, 2]


def test_values_after_a_readout_belong_to_graphs():
    values = value_kinds(tiny_layers_model().plan)
    assert [value.width for value in values] == [4, 4, 4, 4, 2, 2, 4, 4, 4, 6, 4, 6, 4, 4, 6, 6, 4, 4, 10, 3]
    assert [value.domain for value in values] == ["nodes"] * 15 + ["graphs"] * 5


def set_op(k, **fields):
    return lambda parts: parts.ops[k].update(fields)


def drop_op_field(k, name):
    return lambda parts: parts.ops[k].pop(name)


def set_plan(**fields):
    return lambda parts: parts.plan.update(fields)


def set_tensor(name, array):
    return lambda parts: parts.tensors.update({name: array})


def set_element(name, index, value):
    def change(parts):
        parts.tensors[name] = parts.tensors[name].copy()
        parts.tensors[name][index] = value

    return change


PACKED = {
    "unknown kind": (
        set_op(3, kind="gat"),
        SchemaError,
        r"plan.ops\[3\].kind` to be one of .* \(got 'gat'\)",
    ),
    "kind no text": (set_op(3, kind=3), SchemaError, r"plan.ops\[3\].kind` to be a string"),
    "op no object": (lambda p: p.ops.append(1), SchemaError, r"plan.ops\[4\]` to be a JSON object"),
    "missing field": (drop_op_field(1, "has_relu"), SchemaError, r"plan.ops\[1\].has_relu` to be present"),
    "unknown field": (set_op(1, dropout=0), SchemaError, r"plan.ops\[1\]` to be free of .*'dropout'"),
    "unknown plan field": (set_plan(extra=1), SchemaError, r"`plan` to be free of unknown fields"),
    "forward source": (
        set_op(1, source=2),
        ValueRangeError,
        r"plan.ops\[1\].source` to be in \[1, 1\] \(got 2\)",
    ),
    "own source": (
        set_op(3, source=4),
        ValueRangeError,
        r"plan.ops\[3\].source` to be in \[1, 3\] \(got 4\)",
    ),
    "raw source": (set_op(1, source=0), ValueRangeError, r"source` to be in \[1, 1\] \(got 0\)"),
    "features source": (set_op(0, source=1), ValueRangeError, r"ops\[0\].source` to be in \[0, 0\]"),
    "no features": (set_op(0, num_features=0), ValueRangeError, r"num_features` to be in \[1, "),
    "features per channel": (
        set_op(0, law=1),
        TensorError,
        r"ops\[0\].law` to be a law of 6 channels \(got 5\)",
    ),
    "chain": (
        set_op(0, num_features=7),
        TensorError,
        r"`tensor 1.weight` to be uint8 \[7, 2\] \(got 'uint8 \[6, 2",
    ),
    "wider output": (
        set_op(1, num_outputs=9),
        TensorError,
        r"ops\[1\].weight` to be a law of 9 channels \(got 5\)",
    ),
    "groups": (set_op(2, num_outputs=5), TensorError, r"ops\[2\].weight` to be a law of 3 groups \(got 2\)"),
    "law index": (set_op(1, output=99), ValueRangeError, r"ops\[1\].output` to be in \[0, 7\] \(got 99\)"),
    "law text": (set_op(1, output="2"), SchemaError, r"ops\[1\].output` to be an integer"),
    "idle law": (set_op(1, output=0), SchemaError, r"`plan.laws` to be used by an operation \(got 2\)"),
    "bias missing": (lambda p: p.tensors.pop("1.bias"), TensorError, r"`tensor 1.bias` to be float32 \[5\]"),
    "bias left over": (set_op(1, has_bias=False), TensorError, r"free of unknown names \(got '1.bias'\)"),
    "bias dtype": (set_tensor("1.bias", np.zeros(5, np.int32)), TensorError, r"\(got 'int32 \[5\]'\)"),
    "bias NaN": (
        set_element("1.bias", 2, np.nan),
        ValueRangeError,
        r"`tensor 1.bias` to be finite \(got nan\)",
    ),
    "weight bytes": (
        set_tensor("1.weight", np.zeros((6, 3), np.uint8)),
        TensorError,
        r"got 'uint8 \[6, 3\]'",
    ),
    "padding": (
        set_element("1.weight", (3, 1), 128),
        ValueRangeError,
        r"`tensor 1.weight` to be zero in its padding",
    ),
    "steps": (set_op(3, num_steps=0), ValueRangeError, r"num_steps` to be in \[1, 65535\] \(got 0\)"),
    "more steps": (set_op(3, num_steps=3), TensorError, r"`tensor 3.correction` to be float32 \[2, 3\]"),
    "list length": (set_op(3, updates=[4]), SchemaError, r"updates` to be a list of 2 laws \(got 1\)"),
    "list kind": (set_op(3, updates=4), SchemaError, r"updates` to be a list \(got 4\)"),
    "list item": (
        set_op(3, updates=[True, None]),
        SchemaError,
        r"updates\[0\]` to be an integer \(got True\)",
    ),
    "deltas length": (set_op(3, deltas=[7]), SchemaError, r"deltas` to be a list of 0 or 2 laws \(got 1\)"),
    "weight text": (set_op(3, skip_weight="0.1"), SchemaError, r"skip_weight` to be a number"),
    "correction NaN": (
        set_element("3.correction", (0, 0), np.inf),
        ValueRangeError,
        r"3.correction` to be finite",
    ),
    "no correction": (
        set_op(3, has_correction=False),
        SchemaError,
        r"deltas` to be a list of 0 laws \(got 2\)",
    ),
    "float message": (set_op(3, message=None), ValueRangeError, r"message` to be a law, as other laws are"),
    "float update": (
        set_op(3, updates=[None, None]),
        ValueRangeError,
        r"updates` to be laws; only the last may be",
    ),
    "delta": (
        set_op(3, deltas=[7, None]),
        ValueRangeError,
        r"deltas` to be laws wherever .* not 0 \(got 1\)",
    ),
    "no deltas": (set_op(3, deltas=[]), SchemaError, r"deltas` to be a list of 2 laws where a correction is not 0"),
    "no sums of deltas": (set_op(3, delta_aggregates=[]), SchemaError, r"delta_aggregates` to be a list of 2 laws"),
    "huge coefficient": (
        set_op(3, skip_weight=-1e39),
        ValueRangeError,
        r"skip_weight` to be finite in float32 \(got -1e\+39\)",
    ),
    "half a surrogate": (
        lambda parts: parts.info.update(dataset="\ud800"),
        SchemaError,
        r"info.dataset` to be Unicode text \(got '\\ud800'\)",
    ),
    "scores range": (set_plan(scores=5), ValueRangeError, r"plan.scores` to be in \[1, 4\] \(got 5\)"),
    "scores packed": (set_plan(scores=3), ValueRangeError, r"plan.scores` to be a float32 value \(got 3\)"),
    "embedding": (set_plan(embedding=0), ValueRangeError, r"plan.embedding` to be in \[1, 4\] \(got 0\)"),
    "no ops": (set_plan(ops=[]), ValueRangeError, r"plan.scores` to be in \[1, 0\]"),
}

RESIDUAL = {
    "skip forward": (set_op(3, skip=4), ValueRangeError, r"plan.ops\[3\].skip` to be in \[1, 3\] \(got 4\)"),
    "skip raw": (set_op(3, skip=0), ValueRangeError, r"skip` to be in \[1, 3\] \(got 0\)"),
    "skip width": (set_op(3, skip=1), ValueRangeError, r"skip` to be a value of 2 channels, as the source \(got 3\)"),
    "skip null": (set_op(3, skip=None), SchemaError, r"skip` to be an integer \(got None\)"),
    "skip of nodes": (
        lambda parts: (
            parts.plan["laws"].append([1, 2, "per_node", 2, 0, 1, 0]),
            set_op(1, output=sum(run[0] for run in parts.plan["laws"]) - 1)(parts),
            set_tensor("scale", np.append(parts.tensors["scale"], np.float32([1, 1])))(parts),
            set_tensor("zero_point", np.append(parts.tensors["zero_point"], np.uint8([0, 0])))(parts),
        ),
        ValueRangeError,
        r"ops\[3\].skip` to be a value with one law for all nodes \(got 'per_node'\)",
    ),
    "relu number": (set_op(3, has_relu=1), SchemaError, r"has_relu` to be true or false \(got 1\)"),
}

LAYERS = {
    "reduce": (set_op(2, reduce="min"), SchemaError, r"ops\[2\].reduce` to be one of sum, mean, max \(got 'min'\)"),
    "weighted max": (set_op(3, is_weighted=True), ValueRangeError, r"is_weighted` to be false where reduce is max"),
    "normalized max": (set_op(3, is_normalized=True), ValueRangeError, r"is_normalized` to be false where reduce is"),
    "relation": (set_op(3, relation=-1), ValueRangeError, r"relation` to be in \[0, 2147483647\] \(got -1\)"),
    "skip of another width": (
        lambda parts: parts.ops.append({**parts.ops[3], "skip": 5}),
        ValueRangeError,
        r"skip` to be a value of 4 channels, as the source \(got 2\)",
    ),
    "skip forward": (set_op(3, skip=4), ValueRangeError, r"skip` to be in \[1, 3\] \(got 4\)"),
    "message of groups": (
        lambda parts: (
            parts.plan["laws"].append([1, 2, "per_group", 2, 2, 1, 0]),
            set_op(2, message=sum(run[0] for run in parts.plan["laws"]) - 1)(parts),
            set_tensor("scale", np.append(parts.tensors["scale"], np.float32([1, 1])))(parts),
            set_tensor("zero_point", np.append(parts.tensors["zero_point"], np.uint8([0, 0])))(parts),
        ),
        ValueRangeError,
        r"ops\[2\].message` to be per tensor or channel \(got 'per_group'\)",
    ),
    "graphs have no edges": (
        lambda parts: parts.ops.append({**parts.ops[3], "source": 18, "skip": None}),
        ValueRangeError,
        r"ops\[20\].source` to be a value with a row for each node \(got 'graphs after a readout'\)",
    ),
    "graphs are read out once": (
        lambda parts: parts.ops.append({**parts.ops[15], "source": 17}),
        ValueRangeError,
        r"source` to be a value with a row for each node",
    ),
    "sets of graphs": (set_op(17, mode="set"), ValueRangeError, r"source` to be a value with a row for each node"),
    "heads": (set_op(6, num_heads=3), ValueRangeError, r"num_heads` to be a divisor of 4 channels \(got 3\)"),
    "no heads": (set_op(6, num_heads=0), ValueRangeError, r"num_heads` to be in \[1, "),
    "score": (set_op(6, score="cosine"), SchemaError, r"score` to be one of additive, dynamic, dot \(got 'cosine'\)"),
    "packed keys": (
        set_op(6, keys=1),
        ValueRangeError,
        r"keys` to be a float32 value of 4 channels \(got '4 channels, 4",
    ),
    "narrow queries": (
        set_op(6, queries=5),
        ValueRangeError,
        r"queries` to be a float32 value of 4 .*'2 channels, float",
    ),
    "wide keys": (set_op(5, keys=4), ValueRangeError, r"keys` to be a float32 value of 2 channels \(got '4 channels"),
    "vector missing": (lambda p: p.tensors.pop("6.vector"), TensorError, r"`tensor 6.vector` to be float32 \[4\]"),
    "vector left over": (set_op(6, score="dot"), TensorError, r"free of unknown names \(got '6.vector'\)"),
    "attend bias": (set_op(5, is_concatenated=True), TensorError, r"`tensor 5.bias` to be float32 \[4\]"),
    "no sources": (set_op(8, sources=[]), SchemaError, r"sources` to be a list of 1 to 4 values \(got 0\)"),
    "five sources": (set_op(8, sources=[7] * 5), SchemaError, r"sources` to be a list of 1 to 4 values \(got 5\)"),
    "raw source": (set_op(8, sources=[0, 7, 7]), ValueRangeError, r"sources\[0\]` to be in \[1, 8\] \(got 0\)"),
    "source text": (set_op(8, sources=["7", 7, 7]), SchemaError, r"sources\[0\]` to be an integer"),
    "count of weights": (set_op(8, weights=[1, 2]), SchemaError, r"weights` to be a list of 3 numbers, one for each"),
    "weight text": (set_op(8, weights=[1, 2, "3"]), SchemaError, r"weights\[2\]` to be a number \(got '3'\)"),
    "widths": (
        set_op(8, sources=[7, 6, 7]),
        ValueRangeError,
        r"sources` to be values of one width \(got \[4, 2, 4\]\)",
    ),
    "widths of a maximum": (set_op(10, sources=[9, 6]), ValueRangeError, r"sources` to be values of one width"),
    "domains": (
        set_op(18, sources=[16, 15]),
        ValueRangeError,
        r"sources\[1\]` to be a value of graphs \(got 'nodes'\)",
    ),
    "function": (set_op(11, function="mish"), SchemaError, r"function` to be one of leaky_relu, .* \(got 'mish'\)"),
    "slopes": (set_op(12, function="prelu"), TensorError, r"`tensor 12.slopes` to be float32 \[4\]"),
    "mode": (set_op(14, mode="batch"), SchemaError, r"mode` to be one of row, set, graph, length \(got 'batch'\)"),
    "eps": (set_op(14, eps=0.0), ValueRangeError, r"eps` to be > 0 \(got 0.0\)"),
    "mean_scale": (lambda p: p.tensors.pop("13.mean_scale"), TensorError, r"`tensor 13.mean_scale` to be float32"),
    "scale NaN": (set_element("13.scale", 0, np.nan), ValueRangeError, r"`tensor 13.scale` to be finite"),
}

FLOAT = {
    "norm": (set_op(2, norm="l2"), SchemaError, r"norm` to be one of l1, l21 \(got 'l2'\)"),
    "gamma": (set_op(2, gamma=0.0), ValueRangeError, r"gamma` to be > 0 \(got 0.0\)"),
    "beta": (set_op(2, beta=-1), ValueRangeError, r"beta` to be > 0 \(got -1.0\)"),
    "l1_weight": (set_op(2, l1_weight=None), SchemaError, r"l1_weight` to be a number \(got None\)"),
    "elastic list": (set_op(2, duals=[None]), SchemaError, r"duals` to be a list of 2 laws"),
    "weight NaN": (
        set_element("1.weight", (0, 0), np.nan),
        ValueRangeError,
        r"`tensor 1.weight` to be finite",
    ),
    "weight packed": (set_tensor("1.weight", np.zeros((3, 1), np.uint8)), TensorError, r"float32 \[3, 2\]"),
}


@pytest.mark.parametrize(("change", "error", "match"), PACKED.values(), ids=PACKED)
def test_packed_model_refusals(broken, change, error, match):
    with pytest.raises(error, match=match):
        read_model(broken("tiny_model", change))


@pytest.mark.parametrize(("change", "error", "match"), RESIDUAL.values(), ids=RESIDUAL)
def test_residual_model_refusals(broken, change, error, match):
    with pytest.raises(error, match=match):
        read_model(broken("tiny_residual_model", change))


@pytest.mark.parametrize(("change", "error", "match"), LAYERS.values(), ids=LAYERS)
def test_layers_model_refusals(broken, change, error, match):
    with pytest.raises(error, match=match):
        read_model(broken("tiny_layers_model", change))


@pytest.mark.parametrize(("change", "error", "match"), FLOAT.values(), ids=FLOAT)
def test_float_model_refusals(broken, change, error, match):
    with pytest.raises(error, match=match):
        read_model(broken("tiny_float_model", change))


def test_law_for_each_node_is_refused(broken):
    def change(parts):
        parts.plan["laws"] = [
            [c, b, g.replace("per_channel", "per_node"), *rest] for c, b, g, *rest in parts.plan["laws"]
        ]

    with pytest.raises(ValueRangeError, match=r"weight` to be per tensor, channel or group \(got 'per_node'\)"):
        read_model(broken("tiny_model", change))


@pytest.mark.parametrize(
    "change",
    [set_op(3, kind="gat"), set_op(1, dropout=0), lambda p: p.tensors.update({"new": np.zeros(1, np.uint8)})],
    ids=["operation", "field", "tensor"],
)
def test_unknown_things_of_a_newer_minor_version(broken, change):
    def newer(parts):
        parts.metadata["format_version"] = "1.9"
        change(parts)

    with pytest.raises(VersionError, match="Update smoothbit to read this file"):
        read_model(broken("tiny_model", newer))
