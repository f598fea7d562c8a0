from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from smoothbit.data import Dataset
from smoothbit.nn import Network
from smoothbit.quant import Quantizer
from smoothbit.train import TrainConfig
from smoothbit.train.task import Task
from smoothbit.train.trainer import Trainer


def _trainer(config: TrainConfig, tiny: Dataset) -> Trainer:
    return Trainer(config, Task(tiny, tiny.split(None, 0)), 0)


def test_calibration_initialises_every_quantizer(recipe: TrainConfig, tiny: Dataset) -> None:
    trainer = _trainer(replace(recipe, warm_epochs=0), tiny)
    trainer.run_epoch()
    quantizers = [m for m in trainer.model.modules() if isinstance(m, Quantizer)]
    assert quantizers
    assert all(q.is_initialised for q in quantizers)
    assert trainer.model.config.dropout == recipe.dropout


def _weights(model: Network) -> dict[str, Tensor]:
    ranges = {id(parameter) for parameter in model.range_parameters()}
    return {name: value.clone() for name, value in model.named_parameters() if id(value) not in ranges}


def _is_same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())


def test_best_state_is_that_of_the_best_validation_of_the_last_phase(recipe: TrainConfig, tiny: Dataset) -> None:
    trainer = _trainer(replace(recipe, epochs=10), tiny)
    states = []
    for _ in range(10):
        trainer.run_epoch()
        states.append({k: v.clone() for k, v in trainer.model.state_dict().items()})
    start = trainer.phase.start
    rows = list(zip(trainer.history["val_accuracy"], [-x for x in trainer.history["val_loss"]], strict=True))[start:]
    assert trainer.best_epoch == start + rows.index(max(rows)) + 1
    assert _is_same(trainer.best, states[trainer.best_epoch - 1])


def test_restored_trainer_takes_the_same_steps(recipe: TrainConfig, tiny: Dataset, tmp_path: Path) -> None:
    first = _trainer(recipe, tiny)
    for _ in range(3):
        first.run_epoch()
    first.save(tmp_path / "c", 1.5)
    second = _trainer(recipe, tiny)
    assert second.restore(tmp_path / "c") == 1.5
    for trainer in (first, second):
        trainer.restore(tmp_path / "c")
        for _ in range(3):
            trainer.run_epoch()
    assert first.history == second.history
    state = second.model.state_dict()
    assert all(torch.equal(v, state[k]) for k, v in first.model.state_dict().items())


def test_first_phase_is_float_and_hands_over_its_best_weights(recipe: TrainConfig, tiny: Dataset) -> None:
    trainer = _trainer(replace(recipe, learning_rate=0.5, range_learning_rate=0.0), tiny)
    for _ in range(2):
        assert trainer.model.config.quant.is_float
        trainer.run_epoch()
    trainer.best = {name: value + 1 for name, value in trainer.best.items()}  # apart from the latest
    teacher = deepcopy(trainer.model)
    teacher.load_state_dict(trainer.best)
    handed = {name: value.clone() for name, value in trainer.best.items()}
    trainer._start_phase()
    assert not trainer.model.config.quant.is_float
    assert all(torch.equal(value, handed[name]) for name, value in _weights(trainer.model).items())
    assert trainer.teacher is not None
    assert np.array_equal(trainer.teacher.numpy(), teacher.evaluate(trainer.task.inputs, trainer.task.graph))


def test_ladder_hands_over_the_latest_weights_and_drops_ranges(recipe: TrainConfig, tiny: Dataset) -> None:
    trainer = _trainer(replace(recipe, num_bits=2, epochs=10), tiny)
    widths = []
    for _ in range(4):
        trainer.run_epoch()
    teacher = trainer.teacher
    while trainer.epoch < 6:
        widths.append(trainer.phase.config.num_bits)
        if trainer.epoch == trainer.phase.start:
            before = _weights(trainer.model)
            trainer.best.clear()  # what was best at a greater width plays no part
            trainer._start_phase()
            assert _is_same(_weights(trainer.model), before)
            assert not any(quantizer.is_initialised for quantizer in trainer.model.quantizers())
            assert {quantizer.num_bits for quantizer in trainer.model.quantizers()} == {widths[-1]}
            assert not trainer.optimiser.state
        trainer.run_epoch()
    assert widths == [4, 4]
    trainer.run_epoch()
    assert trainer.best_epoch == 7
    assert trainer.teacher is teacher


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_loss_shares_cross_entropy_and_divergence_from_the_teacher(
    recipe: TrainConfig, tiny: Dataset, share: float
) -> None:
    trainer = _trainer(replace(recipe, distill_weight=share), tiny)
    scores, taught = torch.randn(2, tiny.num_nodes, tiny.num_classes, generator=torch.Generator().manual_seed(0))
    nodes = tiny.split(None, 0).train
    told, p = torch.softmax(scores, 1), torch.softmax(taught, 1)
    cross_entropy = -told[nodes][range(nodes.sum()), tiny.labels[nodes]].log().mean()
    divergence = (p * (p / told).log()).sum(dim=1).mean()
    torch.testing.assert_close(trainer._loss(scores), cross_entropy)
    trainer.teacher = taught
    torch.testing.assert_close(trainer._loss(scores), (1 - share) * cross_entropy + share * divergence)


def test_chosen_widths_are_restored(recipe: TrainConfig, tiny: Dataset, tmp_path: Path) -> None:
    config = replace(recipe, quantizer="sgquant", num_bits=2, warm_epochs=1, is_gradual=False)
    first, second = _trainer(config, tiny), _trainer(config, tiny)
    first.run_epoch()
    assert first.stage_bits == {}
    first.run_epoch()
    first.save(tmp_path / "c", 0.0)
    second.restore(tmp_path / "c")
    assert second.stage_bits == first.stage_bits != {}
    assert second.model.config.quant.stage_bits == first.stage_bits


def test_ranges_are_those_of_clean_passes(recipe: TrainConfig, tiny: Dataset) -> None:
    trainer = _trainer(replace(recipe, warm_epochs=0, dropout=0.9), tiny)
    trainer.run_epoch()
    observer = trainer.model.linear1.output_quantizer.observer
    before = observer.hi.clone()
    trainer.model(trainer.task.inputs, trainer.task.graph)
    assert torch.equal(observer.hi, before)
