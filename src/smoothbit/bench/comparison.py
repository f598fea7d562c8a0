"""The result of a comparison: one row for each trained cell, tested against float32 and measured when packed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from smoothbit.bench.environment import describe_environment
from smoothbit.bench.packed_run import MODEL_FILE, pack_seed, time_packed
from smoothbit.errors import ArgumentError
from smoothbit.train import TrainConfig
from smoothbit.train.cells import dataset_of
from smoothbit.train.config import PLACE_FIELDS
from smoothbit.train.grid import varying_fields
from smoothbit.train.records import Record, best_seed, summarise
from smoothbit.train.run_folder import finished_seeds, seed_folder
from smoothbit.train.statistics import paired_test

SCHEMA = "smoothbit-compare/1"
BASELINE_FIELDS = ("dataset", "split", "model", "propagation", "num_steps")
"""Fields in which a cell and its float32 baseline must agree; of several baselines the one most alike is taken."""
VERIFY = ("best", "all")

Row = dict[str, Any]
Progress = Callable[[str], None]


def compare_cells(
    cells: Mapping[str, TrainConfig],
    out: Path,
    seeds: Sequence[int],
    *,
    verify: str = "best",
    budget_s: float = 1.0,
    progress: Progress = lambda state: None,
) -> dict[str, Any]:
    """Return the content of compare.json for cells that are trained; nothing is trained here.

    Args:
        cells: Recipes by name of their run folder.
        out: Folder of the run folders.
        seeds: Seeds of each cell.
        verify: "best" packs and verifies the seed that is best on validation, "all" every seed.
        budget_s: Seconds of timing for each packed model; 0 for none.
        progress: Called with what is being done.

    Raises:
        ArgumentError: `verify` is neither.
        RunError: a cell is not trained.
    """
    if verify not in VERIFY:
        raise ArgumentError(f"Expected `verify` to be one of {', '.join(VERIFY)} (got {verify!r}). Use best.")
    records = {name: _records(out / name, seeds) for name in cells}
    rows = {name: _row(name, config, records[name]) for name, config in cells.items()}
    for name, config in cells.items():
        baseline = _baseline(config, cells)
        if baseline is not None and baseline != name:
            rows[name] |= {"baseline": baseline, **paired_test(_tests(records[name]), _tests(records[baseline]))}
    by_dataset = sorted(cells, key=lambda name: cells[name].dataset)
    for _, group in groupby(by_dataset, key=lambda name: cells[name].dataset):
        _measure({name: cells[name] for name in group}, rows, records, out, verify, budget_s, progress)
    return {
        "schema": SCHEMA,
        "seeds": len(seeds),
        "varying": varying_fields(list(cells.values())),
        "rows": list(rows.values()),
        "environment": describe_environment(1),
    }


def _records(run_dir: Path, seeds: Sequence[int]) -> dict[int, Record]:
    found = finished_seeds(run_dir)
    return {seed: found[seed] for seed in seeds}


def _tests(records: Mapping[int, Record]) -> dict[int, float]:
    return {seed: record.test_accuracy for seed, record in records.items()}


def _row(name: str, config: TrainConfig, records: Mapping[int, Record]) -> Row:
    first = next(iter(records.values()))
    recipe = {field: value for field, value in config.to_json().items() if field not in PLACE_FIELDS}
    return {
        "run": name, "dataset": config.dataset, "num_bits": config.num_bits,
        "metric": first.metric, "split": first.split.split("/")[0],
        **summarise([record.test_accuracy for record in records.values()]),
        "val_mean": summarise([record.val_accuracy for record in records.values()])["mean"],
        "test_accuracies": {str(seed): record.test_accuracy for seed, record in records.items()},
        "seconds": sum(record.seconds for record in records.values()),
        "unread": [*config.unread_fields], "config": recipe,
    }  # fmt: skip


def _baseline(config: TrainConfig, cells: Mapping[str, TrainConfig]) -> str | None:
    """Return the name of the float32 cell that a cell is compared with, or None."""
    mine = config.to_json()
    best, best_count = None, -1
    for name, other in cells.items():
        theirs = other.to_json()
        count = sum(mine[field] == theirs[field] for field in mine)
        is_alike = all(mine[field] == theirs[field] for field in BASELINE_FIELDS if field in mine)
        if other.is_float and is_alike and count > best_count:
            best, best_count = name, count
    return best


def _measure(
    cells: Mapping[str, TrainConfig],
    rows: Mapping[str, Row],
    records: Mapping[str, Mapping[int, Record]],
    out: Path,
    verify: str,
    budget_s: float,
    progress: Progress,
) -> None:
    """Add to the rows of one data set what is measured on packed files."""
    first = next(iter(cells.values()))
    dataset = dataset_of(first.dataset, first.data_root)
    models = {}
    for name in cells:
        progress(f"Verifying {name}")
        best = best_seed(records[name])
        packed = {
            seed: pack_seed(out / name, seed, dataset) for seed in records[name] if verify == "all" or seed == best
        }
        rows[name].update(
            best_seed=best,
            packed_bytes=packed[best]["packed_bytes"],
            engine_accuracy=packed[best]["engine_accuracy"],
            verified_seeds=sum(result["verified"] for result in packed.values()),
            packed_seeds=len(packed),
        )
        models[name] = seed_folder(out / name, best) / MODEL_FILE
    if budget_s > 0:
        progress(f"Timing {len(models)} models on {dataset.name}")
        for name, timing in time_packed(models, dataset, budget_s).items():
            rows[name].update(engine_ms=timing.median_ms, engine_q1_ms=timing.q1_ms, engine_q3_ms=timing.q3_ms)
