from __future__ import annotations

import pytest
import torch

from smoothbit.formats import PackedTensor
from smoothbit.nn import QuantLinear, inputs_from_features
from smoothbit.quant import QuantConfig
from tests.helpers import FEATURES


@pytest.mark.parametrize("kind", FEATURES)
def test_sparse_and_dense_inputs_give_the_dense_product(kind):
    features = FEATURES[kind]()
    layer = QuantLinear(features.num_features, 6, QuantConfig(), has_relu=True)
    wanted = (torch.from_numpy(features.to_dense()) @ layer.weight + layer.bias).relu()
    torch.testing.assert_close(layer(inputs_from_features(features)), wanted)


def test_activations_are_quantized_after_the_relu():
    layer = QuantLinear(5, 6, QuantConfig("minmax", 2), has_relu=True)
    layer(torch.randn(40, 5))
    assert layer.output_quantizer.observer.lo.item() == 0.0


def test_operation_packs_the_weight():
    layer = QuantLinear(5, 6, QuantConfig("qlr", 2), has_relu=False)
    layer(torch.randn(40, 5))
    op = layer.to_op(1)
    assert isinstance(op.weight, PackedTensor)
    torch.testing.assert_close(
        torch.from_numpy(op.weight.dequantize()), layer.weight_quantizer.eval()(layer.weight).detach()
    )


def test_scores_stay_in_float():
    layer = QuantLinear(5, 6, QuantConfig("qlr", 2), has_relu=False, has_output_quantizer=False)
    layer(torch.randn(40, 5))
    assert layer.to_op(1).output is None


def test_repr_shows_sizes():
    assert "5, 6, relu=True" in repr(QuantLinear(5, 6, QuantConfig(), has_relu=True))
