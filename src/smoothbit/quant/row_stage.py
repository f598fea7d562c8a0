"""Inputs whose rows hold one number: exact at 1 bit once that number is kept apart."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from smoothbit.numerics.affine import AffineLaw, per_tensor_law
from smoothbit.quant.config import FloatStage, QuantConfig
from smoothbit.quant.quantizers import Quantizer


class RowStage(nn.Module):
    """Quantizer of the input of a layer; features whose rows hold zeros and one number pass through it.

    Those are row-normalised binary features: 1-bit codes times a factor for each row, which goes through the
    layer's product. `calibrate` recognises them among the arguments of the network.

    Args:
        quantizer: Quantizer of all other inputs.

    Shapes:
        x: [N, F] float32. is_row_binary: [] bool.
    """

    is_row_binary: Tensor

    def __init__(self, quantizer: Quantizer) -> None:
        super().__init__()
        self.quantizer = quantizer
        self.register_buffer("is_row_binary", torch.zeros((), dtype=torch.bool))
        self._is_exact: bool | None = None  # the same, where a compiler can look at it

    def forward(self, x: Tensor) -> Tensor:
        """Return x^, or `x` where it is exact."""
        if self._is_exact is None:
            self._is_exact = bool(self.is_row_binary)
        return x if self._is_exact else torch.as_tensor(self.quantizer(x))

    def mark(self, is_exact: bool) -> None:
        """Decide whether inputs pass."""
        self.is_row_binary.fill_(is_exact)
        self._is_exact = is_exact

    def law(self) -> AffineLaw:
        """Return the law of the codes; a factor of the row beside it belongs to the features, not to the model.

        Raises:
            ArgumentError: no batch was seen yet.
        """
        return per_tensor_law(1, 1.0) if self.is_row_binary else self.quantizer.law()

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *args)
        self._is_exact = None


def make_input(quant: QuantConfig, num_channels: int = 1) -> RowStage | FloatStage:
    """Return a new quantizer for the input of a layer, [N, `num_channels`]."""
    stage = quant.make("inputs", num_channels)
    return RowStage(stage) if isinstance(stage, Quantizer) else stage


def is_row_binary(x: Tensor) -> bool:
    """Return whether each row of `x` [N, F] holds zeros and one number, and some row holds it."""
    scale = x.abs().amax(dim=1, keepdim=True) if x.numel() else x
    return bool(((x == 0) | (x == scale)).all()) and bool((scale > 0).any())
