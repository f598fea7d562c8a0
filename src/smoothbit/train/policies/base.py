"""Interface of every width policy, the budget they share, and the training they choose by."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from itertools import pairwise, product
from typing import TypeAlias

import torch
from torch import Tensor

from smoothbit.nn import MODELS, Network
from smoothbit.numerics.qtype import QTYPES
from smoothbit.quant import QUANTIZERS, calibrate
from smoothbit.registry import Registry
from smoothbit.train.config import TrainConfig
from smoothbit.train.task import Task

POLICIES: Registry[type[WidthPolicy]] = Registry("width policy")
"""Width policies by name; a quantizer names the one it needs in `width_policy`."""

Widths: TypeAlias = dict[str, int]
"""Bits by stage."""

LOOPED_STAGES = ("messages", "aggregates", "updates")
"""Stages of the propagation's loop. One bit there is offered only where the budget is one bit: what it does over
many epochs, to the multipliers of SMP above all, a short trial does not show."""


class WidthPolicy(ABC):
    """Chooses a width for each stage before the quantized phase of training.

    Args:
        config: Recipe; its `num_bits` is the budget.
        task: Data and split; only training and validation nodes may be looked at.
        weights: Float32 weights to start from, by name; empty for random ones.
        sizes: Values of each stage in one pass.
        space: Choices to choose from, all within the budget.
    """

    def __init__(
        self,
        config: TrainConfig,
        task: Task,
        weights: Mapping[str, Tensor],
        sizes: Mapping[str, int],
        space: list[Widths],
    ) -> None:
        self.config = config
        self.task = task
        self.weights = weights
        self.sizes = sizes
        self.space = space

    @abstractmethod
    def choose(self) -> Widths:
        """Return one element of the space."""


def choose_widths(config: TrainConfig, task: Task, weights: Mapping[str, Tensor]) -> Widths:
    """Return `stage_bits` for the quantized phase: those of the recipe, and what its method chooses.

    The size-weighted mean width of the stages is at most the recipe's `num_bits`.

    Args:
        config: Recipe.
        task: Data and split.
        weights: Float32 weights to start from, by name; empty for random ones.
    """
    policy = QUANTIZERS.resolve(config.quantizer).width_policy
    if not policy or config.net_config_for(task.dataset).quant.is_float:
        return dict(config.stage_bits)
    # What is drawn here must not change what training draws after it.
    with torch.random.fork_rng(devices=[]):
        sizes = stage_sizes(config, task)
        space = budget_space(sizes, config.num_bits, config.stage_bits)
        chosen = space[0] if len(space) == 1 else POLICIES.resolve(policy)(config, task, weights, sizes, space).choose()
    return {**config.stage_bits, **chosen}


def stage_sizes(config: TrainConfig, task: Task) -> dict[str, int]:
    """Return how many values of each quantized stage one pass has."""
    model = MODELS.resolve(config.model)(config.net_config_for(task.dataset))
    with calibrate(model):
        model(task.inputs, task.graph)
    sizes: dict[str, int] = {}
    for quantizer in model.quantizers():
        sizes[quantizer.stage] = sizes.get(quantizer.stage, 0) + quantizer.num_values
    return sizes


def budget_space(sizes: Mapping[str, int], budget: int, fixed: Mapping[str, int]) -> list[Widths]:
    """Return every choice of widths within the budget in which no stage could have more bits.

    Stages of the propagation's loop have 2 bits or more, unless the budget is 1.

    Args:
        sizes: Values of each stage.
        budget: Largest size-weighted mean width of the stages that are not fixed, bits.
        fixed: Widths that are given.
    """
    free = [stage for stage in sizes if stage not in fixed]
    wider = dict(pairwise(QTYPES))
    space = []
    looped = [bits for bits in QTYPES if bits >= min(2, budget)]
    for bits in product(*(looped if stage in LOOPED_STAGES else QTYPES for stage in free)):
        left = sum((budget - b) * sizes[stage] for b, stage in zip(bits, free, strict=True))
        steps = [(wider[b] - b) * sizes[stage] for b, stage in zip(bits, free, strict=True) if b in wider]
        if left >= 0 and all(step > left for step in steps):
            space.append(dict(zip(free, bits, strict=True)))
    return space


def fine_tune(
    model: Network,
    task: Task,
    optimiser: torch.optim.Optimizer,
    epochs: int,
    extra_loss: Callable[[], Tensor] | None = None,
) -> None:
    """Train for a few epochs as the trainer does, without its schedule and selection."""
    for _ in range(epochs):
        with calibrate(model):
            model(task.inputs, task.graph)
        model.train()
        optimiser.zero_grad()
        scores = model(task.inputs, task.graph)
        loss = torch.nn.functional.cross_entropy(scores[task.train_nodes], task.train_labels) + model.penalty()
        (loss if extra_loss is None else loss + extra_loss()).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
