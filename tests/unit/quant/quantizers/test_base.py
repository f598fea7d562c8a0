from __future__ import annotations

import numpy as np
import pytest
import torch

from smoothbit.errors import ArgumentError
from smoothbit.numerics import affine
from smoothbit.quant import QUANTIZERS, QuantConfig

SKEWED = torch.cat([torch.randn(200, generator=torch.Generator().manual_seed(0)), torch.tensor([9.0])])[None]
"""Values far from symmetric."""


def levels(quantizer, x):
    quantizer(x)
    law = quantizer.law()
    return affine.dequantize(np.arange(law.qmax + 1, dtype=np.uint8)[None], law)[0]


def test_unknown_name_lists_the_nearest():
    with pytest.raises(ArgumentError, match="Did you mean 'lsq'"):
        QUANTIZERS.resolve("lsqq")


@pytest.mark.parametrize("name", ["qlr", "lsq", "minmax"])
@pytest.mark.parametrize("num_bits", [1, 2])
class TestHalfGrid:
    def test_is_symmetric_and_has_as_many_levels_above_zero_as_below(self, name, num_bits):
        quantizer = QUANTIZERS.resolve(name)(num_bits, grid="half")
        grid, law = levels(quantizer, SKEWED), quantizer.law()
        assert law.zero_point + law.phase == law.qmax / 2
        assert (grid > 0).sum() == (grid < 0).sum() == 2 ** (num_bits - 1)
        np.testing.assert_allclose(grid[-1], (2**num_bits - 1) / 2 * np.diff(grid)[0], rtol=1e-6)

    def test_keeps_the_level_at_zero_of_tensors_without_negative_values(self, name, num_bits):
        half = levels(QUANTIZERS.resolve(name)(num_bits, grid="half"), SKEWED.abs())
        assert half[0] == 0.0
        np.testing.assert_array_equal(half, levels(QUANTIZERS.resolve(name)(num_bits), SKEWED.abs()))

    def test_is_not_for_inputs(self, name, num_bits):
        quant = QuantConfig(name, num_bits, grid="half")
        inputs = levels(quant.make("inputs"), SKEWED)
        np.testing.assert_array_equal(inputs, levels(QUANTIZERS.resolve(name)(num_bits), SKEWED))
        for stage in ("weights", "activations", "messages", "aggregates", "updates"):
            half = QUANTIZERS.resolve(name)(num_bits, grid="half")
            np.testing.assert_array_equal(levels(quant.make(stage), SKEWED), levels(half, SKEWED))


@pytest.mark.parametrize("name", ["qlr", "lsq", "minmax"])
def test_half_grid_changes_nothing_from_four_bits_on(name):
    quantizers = [QUANTIZERS.resolve(name)(4, grid=grid) for grid in ("half", "integer")]
    assert 0.0 in levels(quantizers[0], SKEWED)
    np.testing.assert_array_equal(*(levels(quantizer, SKEWED) for quantizer in quantizers))


def test_unknown_grid_is_refused():
    with pytest.raises(ArgumentError, match=r"Expected `grid` to be one of integer, half \(got 'whole'\). Use half"):
        QuantConfig("qlr", 2, grid="whole").make("weights")


def test_use_before_the_first_batch_is_refused():
    quantizer = QUANTIZERS.resolve("lsq")(2).eval()
    with pytest.raises(ArgumentError, match="Run one forward pass inside `calibrate`, or in training mode, first"):
        quantizer(torch.ones(2, 2))
    with pytest.raises(ArgumentError, match="Train the model before exporting it"):
        quantizer.law()


def test_unknown_granularity_is_refused():
    with pytest.raises(ArgumentError, match="Expected `granularity` to be one of per_tensor, per_channel"):
        QUANTIZERS.resolve("lsq")(2, granularity="per_edge")
