"""Differentiable rounding: the law of `numerics.affine` in torch, with straight-through gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class TorchLaw:
    """Quantization law as tensors that broadcast to the quantized tensor.

    Args:
        scale: Real units per fine code, float32, > 0; may carry a gradient.
        zero_point: Fine code of real 0, float32 holding integers.
        phase: Shift of the grid in fine codes, float32.
        qmax: Largest code.
        divisor: Fine codes per code (bit truncation), 1 for none.
        shift: Fine codes added before the division.
    """

    scale: Tensor
    zero_point: Tensor
    phase: Tensor
    qmax: int
    divisor: int = 1
    shift: int = 0


def quantize(x: Tensor, law: TorchLaw) -> Tensor:
    """Turn reals into codes, bit for bit as `numerics.affine.quantize`.

    Args:
        x: Values, float32.
        law: Law that broadcasts to `x`.

    Returns:
        Codes as float32 integers within [0, qmax], shape of `x`.
    """
    fine_qmax = law.qmax if law.divisor == 1 else 255
    rounded = torch.round(x * (1.0 / law.scale) + law.phase) + law.zero_point
    codes = rounded.clamp(0, fine_qmax)
    if law.divisor > 1:
        inv_divisor = torch.ones((), dtype=x.dtype, device=x.device) / law.divisor
        codes = torch.round((codes + law.shift) * inv_divisor).clamp(0, law.qmax)
    return codes


def dequantize(codes: Tensor, law: TorchLaw) -> Tensor:
    """Turn codes into reals: step * codes + offset, bit for bit as `numerics.affine.dequantize`."""
    return codes * (law.scale * law.divisor) + -(law.scale * (law.zero_point + law.phase))


class _FakeQuantize(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, law: TorchLaw) -> Tensor:
        real = dequantize(quantize(x, law), law)
        ctx.save_for_backward(x, scale, real)
        ctx.law = law
        return real

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor | None, None]:
        (grad,) = grads
        x, scale, real = ctx.saved_tensors
        law = ctx.law
        fine_qmax = law.qmax if law.divisor == 1 else 255
        fine = x * (1.0 / law.scale) + law.phase + law.zero_point
        is_inside = (fine >= 0) & (fine <= fine_qmax)
        grad_scale = None
        if ctx.needs_input_grad[1]:
            local = (real - torch.where(is_inside, x, torch.zeros_like(x))) / scale
            grad_scale = _reduce_to(grad * local, scale.shape)
        return grad * is_inside, grad_scale, None


def fake_quantize(x: Tensor, law: TorchLaw) -> Tensor:
    """Quantize and dequantize with straight-through gradients.

    Args:
        x: Values [N, F] or [E], float32.
        law: Law that broadcasts to `x`; `law.scale` may need a gradient.

    Returns:
        x^ of the shape of `x`. Gradient to x: 1 where `x` lies between the ends of the grid, else 0.
        Gradient to scale: (x^ - x) / scale between the ends, x^ / scale outside.

    Reference:
        Esser et al. 2020 (LSQ), eq. 3; for a learned range DESIGN 2.1, through
        scale = alpha * (M - m) / qmax. Departure: none.
    """
    result = _FakeQuantize.apply(x, law.scale, law)  # type: ignore[no-untyped-call]
    assert isinstance(result, Tensor)
    return result


def _reduce_to(grad: Tensor, shape: torch.Size) -> Tensor:
    """Sum `grad` over the axes along which `shape` was broadcast."""
    padded = (1,) * (grad.dim() - len(shape)) + tuple(shape)
    axes = [axis for axis, (have, want) in enumerate(zip(grad.shape, padded, strict=True)) if want == 1 and have != 1]
    reduced = grad.sum(dim=axes, keepdim=True) if axes else grad
    return reduced.reshape(shape)
