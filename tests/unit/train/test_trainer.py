from dataclasses import replace
from pathlib import Path

import torch

from smoothbit.data import Dataset
from smoothbit.quant import Quantizer
from smoothbit.train import TrainConfig
from smoothbit.train.optimiser import make_optimiser, set_rates
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


def test_ranges_have_their_own_group_without_decay(recipe: TrainConfig, tiny: Dataset) -> None:
    model = _trainer(replace(recipe, warm_epochs=0), tiny).model
    weights, ranges = make_optimiser(model, recipe).param_groups
    assert weights["weight_decay"] == recipe.weight_decay
    assert ranges["weight_decay"] == 0
    assert {id(p) for p in ranges["params"]} == {id(p) for p in model.range_parameters()}
    assert len(weights["params"]) + len(ranges["params"]) == len(list(model.parameters()))


def test_both_rates_decay_by_epoch(recipe: TrainConfig, tiny: Dataset) -> None:
    optimiser = _trainer(replace(recipe, warm_epochs=0), tiny).optimiser
    set_rates(optimiser, replace(recipe, warm_epochs=0, decay_epochs=2, lr_decay=0.5), 5)
    assert [g["lr"] for g in optimiser.param_groups] == [0.01 / 4, 0.003 / 4]
    set_rates(optimiser, replace(recipe, warm_epochs=4, decay_epochs=2, lr_decay=0.5), 5)
    assert [g["lr"] for g in optimiser.param_groups] == [0.01, 0.003]


def test_best_state_is_that_of_the_best_validation(recipe: TrainConfig, tiny: Dataset) -> None:
    trainer = _trainer(recipe, tiny)
    states = []
    for _ in range(recipe.epochs):
        trainer.run_epoch()
        states.append({k: v.clone() for k, v in trainer.model.state_dict().items()})
    ranks = list(zip(trainer.history["val_accuracy"], [-x for x in trainer.history["val_loss"]], strict=True))
    assert trainer.best_epoch == ranks.index(max(ranks)) + 1
    assert all(torch.equal(trainer.best[k], v) for k, v in states[trainer.best_epoch - 1].items())


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


def test_warm_up_runs_in_float_and_hands_over_its_best_weights(recipe, tiny):
    trainer = Trainer(recipe, Task(tiny, tiny.split(None, 0)), 0)
    for _ in range(recipe.warm_epochs):
        assert trainer.model.config.quant.is_float
        trainer.run_epoch()
    best = trainer.best["linear1.weight"].clone()
    trainer._start_quantized()
    assert not trainer.model.config.quant.is_float
    assert torch.equal(trainer.model.linear1.weight.detach(), best)
    trainer.run_epoch()
    assert trainer.best_epoch == recipe.warm_epochs + 1


def test_chosen_widths_are_restored(recipe, tiny, tmp_path):
    config = replace(recipe, quantizer="sgquant", num_bits=2, warm_epochs=1)
    first, second = _trainer(config, tiny), _trainer(config, tiny)
    first.run_epoch()
    assert first.stage_bits == {}
    first.run_epoch()
    first.save(tmp_path / "c", 0.0)
    second.restore(tmp_path / "c")
    assert second.stage_bits == first.stage_bits != {}
    assert second.model.config.quant.stage_bits == first.stage_bits


def test_float_network_has_no_warm_up(recipe, tiny):
    assert replace(recipe, num_bits=32).warm_up == 0
    assert replace(recipe, warm_epochs=0).warm_up == 0
    assert replace(recipe, epochs=20, warm_epochs=None).warm_up == 5


def test_ranges_are_those_of_clean_passes(recipe, tiny):
    trainer = Trainer(replace(recipe, warm_epochs=0, dropout=0.9), Task(tiny, tiny.split(None, 0)), 0)
    trainer.run_epoch()
    observer = trainer.model.linear1.output_quantizer.observer
    before = observer.hi.clone()
    trainer.model(trainer.task.inputs, trainer.task.graph)
    assert torch.equal(observer.hi, before)
