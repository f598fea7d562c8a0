"""Relaxed selection of widths: a softmax over candidates in each stage, pushed to a budget of bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from smoothbit.nn import MODELS
from smoothbit.numerics.qtype import QTYPES
from smoothbit.quant import FloatStage, QuantConfig, Quantizer
from smoothbit.train.optimiser import make_optimiser
from smoothbit.train.policies.base import POLICIES, WidthPolicy, Widths, fine_tune

EPOCHS = 50
LOGIT_RATE = 0.05
"""Adam's rate of the logits: in 50 epochs two of them can move 5 apart, which is nearly one-hot."""
PRICE_RATE = 0.1
"""Growth of the price of a bit in an epoch and for each bit above the budget."""

CANDIDATES = tuple(bits for bits in QTYPES if bits > 1)
"""The paper's widths; a budget of 2 bits leaves no choice."""
BITS = torch.tensor(CANDIDATES, dtype=torch.float32)


class RelaxedQuantizer(nn.Module):
    """x~ = sum_k softmax(logits)_k Q_k(x): every candidate width at once.

    Args:
        candidates: Quantizers of the widths of `CANDIDATES`.
        logits: [len(CANDIDATES)] float32, shared by the tensors of a stage.
    """

    def __init__(self, candidates: list[Quantizer], logits: Tensor) -> None:
        super().__init__()
        self.candidates = nn.ModuleList(candidates)
        # In a tuple it is no parameter of the network: it has an optimiser group of its own.
        self.shared = (logits,)

    def forward(self, x: Tensor) -> Tensor:
        """Return x~ of the shape of `x`."""
        share = self.shared[0].softmax(dim=0)
        return torch.stack(
            [weight * quantizer(x) for weight, quantizer in zip(share, self.candidates, strict=True)]
        ).sum(0)


@dataclass(frozen=True)
class RelaxedConfig(QuantConfig):
    """Configuration whose stages are relaxed.

    Args:
        logits: Logits of each relaxed stage; others have their given width.
    """

    logits: Mapping[str, Tensor] = field(default_factory=dict)

    def make(  # type: ignore[override]
        self, stage: str, num_channels: int = 1, *, is_summed: bool = True
    ) -> Quantizer | RelaxedQuantizer | FloatStage:
        """Return a new relaxed quantizer for one tensor of `stage`."""
        if stage not in self.logits:
            return super().make(stage, num_channels, is_summed=is_summed)
        fields = {name: value for name, value in vars(self).items() if name != "logits"}
        fixed = [QuantConfig(**{**fields, "num_bits": bits, "stage_bits": {}}) for bits in CANDIDATES]
        made = [config.make(stage, num_channels, is_summed=is_summed) for config in fixed]
        return RelaxedQuantizer([q for q in made if isinstance(q, Quantizer)], self.logits[stage])


def mean_bits(logits: Mapping[str, Tensor], sizes: Mapping[str, int]) -> Tensor:
    """Return the expected size-weighted mean width of the stages, [], with gradient to the logits."""
    total = sum(sizes[stage] for stage in logits)
    return torch.stack([sizes[s] / total * (values.softmax(dim=0) @ BITS) for s, values in logits.items()]).sum()


@POLICIES.register("mixture")
class Mixture(WidthPolicy):
    """Most probable widths within the budget after relaxed training with a price on bits.

    Reference:
        Moustafa et al. 2025 (arXiv 2505.09361), section 4; methods/13. Departures: one choice for each
        stage, its tensors share the logits; the penalty is on the mean width, and its factor, the price of a
        bit, follows the excess over the budget (a multiplier) unless it is given; where the argmax exceeds
        the budget, the most probable choice within it is taken; sparse inputs keep the width of the budget;
        fine-tuning starts from the float32 weights of the warm-up.
    """

    def choose(self) -> Widths:
        """Return the most probable choice within the budget."""
        space = [widths for widths in self.space if set(widths.values()) <= set(CANDIDATES)]
        if len(space) == 1:
            return space[0]
        logits = self.relax()
        log_share = {stage: values.detach().log_softmax(dim=0) for stage, values in logits.items()}
        held = [stage for stage in self.space[0] if stage not in logits]
        space = [widths for widths in space if all(widths[stage] == self.config.num_bits for stage in held)]

        def likelihood(widths: Widths) -> float:
            return sum(float(share[CANDIDATES.index(widths[stage])]) for stage, share in log_share.items())

        return max(space, key=likelihood)

    def relax(self, price: float | None = None, epochs: int = EPOCHS) -> dict[str, Tensor]:
        """Train the relaxed network; return the logits of each stage.

        Args:
            price: Loss of one bit more in the mean; None lets it follow the excess over the budget.
            epochs: Optimiser steps.
        """
        # No gradient flows to the stored entries of a sparse matrix: nothing but the price would move their logits.
        is_sparse = self.task.inputs.pattern is not None
        stages = [stage for stage in self.space[0] if not (is_sparse and stage == "inputs")]
        logits = {stage: BITS.softmax(dim=0).requires_grad_() for stage in stages}
        config = self.config.net_config_for(self.task.dataset)
        model = MODELS.resolve(self.config.model)(
            replace(config, quant=RelaxedConfig(**vars(config.quant), logits=logits))
        )
        model.prepare(self.task.graph)
        model.load_state_dict(self.weights, strict=False)
        optimiser = make_optimiser(model, self.config)
        optimiser.add_param_group({"params": list(logits.values()), "lr": LOGIT_RATE, "weight_decay": 0.0})
        paid = price or 0.0

        def cost() -> Tensor:
            nonlocal paid
            mean = mean_bits(logits, self.sizes)
            if price is None:
                paid = max(0.0, paid + PRICE_RATE * (float(mean.detach()) - self.config.num_bits))
            return paid * mean

        fine_tune(model, self.task, optimiser, epochs, cost)
        return logits
