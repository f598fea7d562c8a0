import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from smoothbit.data import Dataset
from smoothbit.errors import ArgumentError, RunError
from smoothbit.train import TrainConfig, load_run_model, train_run
from smoothbit.train.lock import folder_lock
from smoothbit.train.run_folder import read_config, read_record, stored_config
from smoothbit.train.task import Task


def test_run_folder_holds_recipe_seeds_and_summary(recipe: TrainConfig, tiny: Dataset, tmp_path: Path) -> None:
    result = train_run(recipe, tmp_path, range(2), tiny)
    assert json.loads((tmp_path / "summary.json").read_text()) == result
    assert read_config(tmp_path) == recipe
    assert {"seed", "val_accuracy", "test_accuracy", "epochs", "seconds", "best_epoch"} <= set(result["rows"][0])
    assert result["summary"]["test_accuracy"]["n"] == 2


def test_more_seeds_keep_the_finished_ones(recipe: TrainConfig, tiny: Dataset, tmp_path: Path) -> None:
    first = train_run(recipe, tmp_path, range(1), tiny)
    assert train_run(recipe, tmp_path, range(2), tiny)["rows"][0] == first["rows"][0]


def test_model_is_rebuilt_from_the_folder(recipe: TrainConfig, tiny: Dataset, tmp_path: Path) -> None:
    rows = train_run(recipe, tmp_path, range(3), tiny)["rows"]
    model, config, record = load_run_model(tmp_path)
    assert config == recipe
    assert record.val_accuracy == max(row["val_accuracy"] for row in rows)
    split = tiny.split(record.split)
    task = Task(tiny, split)
    with torch.no_grad():
        assert task.accuracy(task.scores(model), split.test) == record.test_accuracy
    assert load_run_model(tmp_path, 1)[2].seed == 1


def test_no_seed_is_refused(recipe: TrainConfig, tiny: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="Expected `seeds` to hold at least one seed"):
        train_run(recipe, tmp_path, [], tiny)


def test_run_folder_of_another_recipe_is_refused(recipe: TrainConfig, tiny: Dataset, tmp_path: Path) -> None:
    train_run(recipe, tmp_path, [0], tiny)
    with pytest.raises(RunError, match=r"num_bits: 2, not 4.* Use the stored values, another folder"):
        train_run(replace(recipe, num_bits=2), tmp_path, [1], tiny)


def test_changed_data_is_noticed(recipe: TrainConfig, tiny: Dataset, tmp_path: Path) -> None:
    teachers = tmp_path / "teachers"
    train_run(recipe, tmp_path / "run", [0], tiny, teachers=teachers)
    labels = tiny.labels.copy()
    labels[0] = (labels[0] + 1) % 3
    changed = replace(tiny, labels=labels)
    message = rf"SHA-256 {tiny.digest} \(got {changed.digest}\)\. Restore its files, or use another folder"
    with pytest.raises(RunError, match=message):
        train_run(recipe, tmp_path / "run", [0], changed)
    assert train_run(recipe, tmp_path / "run", [0], replace(tiny))["rows"][0]["seed"] == 0


def test_teacher_of_other_data_is_not_used(recipe: TrainConfig, tiny: Dataset, tmp_path: Path) -> None:
    changed = replace(tiny, labels=(tiny.labels + 1) % 3)
    train_run(recipe, tmp_path / "run", [0], tiny, teachers=tmp_path / "teachers")
    after = train_run(recipe, tmp_path / "changed", [0], changed, teachers=tmp_path / "teachers")
    alone = train_run(recipe, tmp_path / "alone", [0], changed)
    assert {**after["rows"][0], "seconds": 0} == {**alone["rows"][0], "seconds": 0}


def test_run_folder_in_use_is_refused(recipe: TrainConfig, tiny: Dataset, tmp_path: Path) -> None:
    with folder_lock(tmp_path), pytest.raises(RunError, match="got a lock of another process"):
        train_run(recipe, tmp_path, [0], tiny)


def test_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"to be a run folder \(got no config.json\)"):
        load_run_model(tmp_path)


def test_missing_seed_is_refused(recipe: TrainConfig, tiny: Dataset, tmp_path: Path) -> None:
    train_run(recipe, tmp_path, [0], tiny)
    with pytest.raises(RunError, match=r"to hold a finished seed 5 \(got 0\)"):
        load_run_model(tmp_path, 5)
    (tmp_path / "seed-0" / "record.json").unlink()
    with pytest.raises(RunError, match=r"to hold a finished seed \(got none\)"):
        load_run_model(tmp_path)


def test_damaged_files_of_a_run_are_refused(recipe: TrainConfig, tiny: Dataset, tmp_path: Path) -> None:
    train_run(recipe, tmp_path, [0], tiny)
    (tmp_path / "seed-0" / "record.json").write_text('{"seed": 0}')
    with pytest.raises(RunError, match="to be a training record"):
        read_record(tmp_path / "seed-0")
    (tmp_path / "config.json").write_text('{"epochs": 0}')
    with pytest.raises(RunError, match="to hold a configuration of this version"):
        read_config(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(RunError, match="to be JSON"):
        read_config(tmp_path)
    assert stored_config(tmp_path / "seed-0" / "best.safetensors") == recipe
