from __future__ import annotations

import torch
from torch import nn

from smoothbit.quant import MinMax, calibrate


def test_training_flags_are_restored_and_dropout_is_off_inside():
    model = nn.Sequential(nn.Dropout(0.9), MinMax(8)).train()
    with calibrate(model):
        assert not model.training
        model(torch.ones(10, 10))
    assert model.training
    assert model[1].observer.hi.item() == 1.0


def test_weight_quantizers_keep_observing_in_training():
    quantizer = MinMax(8, is_weight=True)
    with calibrate(quantizer):
        quantizer(torch.ones(2, 2))
    quantizer.train()(torch.full((2, 2), 5.0))
    assert quantizer.observer.hi.item() == 5.0


def test_flags_are_restored_after_an_error():
    model = nn.Sequential(MinMax(8)).train()
    try:
        with calibrate(model):
            raise RuntimeError
    except RuntimeError:
        pass
    assert model.training
    assert model[0].is_observing is False
