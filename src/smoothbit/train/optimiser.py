"""Adam with two parameter groups, its schedule, and its state as named tensors."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from smoothbit.nn import Network
from smoothbit.train.config import TrainConfig


def make_optimiser(model: Network, config: TrainConfig) -> torch.optim.Adam:
    """Return Adam over weights and biases (with weight decay) and range parameters (without).

    Reference:
        Wang et al. 2023, section 5; DESIGN 2.4. Departure: weight decay reaches every layer's
        weights, and no range.
    """
    ranges = model.range_parameters()
    groups = [
        {"params": weights, "weight_decay": factor * config.weight_decay, "base_lr": config.learning_rate}
        for factor, weights in model.weight_groups()
    ]
    if ranges:
        groups.append({"params": ranges, "weight_decay": 0.0, "base_lr": config.range_learning_rate})
    return torch.optim.Adam(groups, lr=config.learning_rate)


def set_rates(optimiser: torch.optim.Adam, config: TrainConfig, epoch: int) -> None:
    """Set both learning rates for `epoch`, counted from 0; the schedule starts anew after the warm-up."""
    epoch -= config.warm_up if epoch >= config.warm_up else 0
    for group in optimiser.param_groups:
        group["lr"] = group["base_lr"] * config.lr_decay ** (epoch // config.decay_epochs)


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
