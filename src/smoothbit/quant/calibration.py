"""Gather ranges from clean passes: the values that evaluation will see, without dropout."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from smoothbit.quant.quantizers import Quantizer


@contextmanager
def calibrate(model: nn.Module) -> Iterator[None]:
    """Let the quantizers of `model` observe the passes inside, run in evaluation mode without gradients.

    Afterwards the activation quantizers observe only in further `calibrate` blocks; without any
    such block they observe every training pass. Dropout widens what a training pass shows
    (by 1 / (1 - p)), so ranges taken there are too coarse for evaluation.

    Example:
        with calibrate(model):
            model(inputs, graph)
    """
    was_training = model.training
    quantizers = [module for module in model.modules() if isinstance(module, Quantizer)]
    model.eval()
    for quantizer in quantizers:
        quantizer.is_observing = True
    try:
        with torch.no_grad():
            yield
    finally:
        for quantizer in quantizers:
            quantizer.is_observing = False
        model.train(was_training)
