"""Phases of a run: float32 first, then widths downwards to the wanted one."""

from __future__ import annotations

from dataclasses import dataclass, replace

from smoothbit.train.config import QUANTIZED_FIELDS, TrainConfig

LADDER = (8, 4, 2)
"""Widths that a gradual run passes through above its own."""


@dataclass(frozen=True)
class Phase:
    """Epochs with one network.

    Args:
        start: First epoch, counted from 0.
        end: Epoch after the last.
        config: Recipe with the widths of this phase.
        is_distilled: Whether the network learns from the float32 one of the first phase.
    """

    start: int
    end: int
    config: TrainConfig
    is_distilled: bool


def phases_of(config: TrainConfig) -> tuple[Phase, ...]:
    """Return the phases of a run, in order.

    The first is float32 (`warm_up` epochs). With `is_gradual`, half of what remains is shared by the
    widths of LADDER above the run's own; the rest belongs to that.
    """
    warm_up = config.warm_up
    found = [Phase(0, warm_up, replace(config, num_bits=32, stage_bits={}), False)] if warm_up else []
    widths = [width for width in LADDER if width > config.num_bits] if config.is_gradual and warm_up else []
    start = warm_up
    for width in widths:
        stage_bits = {stage: max(bits, width) for stage, bits in config.stage_bits.items()}
        end = start + (config.epochs - warm_up) // (2 * len(widths))
        found.append(Phase(start, end, replace(config, num_bits=width, stage_bits=stage_bits), True))
        start = end
    return (*found, Phase(start, config.epochs, config, warm_up > 0))


def teacher_config(config: TrainConfig) -> TrainConfig:
    """Return the recipe that has the float32 phase of `config` and nothing else of it: equal ones share that phase."""
    plain = TrainConfig()
    later = {name: getattr(plain, name) for name in (*QUANTIZED_FIELDS, "distill_weight", "distill_weight_decay")}
    return replace(config, num_bits=32, warm_epochs=config.warm_up, epochs=config.warm_up + 1, **later)
