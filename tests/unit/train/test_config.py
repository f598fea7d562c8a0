from dataclasses import replace

import pytest

from smoothbit.data import Dataset
from smoothbit.errors import ArgumentError
from smoothbit.nn.models.gcnii import GCNIIConfig
from smoothbit.quant import QuantConfig
from smoothbit.train import TrainConfig
from smoothbit.train.config import propagation_options


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"epochs": 0}, r"Expected `epochs` to be at least 1 \(got 0\)"),
        ({"epochs": 5, "warm_epochs": 5}, r"Expected `warm_epochs` to be in \[0, 5\), less than `epochs` \(got 5\)"),
        ({"decay_epochs": 0}, "Expected `decay_epochs` to be at least 1"),
        ({"num_threads": 0}, "Expected `num_threads` to be at least 1"),
        ({"learning_rate": 0.0}, "Expected `learning_rate` to be > 0"),
        ({"lr_decay": float("nan")}, "Expected `lr_decay` to be > 0"),
        ({"range_learning_rate": -1.0}, "Expected `range_learning_rate` to be >= 0"),
        ({"weight_decay": -1.0}, "Expected `weight_decay` to be >= 0"),
        ({"distill_weight_decay": -1.0}, "Expected `distill_weight_decay` to be >= 0"),
        ({"distill_weight": 1.5}, r"Expected `distill_weight` to be in \[0, 1\] \(got 1.5\). Use 0"),
        ({"distill_weight": float("nan")}, r"Expected `distill_weight` to be in \[0, 1\] \(got nan\)"),
        ({"schedule": "linear"}, r"Expected `schedule` to be one of cosine, step \(got 'linear'\)"),
        ({"quantizer": "qrl"}, "Did you mean 'qlr'"),
        ({"propagation": "apnp"}, "Did you mean 'appnp'"),
        ({"num_bits": 3}, "Expected `num_bits` to be one of 1, 2, 4, 8, 32"),
        ({"dropout": 1.0}, "Expected `dropout` to be in"),
        ({"propagation_options": {"epsilom": 1}}, "options of smp .* Did you mean 'epsilon'"),
        ({"propagation": "gcn", "propagation_options": {"epsilon": 1}}, "It has none"),
        ({"model": "gcni"}, "Did you mean 'gcnii'"),
        ({"model": "gcn", "model_options": {"teleport": 0.2}}, "`model_options` to be options of gcn .*It has none"),
        ({"model": "gcnii", "model_options": {"num_steps": 4}}, "Valid names: decay_factor, mapping, teleport"),
        ({"model": "gcnii", "model_options": {"teleport": 2}}, r"Expected `teleport` to be in .0, 1. .got 2."),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_bad_field_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        TrainConfig(**fields)  # type: ignore[arg-type]


def test_json_round_trip() -> None:
    config = TrainConfig(propagation="appnp", propagation_options={"teleport": 0.2}, stage_bits={"inputs": 8})
    assert TrainConfig(**config.to_json()) == config  # type: ignore[arg-type]


def test_differences_ignore_where_the_data_lies() -> None:
    config = TrainConfig()
    assert config.differences(replace(config, data_root="/elsewhere")) == []
    assert config.differences(replace(config, epochs=3)) == ["epochs: 400, not 3"]


def test_network_fits_the_dataset(tiny: Dataset) -> None:
    net = TrainConfig(num_bits=2).net_config_for(tiny)
    assert (net.num_features, net.num_classes, net.input_kind, net.quant.num_bits) == (12, 3, "dense", 2)


def test_fields_of_a_network_come_from_the_recipe_and_its_options() -> None:
    net = TrainConfig(model="gcnii", num_steps=4, dropout=0.2, model_options={"mapping": 1.0}).net_config(
        7, 3, "binary"
    )
    assert net == GCNIIConfig(
        7, 3, "binary", 64, 4, 0.2, QuantConfig(weight_granularity="per_channel", grid="half"), mapping=1.0
    )


@pytest.mark.parametrize(
    ("fields", "coding"),
    [
        ({"num_bits": 2}, "delta"),
        ({"num_bits": 1, "propagation": "appnp"}, "delta"),
        ({"num_bits": 4}, "plain"),
        ({"num_bits": 2, "num_steps": 2}, "plain"),
        ({"num_bits": 2, "propagation": "elastic"}, "plain"),
        ({"num_bits": 2, "stage_bits": {"updates": 8}}, "plain"),
        ({"num_bits": 2, "quantizer": "sgquant"}, "plain"),
        ({"num_bits": 4, "coding": "feedback"}, "feedback"),
        ({"num_bits": 2, "coding": "plain"}, "plain"),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_coding_of_its_own_choice(fields: dict[str, object], coding: str) -> None:
    assert TrainConfig(**fields).net_config(7, 3, "dense").quant.coding == coding  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "epochs"),
    [({}, 200), ({"num_bits": 2}, 200), ({"warm_epochs": 7}, 7), ({"warm_epochs": 0}, 0), ({"distill_weight": 0}, 0)],
)
def test_epochs_of_the_warm_up(fields: dict[str, int], epochs: int) -> None:
    assert TrainConfig(**fields).warm_up == epochs  # type: ignore[arg-type]


def test_method_is_the_propagation_where_there_is_a_choice() -> None:
    assert [TrainConfig(propagation="appnp", model=m).method for m in ("smp_net", "sgc")] == ["appnp", "sgc"]


def test_propagation_options_are_those_of_the_class() -> None:
    assert propagation_options("appnp") == ["teleport"]
