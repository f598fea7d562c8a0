"""Invariants of every quantizer; a concrete case states the registered name and options."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
import torch

from smoothbit.errors import ArgumentError
from smoothbit.numerics import affine
from smoothbit.quant import QUANTIZERS, Quantizer, calibrate

BITS = (1, 2, 4, 8)


class QuantizerCase:
    """Family invariants; subclasses set `name` and may set `options`."""

    name: ClassVar[str]
    options: ClassVar[dict[str, object]] = {}

    def make(self, num_bits: int, **options: object) -> Quantizer:
        return QUANTIZERS.resolve(self.name)(num_bits, **{**self.options, **options})  # type: ignore[arg-type]

    @staticmethod
    def signed_values(seed: int = 0) -> torch.Tensor:
        return torch.randn(40, 6, generator=torch.Generator().manual_seed(seed))

    @pytest.mark.parametrize("num_bits", BITS)
    @pytest.mark.parametrize("granularity", ["per_tensor", "per_channel"])
    @pytest.mark.parametrize("is_positive", [False, True], ids=["signed", "positive"])
    def test_forward_equals_the_numpy_law(self, num_bits, granularity, is_positive):
        quantizer = self.make(num_bits, num_channels=6, granularity=granularity)
        x = self.signed_values().abs() if is_positive else self.signed_values()
        fake = quantizer(x).detach().numpy()
        law = quantizer.law()
        codes = affine.quantize(x.numpy(), law)
        np.testing.assert_array_equal(fake, affine.dequantize(codes, law))
        assert law.num_bits == num_bits
        assert len(np.unique(codes)) > 1

    @pytest.mark.parametrize("num_bits", BITS)
    def test_evaluation_is_frozen_and_idempotent(self, num_bits):
        quantizer = self.make(num_bits)
        quantizer(self.signed_values())
        quantizer.eval()
        before = {k: v.clone() for k, v in quantizer.state_dict().items()}
        once = quantizer(self.signed_values(1) * 3)
        for name, value in quantizer.state_dict().items():
            assert torch.equal(value, before[name]), name
        law = quantizer.law()
        codes = affine.quantize(once.detach().numpy(), law)
        np.testing.assert_array_equal(affine.dequantize(codes, law), once.detach().numpy())

    @pytest.mark.parametrize("num_bits", BITS)
    def test_state_dict_carries_the_law(self, num_bits):
        trained, fresh = self.make(num_bits), self.make(num_bits)
        trained(self.signed_values())
        fresh.load_state_dict(trained.state_dict())
        fresh.eval(), trained.eval()
        x = self.signed_values(2)
        assert torch.equal(fresh(x), trained(x))

    def test_eight_bits_are_closer_than_two(self):
        x = self.signed_values()
        errors = [float((self.make(num_bits)(x).detach() - x).abs().mean()) for num_bits in (2, 8)]
        assert errors[1] < errors[0] / 4

    def test_gradient_is_straight_through_inside_and_zero_outside(self):
        quantizer = self.make(4)
        quantizer(self.signed_values())
        quantizer.eval()
        law = quantizer.law()
        grid = affine.dequantize(np.array([[0, law.qmax]], dtype=np.uint8), law)[0]
        x = torch.tensor([float(grid.mean()), float(grid[0] - 5 * law.step[0]), float(grid[1] + 5 * law.step[0])])
        x.requires_grad_(True)
        quantizer(x).sum().backward()
        assert x.grad is not None
        assert x.grad.tolist() == [1.0, 0.0, 0.0]

    def test_range_parameters_receive_gradient(self):
        quantizer = self.make(2)
        (quantizer(self.signed_values().requires_grad_(True)) ** 3).sum().backward()
        for parameter in quantizer.range_parameters():
            assert parameter.grad is not None
            assert float(parameter.grad.abs().sum()) > 0

    def test_all_zero_tensor_gives_zeros(self):
        assert torch.equal(self.make(2)(torch.zeros(5, 3)), torch.zeros(5, 3))

    def test_empty_tensor_passes_through(self):
        assert self.make(2)(torch.zeros(0, 3)).shape == (0, 3)

    def test_unseen_batch_is_refused(self):
        quantizer = self.make(2).eval()
        with pytest.raises(ArgumentError, match="Run one forward pass in training mode first"):
            quantizer(torch.ones(2, 2))
        with pytest.raises(ArgumentError, match="Train the model before exporting it"):
            quantizer.law()

    def test_unknown_granularity_is_refused(self):
        with pytest.raises(ArgumentError, match="Expected `granularity` to be one of per_tensor, per_channel"):
            self.make(2, granularity="per_edge")

    def test_unknown_width_is_refused(self):
        with pytest.raises(ArgumentError, match="Expected `num_bits` to be one of 1, 2, 4, 8"):
            self.make(3)

    def test_calibrate_observes_only_inside(self):
        quantizer = self.make(4)
        with calibrate(quantizer):
            quantizer(self.signed_values())
        before = {k: v.clone() for k, v in quantizer.state_dict().items()}
        quantizer.train()(self.signed_values() * 100)
        for name, value in quantizer.state_dict().items():
            assert torch.equal(value, before[name]), name
