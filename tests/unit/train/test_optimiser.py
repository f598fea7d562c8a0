from dataclasses import replace

import pytest

from smoothbit.data import Dataset
from smoothbit.nn import MODELS, Network
from smoothbit.train import TrainConfig
from smoothbit.train.optimiser import make_optimiser, set_rates
from smoothbit.train.phases import Phase


def _network(config: TrainConfig, tiny: Dataset) -> Network:
    return MODELS.resolve(config.model)(config.net_config_for(tiny))


@pytest.mark.parametrize(("is_distilled", "decay"), [(False, 0.25), (True, 0.125)], ids=["first", "distilled"])
def test_ranges_have_their_own_group_without_decay(
    recipe: TrainConfig, tiny: Dataset, is_distilled: bool, decay: float
) -> None:
    config = replace(recipe, weight_decay=0.25, distill_weight_decay=0.125)
    model = _network(config, tiny)
    weights, ranges = make_optimiser(model, config, is_distilled).param_groups
    assert weights["weight_decay"] == decay
    assert ranges["weight_decay"] == 0
    assert {id(p) for p in ranges["params"]} == {id(p) for p in model.range_parameters()}
    assert len(weights["params"]) + len(ranges["params"]) == len(list(model.parameters()))


@pytest.mark.parametrize(
    ("fields", "factors"),
    [
        ({"schedule": "cosine"}, {4: 1.0, 6: 0.5, 7: 0.5 - 0.125**0.5}),  # 1/2 (1 + cos(3/4 pi))
        ({"schedule": "step", "decay_epochs": 2, "lr_decay": 0.5}, {4: 1.0, 5: 1.0, 6: 0.5, 7: 0.5}),
    ],
    ids=["cosine", "step"],
)
def test_both_rates_follow_the_schedule_from_the_start_of_the_phase(
    recipe: TrainConfig, tiny: Dataset, fields: dict[str, object], factors: dict[int, float]
) -> None:
    config = replace(recipe, learning_rate=0.25, range_learning_rate=0.5, **fields)  # type: ignore[arg-type]
    optimiser = make_optimiser(_network(config, tiny), config)
    for epoch, factor in factors.items():
        set_rates(optimiser, Phase(4, 8, config, True), epoch)
        assert [g["lr"] for g in optimiser.param_groups] == pytest.approx([0.25 * factor, 0.5 * factor])
