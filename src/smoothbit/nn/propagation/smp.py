"""Smoothness-aware message propagation (SMP)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from smoothbit.errors import ArgumentError
from smoothbit.formats.schema import DiffuseOp
from smoothbit.nn.graph import TorchGraph
from smoothbit.nn.propagation.base import PROPAGATIONS, Diffusion, laws
from smoothbit.quant import QuantConfig

VARIANTS = ("derived", "public")

MAX_CORRECTION = 0.5
"""Largest |2 eta lam|: L has no eigenvalue above 2, so a correction is at most as long as the change."""


@PROPAGATIONS.register("smp")
class SMPPropagation(Diffusion):
    r"""Signal denoising with a bound on the change between neighbours from layer to layer.

    One step of gradient descent on 1/2 |H - Z|^2 + mu/2 tr(H' L H), then the multiplier's term::

        H'      = (1 - (1 + mu) eta) H_k + mu eta A^ H_k + eta Z          Delta = H' - H_k
        H_{k+1} = H' + 2 eta lam L Delta
        lam    += eta_lam (epsilon E - s^2 - tr(Delta' L Delta))          s += 2 eta_s lam s

    In training the multipliers run beside the layers and restart in each pass; evaluation and
    export use the multiplier each layer had in the latest training pass. With coding "delta" the
    neighbours already have the change of the state, so Delta is what was sent in this layer,
    m^_k - m^_{k-1}, and costs no second aggregation; the first layer then has no correction, and
    coding "feedback" has none at all.

    Args:
        smoothness: mu.
        step_size: eta.
        slack_step: eta_s.
        multiplier_step: eta_lam times E; the paper's 1e-5 on Cora (E = 13,264) is 0.13.
        epsilon: Bound on the change per stored entry of A~.
        variant: "derived" as above; "public" has A^ Delta where the derivation has L Delta, as the
            paper's public code.

    Raises:
        ArgumentError: unknown `variant`.

    Shapes:
        multipliers: [K] float32 buffer, lam of each layer in the latest training pass.

    Reference:
        Wang et al. 2023 (arXiv 2308.14949), multipliers after Platt and Barr 1987; DESIGN 2.2.
        Departures: computed in the state u = D^-1/2 h; with coding "delta" Delta is that of the layer
        before; eta_lam scales with 1 / E, so that one value serves graphs of all sizes; no gradient
        flows through the multipliers; Delta is taken after its quantization; |2 eta lam| stays within 1/2.
    """

    multipliers: Tensor

    def __init__(
        self,
        num_steps: int,
        num_channels: int,
        quant: QuantConfig,
        *,
        has_output_quantizer: bool = False,
        smoothness: float = 9.0,
        step_size: float = 0.1,
        slack_step: float = 1e-5,
        multiplier_step: float = 0.13,
        epsilon: float = 0.1,
        variant: str = "derived",
    ) -> None:
        super().__init__(num_steps, num_channels, quant, has_output_quantizer=has_output_quantizer)
        if variant not in VARIANTS:
            raise ArgumentError(
                f"Expected `variant` to be one of {', '.join(VARIANTS)} (got {variant!r}). Use derived."
            )
        self.variant = variant
        self.step_size = step_size
        self.slack_step = slack_step
        self.multiplier_step = multiplier_step
        self.epsilon = epsilon
        # 1 - (1 + mu) eta vanishes at the paper's setting only up to rounding; keep an exact 0 there.
        self_weight = 1.0 - (1.0 + smoothness) * step_size
        self.self_weight = 0.0 if abs(self_weight) < 1e-12 else self_weight
        self.aggregate_weight = smoothness * step_size
        self.skip_weight = step_size
        is_plain = quant.message_coding == "plain"
        self.deltas = self.make_stages("messages", is_whole=True) if is_plain else nn.ModuleList()
        self.delta_aggregates = self.make_stages("aggregates", is_whole=True) if is_plain else nn.ModuleList()
        self.register_buffer("multipliers", torch.zeros(num_steps))
        self._multiplier = self._slack = 1e-3
        self._before = (torch.empty(0), torch.empty(0))

    def start(self) -> None:
        """Restart multiplier and slack."""
        self._multiplier = self._slack = 1e-3

    def correct(self, update: Tensor, state: Tensor, mean: Tensor, graph: TorchGraph, step: int) -> Tensor:
        """Return the update plus 2 eta lam L Delta (public: A^ Delta), and move the multiplier in training."""
        if self.quant.message_coding == "feedback":
            return update
        if self.training:
            self.multipliers[step] = self._multiplier
        if self.quant.message_coding == "plain":
            delta = self.deltas[step](update - state)
            delta_mean = self.delta_aggregates[step](graph.mean(delta))
        else:
            before, self._before = self._before, (state, mean)
            if step == 0:
                return update
            delta, delta_mean = state - before[0], mean - before[1]
        weight = 2.0 * self.step_size * float(self.multipliers[step])
        corrected: Tensor = update + weight * (delta_mean if self.variant == "public" else delta - delta_mean)
        if self.training:
            self._move_multiplier(delta.detach(), delta_mean.detach(), graph)
        return corrected

    def to_op(self, source: int) -> DiffuseOp:
        """Return the operation of the engine, multipliers frozen to one number for each layer."""
        op = super().to_op(source)
        if self.quant.message_coding == "feedback":
            return op
        # The file holds float32; so does every backend that multiplies by these.
        weights = tuple(float(np.float32(2.0 * self.step_size * float(m))) for m in self.multipliers)
        if self.quant.message_coding == "delta":
            weights = (0.0, *weights[1:])
        is_public = self.variant == "public"
        return DiffuseOp(
            **{
                **vars(op),
                "correction_self": tuple(0.0 for _ in weights) if is_public else weights,
                "correction_aggregate": weights if is_public else tuple(-w for w in weights),
                "deltas": laws(self.deltas),
                "delta_aggregates": laws(self.delta_aggregates),
            }
        )

    def extra_repr(self) -> str:
        """Show the hyper-parameters."""
        smoothness = self.aggregate_weight / self.step_size
        return (
            f"{super().extra_repr()}, smoothness={smoothness:g}, step_size={self.step_size}, "
            f"epsilon={self.epsilon}, variant={self.variant}"
        )

    @torch.no_grad()
    def _move_multiplier(self, delta: Tensor, mean: Tensor, graph: TorchGraph) -> None:
        # tr(Delta_h' L Delta_h) with Delta_h = D^1/2 Delta_u is the degree-weighted product below.
        change = float((graph.sqrt_degree.square() * delta * (delta - mean)).sum())
        entries = graph.num_entries
        self._slack += 2.0 * self.slack_step * self._multiplier * self._slack
        gap = self.epsilon * entries - self._slack**2 - change
        bound = MAX_CORRECTION / (2.0 * self.step_size)
        self._multiplier = max(-bound, min(bound, self._multiplier + self.multiplier_step / entries * gap))
