from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smoothbit.errors import (
    ArgumentError,
    HeaderError,
    SchemaError,
    TensorError,
    ValueRangeError,
    VersionError,
)
from smoothbit.formats import PackedModel, PackedTensor, model_bytes, read_model, write_model
from smoothbit.formats.schema import DiffuseOp, FeaturesOp, LinearOp, ModelInfo, Plan
from smoothbit.numerics.affine import AffineLaw, per_tensor_law
from tests.golden.make_golden import tiny_float_model, tiny_layers_model, tiny_model
from tests.unit.formats.comparison import same

# Bytes a Cora model may spend on all but codes and biases, so that it stays under a sixteenth of FP32.
OVERHEAD_BUDGET = 2_600
MODELS = {"packed": tiny_model(), "float": tiny_float_model(), "layers": tiny_layers_model()}


@pytest.mark.parametrize("mmap", [True, False], ids=["mapped", "copied"])
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_round_trip(tmp_path, model, mmap):
    write_model(tmp_path / "m.smoothbit", model)
    assert same(read_model(tmp_path / "m.smoothbit", mmap=mmap), model)


def test_same_model_same_bytes(tmp_path):
    write_model(tmp_path / "a.smoothbit", tiny_model())
    write_model(tmp_path / "b.smoothbit", read_model(tmp_path / "a.smoothbit"))
    assert (tmp_path / "a.smoothbit").read_bytes() == (tmp_path / "b.smoothbit").read_bytes()


def test_odd_float64_coefficients_survive(tmp_path):
    weights = {"self_weight": 1 / 3, "aggregate_weight": 0.1 + 0.2, "skip_weight": -5e-324}
    ops = tiny_model().plan.ops
    plan = replace(tiny_model().plan, ops=(*ops[:3], replace(ops[3], **weights)))
    write_model(tmp_path / "m.smoothbit", PackedModel(plan, tiny_model().info))
    assert {name: getattr(read_model(tmp_path / "m.smoothbit").plan.ops[3], name) for name in weights} == weights


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_parts_add_up_to_the_file(tmp_path, model):
    write_model(tmp_path / "m.smoothbit", model)
    parts = model_bytes(model)
    total = parts.pop("total")
    assert total == sum(parts.values()) == (tmp_path / "m.smoothbit").stat().st_size


def test_parts_of_the_tiny_model():
    parts = model_bytes(tiny_model())
    assert (parts["codes"], parts["biases"], parts["corrections"]) == (6 * 2 + 5 * 2, 5 * 4, 2 * 2 * 4)
    assert (parts["float_weights"], parts["vectors"]) == (0, 0)
    layers = model_bytes(tiny_layers_model())
    assert (layers["vectors"], layers["biases"]) == ((4 + 4 + 6 + 4 + 4) * 4, (4 + 2 + 4 + 4 + 3) * 4)
    assert model_bytes(tiny_float_model())["float_weights"] == 3 * 2 * 4


def cora_model(per_channel, truncated):
    """Paper network for Cora at 2 bits with every activation, message, aggregate and update quantized."""
    rng = np.random.default_rng(0)

    def law():
        scale, zero_point = (np.float32([v]) for v in (rng.uniform(0.01, 0.1), rng.integers(0, 4)))
        extra = {"divisor": 85, "shift": int(rng.integers(-9, 10))} if truncated else {}
        return AffineLaw(2, scale, zero_point, np.float32([0]), **extra)

    def weight(rows, columns):
        groups = columns if per_channel else 1
        scale = rng.uniform(0.1, 1, groups).astype(np.float32)
        phase = np.full(groups, 0.5 if per_channel else 0, np.float32)
        granularity = "per_channel" if per_channel else "per_tensor"
        weight_law = AffineLaw(2, scale, np.ones_like(scale), phase, granularity)
        return PackedTensor.from_values(rng.normal(size=(rows, columns)).astype(np.float32), weight_law)

    def laws(count):
        return tuple(law() for _ in range(count))

    def numbers(count):
        return rng.normal(size=count).astype(np.float32)

    ops = (
        FeaturesOp(0, 1433, per_tensor_law(1, 1.0)),
        LinearOp(1, weight(1433, 64), numbers(64), True, law()),
        LinearOp(2, weight(64, 7), numbers(7), False, law()),
        DiffuseOp(
            source=3,
            num_steps=10,
            self_weight=0.0,
            aggregate_weight=0.9,
            skip_weight=0.1,
            correction_self=tuple(numbers(10).tolist()),
            correction_aggregate=tuple(numbers(10).tolist()),
            message=law(),
            aggregates=(*laws(9), None),
            updates=(*laws(9), None),
            deltas=laws(10),
            delta_aggregates=laws(10),
        ),
    )
    training = {"seed": 0, "epochs": 200, "best_epoch": 137, "val_accuracy": 0.802, "test_accuracy": 0.8173}
    info = ModelInfo("SMPNet", "qlr", 2, "smoothness_aware", "Cora", "public", 7, "0.1.0", training)
    return PackedModel(Plan(ops, 4), info)


@pytest.mark.parametrize(
    ("per_channel", "truncated"),
    [(False, False), (True, False), (True, True)],
    ids=["per-tensor", "per-channel", "per-channel-truncated"],
)
def test_cora_at_2_bits_stays_small(tmp_path, per_channel, truncated):
    model = cora_model(per_channel, truncated)
    parts = model_bytes(model)
    assert (parts["codes"], parts["biases"]) == (23_056, 284)
    assert parts["total"] - parts["codes"] - parts["biases"] < OVERHEAD_BUDGET
    write_model(tmp_path / "m.smoothbit", model)
    assert same(read_model(tmp_path / "m.smoothbit"), model)


def set_info(**fields):
    return lambda parts: parts.info.update(fields)


REFUSALS = {
    "format": (
        lambda p: p.metadata.update(format="smoothbit-graph"),
        SchemaError,
        r"metadata.format` to be 'smoothbit-model' \(got 'smoothbit-graph'\)",
    ),
    "major version": (
        lambda p: p.metadata.update(format_version="2.0"),
        VersionError,
        r"metadata.format_version` to be 1.x \(got '2.0'\). Update",
    ),
    "metadata field": (
        lambda p: p.metadata.update(extra="1"),
        SchemaError,
        "`metadata` to be free of unknown",
    ),
    "plan missing": (
        lambda p: p.json.pop("plan") and p.metadata.pop("plan"),
        SchemaError,
        "metadata.plan` to be pres",
    ),
    "info missing": (
        lambda p: p.json.pop("info") and p.metadata.pop("info"),
        SchemaError,
        "metadata.info` to be pres",
    ),
    "plan no JSON": (
        lambda p: p.json.pop("plan") and p.metadata.update(plan="{"),
        HeaderError,
        "`plan` to be UTF-8 JSON",
    ),
    "info no object": (
        lambda p: p.json.pop("info") and p.metadata.update(info="[]"),
        SchemaError,
        r"`info` to be a JSON object \(got \[\]\)",
    ),
    "info field": (set_info(extra=1), SchemaError, "`info` to be free of unknown fields"),
    "model": (set_info(model=1), SchemaError, r"`info.model` to be a string \(got 1\)"),
    "num_bits": (
        set_info(num_bits=3),
        ValueRangeError,
        r"`info.num_bits` to be one of 1, 2, 4, 8, 32 \(got 3\)",
    ),
    "num_classes": (
        set_info(num_classes=4),
        ValueRangeError,
        r"num_classes` to be the width of the scores, 3 \(got 4",
    ),
    "no classes": (set_info(num_classes=0), ValueRangeError, r"`info.num_classes` to be in \[1, "),
    "training": (set_info(training=[]), SchemaError, r"`info.training` to be a JSON object"),
    "tensor": (
        lambda p: p.tensors.update({"4.weight": np.zeros(1, np.uint8)}),
        TensorError,
        r"`tensors` to be free of unknown names \(got '4.weight'\)",
    ),
}


@pytest.mark.parametrize(("change", "error", "match"), REFUSALS.values(), ids=REFUSALS)
def test_refusals(broken, change, error, match):
    with pytest.raises(error, match=match):
        read_model(broken("tiny_model", change))


def test_newer_minor_version_without_news_opens(broken):
    path = broken("tiny_model", lambda p: p.metadata.update(format_version="1.7"))
    assert same(read_model(path), tiny_model())


@pytest.mark.parametrize("value", [float("nan"), np.float32(1), object()])
def test_training_record_must_be_json(tmp_path, value):
    model = PackedModel(tiny_model().plan, replace(tiny_model().info, training={"loss": value}))
    with pytest.raises(ArgumentError, match=r"`info` to be JSON-able with finite numbers"):
        write_model(tmp_path / "m.smoothbit", model)


def test_a_model_that_could_not_be_read_is_not_written(tmp_path):
    model = PackedModel(replace(tiny_model().plan, scores=3), tiny_model().info)
    with pytest.raises(ValueRangeError, match="scores` to be a float32 value"):
        write_model(tmp_path / "m.smoothbit", model)
    assert not list(tmp_path.iterdir())
