"""Train the cells of a grid, one after the other or in several processes."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

import torch

from smoothbit.data import load_dataset
from smoothbit.errors import ArgumentError
from smoothbit.train.config import TrainConfig
from smoothbit.train.loop import Progress
from smoothbit.train.run import train_run

TEACHERS_FOLDER = ".teachers"
"""Folder beside the cells for the float32 phases that they share."""

CellProgress: TypeAlias = Callable[[int, str], None]
"""Called with the number of finished cells and a word on the present state."""
Outcome: TypeAlias = tuple[str, str | None]
"""Name of a cell, and why it failed."""

dataset_of = lru_cache(maxsize=1)(load_dataset)
"""The data set in use: cells of one data set follow each other and read it once."""


def train_cells(
    cells: Mapping[str, TrainConfig],
    out: Path,
    seeds: Sequence[int],
    jobs: int = 1,
    progress: CellProgress | None = None,
) -> dict[str, str]:
    """Train every cell that is not finished yet; one that fails does not stop the others.

    Args:
        cells: Recipes by name of their run folder.
        out: Folder of the run folders.
        seeds: Seeds of each cell.
        jobs: Processes, each with one cell at a time; they end with this one.
        progress: Called after each cell, and without other processes after each epoch.

    Returns:
        Message of each cell that failed, by name.

    Raises:
        ArgumentError: `jobs` < 1.
    """
    if jobs < 1:
        raise ArgumentError(f"Expected `jobs` to be at least 1 (got {jobs}). Use the number of cores at most.")
    failures = {}
    outcomes = _one_by_one(cells, out, seeds, progress) if jobs == 1 else _in_processes(cells, out, seeds, jobs)
    for count, (name, failure) in enumerate(outcomes, start=1):
        if failure is not None:
            failures[name] = failure
        if progress is not None:
            progress(count, name)
    return failures


def _one_by_one(
    cells: Mapping[str, TrainConfig], out: Path, seeds: Sequence[int], progress: CellProgress | None
) -> Iterator[Outcome]:
    for count, (name, config) in enumerate(cells.items()):

        def report(seed: int, epoch: int, accuracy: float, count: int = count, name: str = name) -> None:
            if progress is not None:
                progress(count, f"{name}, seed {seed}, epoch {epoch}, validation {accuracy:.3f}")

        yield name, _train_cell(config, out / name, seeds, report)


def _in_processes(cells: Mapping[str, TrainConfig], out: Path, seeds: Sequence[int], jobs: int) -> Iterator[Outcome]:
    """Yield outcomes as they come; cells of a pool whose process died run again, each in a process of its own."""
    broken = []
    with _pool(jobs) as pool:
        futures = {pool.submit(_train_cell, config, out / name, seeds): name for name, config in cells.items()}
        for future in as_completed(futures):
            if isinstance(future.exception(), BrokenProcessPool):
                broken.append(futures[future])
            else:
                yield futures[future], future.result()
    for name in broken:
        with _pool(1) as pool:
            error = (future := pool.submit(_train_cell, cells[name], out / name, seeds)).exception()
            yield name, future.result() if error is None else f"{type(error).__name__}: {error}"


def _pool(jobs: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"), initializer=_start_process)


def _start_process() -> None:
    """Use one thread, and end when the first process does, even when it is killed: run folders are then free."""
    torch.set_num_threads(1)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _train_cell(config: TrainConfig, run_dir: Path, seeds: Sequence[int], report: Progress | None = None) -> str | None:
    """Train a cell; return why it failed, or None."""
    try:
        dataset = dataset_of(config.dataset, config.data_root)
        train_run(config, run_dir, seeds, dataset, report, run_dir.parent / TEACHERS_FOLDER)
    except Exception as error:  # whatever it is, the other cells go on and the command says so in the end
        return f"{type(error).__name__}: {error}"
    return None
