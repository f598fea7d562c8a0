"""Train one seed: resume, run epochs, save, select, record."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import torch

from smoothbit.data import Dataset
from smoothbit.errors import RunError
from smoothbit.train.checkpoint import read_checkpoint, write_checkpoint
from smoothbit.train.config import TrainConfig
from smoothbit.train.lock import folder_lock
from smoothbit.train.phases import teacher_config
from smoothbit.train.records import Record, write_json
from smoothbit.train.run_folder import (
    BEST_FILE,
    CHECKPOINT_FILE,
    RECORD_FILE,
    check_same,
    claim_data,
    config_key,
    read_record,
    seed_folder,
    stored_config,
    write_best,
)
from smoothbit.train.task import Task
from smoothbit.train.trainer import Trainer

Progress: TypeAlias = Callable[[int, int, float], None]
"""Called after each epoch with seed, epoch and validation accuracy."""

CHECKPOINT_SECONDS = 2.0
"""Time between two checkpoints: what a killed run loses at most, beside the epoch it was in."""


def fit(
    config: TrainConfig,
    dataset: Dataset,
    run_dir: str | Path,
    seed: int,
    progress: Progress | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    teachers: Path | None = None,
) -> Record:
    """Train with one seed, resuming what the folder holds; a finished seed is read, not trained.

    The epoch is selected by validation accuracy (of equals, lower validation loss); test nodes
    are looked at once, after the last epoch. A run that was killed and resumed gives the record of
    an uninterrupted one, except `seconds`.

    Args:
        config: Recipe.
        dataset: Data set of that name.
        run_dir: Run folder; this seed uses `<run_dir>/seed-<seed>`.
        seed: Seed, >= 0.
        progress: Called after each epoch.
        checkpoint_seconds: Least time between two checkpoints.
        teachers: Folder in which runs that differ after the float32 phase only share that phase, or None.

    Raises:
        RunError: the folder holds another configuration, or another process uses it.
        ArgumentError: no such split.
    """
    folder = seed_folder(Path(run_dir), seed)
    with folder_lock(folder), torch_threads(config.num_threads):
        if (folder / RECORD_FILE).is_file():
            check_same(config, stored_config(folder / BEST_FILE), folder)
            return read_record(folder)
        task = Task(dataset, dataset.split(config.split, seed))
        if teachers is not None and config.warm_up and not (folder / CHECKPOINT_FILE).is_file():
            _take_teacher(config, task, seed, folder, teachers, checkpoint_seconds)
        trainer = Trainer(config, task, seed)
        seconds = _run(trainer, folder, seed, progress, checkpoint_seconds, config.epochs)
        write_best(folder, trainer, seed)
        record = _record(trainer, seed, seconds)
        write_json(folder / RECORD_FILE, record.to_json())
    return record


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch use `count` threads inside the `with` block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _take_teacher(config: TrainConfig, task: Task, seed: int, folder: Path, teachers: Path, seconds: float) -> None:
    """Put the end of the float32 phase into `folder` as a checkpoint: the shared one, trained first if it is missing.

    When another process trains it at this moment, or it is of other data, do nothing: this run then trains its own.
    """
    alone = teacher_config(config)
    shared = seed_folder(teachers / config_key(alone), seed)
    try:
        with folder_lock(shared):
            claim_data(shared, task.dataset)
            trainer = Trainer(alone, task, seed)
            _run(trainer, shared, seed, None, seconds, config.warm_up)
    except RunError:
        return
    stored = read_checkpoint(shared / CHECKPOINT_FILE)
    write_checkpoint(folder / CHECKPOINT_FILE, stored.sections, {**stored.content, "config": config.to_json()})


def _run(
    trainer: Trainer, folder: Path, seed: int, progress: Progress | None, checkpoint_seconds: float, end: int
) -> float:
    """Run the remaining epochs up to `end`; return the training time of all sessions, seconds."""
    path = folder / CHECKPOINT_FILE
    seconds = 0.0
    if path.is_file():
        check_same(trainer.config, stored_config(path), folder)
        seconds = trainer.restore(path)
    start = saved = time.perf_counter()
    while trainer.epoch < end:
        trainer.run_epoch()
        now = time.perf_counter()
        if now - saved >= checkpoint_seconds or trainer.epoch == end:
            trainer.save(path, seconds + now - start)
            saved = time.perf_counter()
        if progress is not None:
            progress(seed, trainer.epoch, trainer.history["val_accuracy"][-1])
    return seconds + time.perf_counter() - start


def _record(trainer: Trainer, seed: int, seconds: float) -> Record:
    task = trainer.task
    trainer.model.load_state_dict(trainer.best)
    scores = task.scores(trainer.model)
    selected = trainer.best_epoch - 1
    return Record(
        seed=seed,
        split=task.split.name,
        metric=task.dataset.metric,
        val_accuracy=trainer.history["val_accuracy"][selected],
        test_accuracy=task.accuracy(scores, task.split.test),
        val_loss=trainer.history["val_loss"][selected],
        best_epoch=trainer.best_epoch,
        epochs=trainer.epoch,
        seconds=seconds,
        avg_bits=trainer.model.average_bits(),
        history=trainer.history,
    )
