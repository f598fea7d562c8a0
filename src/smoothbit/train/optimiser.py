"""Adam with two parameter groups, its schedule, and its state as named tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from smoothbit.nn import Network
from smoothbit.train.config import TrainConfig
from smoothbit.train.phases import Phase


def make_optimiser(model: Network, config: TrainConfig, is_distilled: bool = False) -> torch.optim.Adam:
    """Return Adam over weights and biases (with weight decay) and range parameters (without).

    Reference:
        Wang et al. 2023, section 5; DESIGN 2.4. Departure: weight decay reaches every layer's
        weights, and no range.
    """
    ranges = model.range_parameters()
    decay = config.distill_weight_decay if is_distilled else config.weight_decay
    groups = [
        {"params": weights, "weight_decay": factor * decay, "base_lr": config.learning_rate}
        for factor, weights in model.weight_groups()
    ]
    if ranges:
        groups.append({"params": ranges, "weight_decay": 0.0, "base_lr": config.range_learning_rate})
    return torch.optim.Adam(groups, lr=config.learning_rate)


def set_rates(optimiser: torch.optim.Adam, phase: Phase, epoch: int) -> None:
    """Set both learning rates for `epoch`, counted from 0; each phase has the schedule from its start."""
    config, done = phase.config, epoch - phase.start
    if config.schedule == "cosine":
        factor = 0.5 * (1.0 + math.cos(math.pi * done / (phase.end - phase.start)))
    else:
        factor = config.lr_decay ** (done // config.decay_epochs)
    for group in optimiser.param_groups:
        group["lr"] = group["base_lr"] * factor


def optimiser_tensors(optimiser: torch.optim.Adam) -> dict[str, Tensor]:
    """Return Adam's state as tensors named "<parameter>.<moment>"."""
    state = optimiser.state_dict()["state"]
    return {f"{index}.{name}": value for index, moments in state.items() for name, value in moments.items()}


def load_optimiser_tensors(optimiser: torch.optim.Adam, tensors: Mapping[str, Tensor]) -> None:
    """Invert `optimiser_tensors`."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, moment = name.split(".", 1)
        state.setdefault(int(index), {})[moment] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
