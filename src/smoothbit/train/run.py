"""Train several seeds of one recipe into a run folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smoothbit.data import Dataset, load_dataset
from smoothbit.errors import ArgumentError
from smoothbit.train.config import TrainConfig
from smoothbit.train.lock import folder_lock
from smoothbit.train.loop import Progress, fit
from smoothbit.train.records import summarise_records, write_json
from smoothbit.train.run_folder import SUMMARY_FILE, claim_data, claim_folder


def train_run(
    config: TrainConfig,
    run_dir: str | Path,
    seeds: Sequence[int],
    dataset: Dataset | None = None,
    progress: Progress | None = None,
    teachers: Path | None = None,
) -> dict[str, Any]:
    """Train every seed that is not finished yet and summarise all.

    Args:
        config: Recipe.
        run_dir: Run folder, new or of the same recipe.
        seeds: Seeds, at least one.
        dataset: The data set, when it is loaded already.
        progress: Called after each epoch.
        teachers: Folder of float32 phases that runs share, or None.

    Returns:
        `rows` and `summary`, as written to summary.json.

    Raises:
        ArgumentError: no seed.
        RunError: the folder holds another recipe or a run on other data, or another process uses it.
    """
    if not seeds:
        raise ArgumentError("Expected `seeds` to hold at least one seed (got none). Use --seeds 1.")
    run_dir = Path(run_dir)
    dataset = dataset or load_dataset(config.dataset, config.data_root)
    with folder_lock(run_dir):
        claim_folder(run_dir, config)
        claim_data(run_dir, dataset)
        records = [fit(config, dataset, run_dir, seed, progress, teachers=teachers) for seed in seeds]
        summary = {"config": config.to_json(), **summarise_records(records, config.num_threads)}
        write_json(run_dir / SUMMARY_FILE, summary)
    return summary
