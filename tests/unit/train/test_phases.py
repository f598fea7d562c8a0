from dataclasses import replace

import pytest

from smoothbit.train import TrainConfig
from smoothbit.train.phases import phases_of

DIRECT = {"is_gradual": False}


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"num_bits": 8}, [(0, 200, 32), (200, 400, 8)]),
        ({"num_bits": 4}, [(0, 200, 32), (200, 300, 8), (300, 400, 4)]),
        ({"num_bits": 2}, [(0, 200, 32), (200, 250, 8), (250, 300, 4), (300, 400, 2)]),
        ({"num_bits": 1}, [(0, 200, 32), (200, 233, 8), (233, 266, 4), (266, 299, 2), (299, 400, 1)]),
        ({"num_bits": 2, **DIRECT}, [(0, 200, 32), (200, 400, 2)]),
        ({"num_bits": 2, "warm_epochs": 300, **DIRECT}, [(0, 300, 32), (300, 400, 2)]),
        ({"num_bits": 2, "warm_epochs": 0}, [(0, 400, 2)]),
        ({"num_bits": 2, "distill_weight": 0.0, **DIRECT}, [(0, 200, 32), (200, 400, 2)]),
        ({"num_bits": 32}, [(0, 200, 32), (200, 400, 32)]),
        ({"num_bits": 32, "distill_weight": 0.0}, [(0, 400, 32)]),
        ({"num_bits": 2, "epochs": 4}, [(0, 2, 32), (2, 2, 8), (2, 2, 4), (2, 4, 2)]),
    ],
    ids=lambda value: "-".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else "",
)
def test_epochs_and_widths(fields: dict[str, object], wanted: list[tuple[int, int, int]]) -> None:
    phases = phases_of(TrainConfig(**fields))  # type: ignore[arg-type]
    assert [(phase.start, phase.end, phase.config.num_bits) for phase in phases] == wanted
    assert [phase.is_distilled for phase in phases] == [False] + [True] * (len(wanted) - 1)


def test_widths_of_single_stages_come_down_with_the_others() -> None:
    config = TrainConfig(num_bits=2, stage_bits={"inputs": 8, "updates": 1})
    assert [phase.config.stage_bits for phase in phases_of(config)] == [
        {},
        {"inputs": 8, "updates": 8},
        {"inputs": 8, "updates": 4},
        {"inputs": 8, "updates": 1},
    ]


def test_only_the_widths_of_a_phase_differ_from_the_recipe() -> None:
    config = TrainConfig(num_bits=2, learning_rate=0.5)
    assert all(replace(phase.config, num_bits=2) == config for phase in phases_of(config))
    assert phases_of(config)[-1].config is config
