"""The PyG network gives the scores of the FP32 network it copies."""

from dataclasses import replace

import numpy as np
import pytest

from smoothbit.bench.trained_peer import pyg_networks
from smoothbit.data import Dataset, contextual_sbm
from smoothbit.data.transforms import csr_from_dense, row_normalized
from smoothbit.errors import ArgumentError
from smoothbit.train import TrainConfig
from smoothbit.train.task import Task
from smoothbit.train.trainer import Trainer

REDUCTION_TOLERANCE = 1e-5
"""Relative: K = 3 steps of sums over at most 20 float32 terms in another order, about 1e-7 each."""


@pytest.fixture(scope="module")
def dense() -> Dataset:
    return contextual_sbm(60, 240, 3, 12, separation=3.0)


def _trainer(data: Dataset, **fields: object) -> Trainer:
    config = TrainConfig(hidden_channels=8, num_steps=3, **fields)  # type: ignore[arg-type]
    trainer = Trainer(config, Task(data, data.split()), 0)
    for _ in range(3):
        trainer.run_epoch()
    return trainer


@pytest.mark.parametrize("order", ["predict_first", "propagate_first"])
@pytest.mark.parametrize("propagation", ["smp", "appnp", "gcn"])
@pytest.mark.parametrize("is_sparse", [False, True], ids=["dense", "sparse"])
def test_scores_are_those_of_the_network(dense: Dataset, propagation: str, order: str, is_sparse: bool) -> None:
    features = row_normalized(csr_from_dense(dense.features.to_dense().clip(min=0)))
    data = replace(dense, features=features) if is_sparse else dense
    trainer = _trainer(data, propagation=propagation, order=order)
    expected = trainer.task.scores(trainer.model)
    for call in pyg_networks(trainer.model, trainer.task.prepared, data.features).values():
        difference = np.abs(call().numpy() - expected).max()
        assert difference <= REDUCTION_TOLERANCE * np.abs(expected).max()


@pytest.mark.parametrize(
    "fields",
    [{"num_bits": 2, "warm_epochs": 0}, {"propagation": "elastic"}, {"model": "gcn"}],
    ids=["quantized", "elastic", "gcn"],
)
def test_other_networks_are_refused(dense: Dataset, fields: dict[str, object]) -> None:
    trainer = _trainer(dense, **fields)
    with pytest.raises(ArgumentError, match="Expected `model` to be an FP32 SMPNet with propagation smp"):
        pyg_networks(trainer.model, trainer.task.prepared, dense.features)
