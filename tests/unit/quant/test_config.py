from __future__ import annotations

import pytest

from smoothbit.errors import ArgumentError
from smoothbit.quant import QLR, STAGES, FloatStage, QuantConfig


def test_every_stage_has_the_same_width_unless_told():
    config = QuantConfig("qlr", 2, {"aggregates": 8})
    assert [config.bits_of(stage) for stage in STAGES] == [2, 2, 2, 2, 8, 2]


def test_make_gives_a_new_quantizer_each_time():
    config = QuantConfig("qlr", 2)
    first, second = config.make("messages"), config.make("messages")
    assert isinstance(first, QLR)
    assert first is not second


def test_only_weights_follow_the_weight_granularity():
    config = QuantConfig("lsq", 4, weight_granularity="per_channel")
    assert config.make("weights", 5).granularity == "per_channel"
    assert config.make("messages", 5).granularity == "per_tensor"


def test_float_config_makes_float_stages():
    config = QuantConfig()
    assert config.is_float
    stage = config.make("weights")
    assert isinstance(stage, FloatStage)
    assert stage.law() is None


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"quantizer": "qrl"}, "Expected quantizer to be a registered name .got 'qrl'.. Did you mean 'qlr'"),
        ({"num_bits": 3}, "Expected `num_bits` to be one of 1, 2, 4, 8, 32 .got 3."),
        (
            {"stage_bits": {"message": 2}},
            "Expected a stage name in `stage_bits` .got 'message'.. Did you mean 'messages'",
        ),
    ],
    ids=["quantizer", "bits", "stage"],
)
def test_bad_fields_are_refused(fields, match):
    with pytest.raises(ArgumentError, match=match):
        QuantConfig(**fields)
