"""Inputs whose rows are a factor times codes: rows of one number, exact at 1 bit, and rows of different sizes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from smoothbit.numerics.affine import AffineLaw, per_tensor_law
from smoothbit.quant.config import FloatStage, QuantConfig
from smoothbit.quant.quantizers import Quantizer

MODES = ("tensor", "binary", "rows")
ROW_GAIN = 4.0
"""How many times smaller the mean square error must be before each row gets a factor: as much as a bit gives."""

MIN_ROW_ERROR = 1e-3
"""Mean square error, relative to the largest magnitude of a row, below which one step is good enough."""

NUM_SHARES = 16
"""Shares of the largest magnitude that are tried as ends of a grid for that comparison, evenly spaced up to 1."""

MAX_ROWS = 4096
"""Rows that are looked at for it, evenly spaced."""


class RowStage(nn.Module):
    """Quantizer of the input of a layer, for the whole tensor or with a factor for each row.

    `calibrate` decides on the first batch:

    - "binary": rows of zeros and one number among the arguments of the network (row-normalised binary features)
      pass; they are 1-bit codes times a factor for each row, which goes through the layer's product.
    - "rows": x_i = r_i Q(x_i / r_i) with r_i = max_j |x_ij|, where rows differ so much in size (sums over
      neighbours, sums over graphs) that one step for all of them has `ROW_GAIN` times the error.
    - "tensor": Q(x).

    Args:
        quantizer: Quantizer of the codes.
        takes_rows: Whether the layer may be given rows with factors.

    Shapes:
        x: [*, F] float32. mode: [] uint8, the index in `MODES`.
    """

    mode: Tensor

    def __init__(self, quantizer: Quantizer, *, takes_rows: bool = False) -> None:
        super().__init__()
        self.quantizer = quantizer
        self.takes_rows = takes_rows
        self.register_buffer("mode", torch.zeros((), dtype=torch.uint8))
        self._mode: str | None = None  # the same, where a compiler can look at it

    def forward(self, x: Tensor) -> Tensor:
        """Return x^, or `x` where it is exact."""
        mode = self.read_mode()
        if mode == "binary" or self.quantizer.is_bypassed:
            return x
        if mode == "tensor":
            return torch.as_tensor(self.quantizer(x))
        sizes = row_sizes(x)
        return torch.as_tensor(self.quantizer(x * (1 / sizes)) * sizes)

    def read_mode(self) -> str:
        """Return the mode, one of `MODES`."""
        if self._mode is None:
            self._mode = MODES[int(self.mode)]
        return self._mode

    def mark(self, mode: str) -> None:
        """Decide on a mode."""
        self.mode.fill_(MODES.index(mode))
        self._mode = mode

    def choose(self, x: Tensor, *, is_exact: bool) -> None:
        """Decide by a batch [*, F]; `is_exact` when its rows hold one number each and are features."""
        has_rows = self.takes_rows and needs_rows(x, self.quantizer.num_bits)
        mode = "binary" if is_exact else "rows" if has_rows else "tensor"
        if mode != self.read_mode():
            self.quantizer.forget()
            self.mark(mode)

    def law(self) -> AffineLaw:
        """Return the law of the codes, of x_i / r_i where rows have factors.

        Raises:
            ArgumentError: no batch was seen yet.
        """
        return per_tensor_law(1, 1.0) if self.read_mode() == "binary" else self.quantizer.law()

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *args)
        self._mode = None


def make_input(quant: QuantConfig, num_channels: int = 1, *, takes_rows: bool = False) -> RowStage | FloatStage:
    """Return a new quantizer for the input of a layer, [N, `num_channels`]; `takes_rows` as in `RowStage`."""
    stage = quant.make("inputs", num_channels)
    return RowStage(stage, takes_rows=takes_rows) if isinstance(stage, Quantizer) else stage


def is_row_binary(x: Tensor) -> bool:
    """Return whether each row of `x` [N, F] holds zeros and one number, and some row holds it."""
    scale = x.abs().amax(dim=1, keepdim=True) if x.numel() else x
    return bool(((x == 0) | (x == scale)).all()) and bool((scale > 0).any())


def row_sizes(x: Tensor) -> Tensor:
    """Return max_j |x_ij| of each row of `x` [*, F] as [*, 1], a constant; finite, 1 where it has no normal inverse."""
    sizes = x.detach().abs().amax(dim=-1, keepdim=True) if x.shape[-1] else x.new_zeros(*x.shape[:-1], 1)
    finite = sizes.clamp(max=torch.finfo(x.dtype).max)
    return torch.where(sizes < torch.finfo(x.dtype).tiny, 1.0, finite)


def needs_rows(x: Tensor, num_bits: int) -> bool:
    """Return whether a factor for each row of `x` [*, F] makes the error `ROW_GAIN` times smaller at `num_bits`.

    Errors count relative to their row: one row far larger than all others is no reason.
    """
    rows = x.detach().reshape(-1, x.shape[-1])
    rows = rows[:: max(1, -(-len(rows) // MAX_ROWS))].double()
    if rows.numel() == 0:
        return False
    sizes = row_sizes(rows)
    whole = _least_error(rows, sizes, num_bits)
    return bool(whole > MIN_ROW_ERROR) and bool(ROW_GAIN * _least_error(rows / sizes, None, num_bits) < whole)


def _least_error(x: Tensor, sizes: Tensor | None, num_bits: int) -> Tensor:
    """Return the least mean of ((x - x^) / sizes)^2 over grids that end at shares of the largest magnitude."""
    low, high = x.min().clamp(max=0), x.max().clamp(min=0)
    most = torch.maximum(-low, high)
    qmax = (1 << num_bits) - 1
    errors = []
    for k in range(1, NUM_SHARES + 1):
        end = most * k / NUM_SHARES
        lower = torch.maximum(low, -end)
        step = ((torch.minimum(high, end) - lower) / qmax).clamp(min=torch.finfo(x.dtype).tiny)
        zero_point = (-lower / step).round()
        codes = ((x / step).round() + zero_point).clamp(0, qmax)
        error = x - step * (codes - zero_point)
        errors.append((error if sizes is None else error / sizes).square().mean())
    return torch.stack(errors).min()
