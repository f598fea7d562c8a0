"""What commands that train share: progress, and how a mean is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from smoothbit.cli.output import progress_bar
from smoothbit.data import Dataset
from smoothbit.train import TrainConfig, train_run


def run_with_progress(
    config: TrainConfig,
    run_dir: Path,
    seeds: Sequence[int],
    dataset: Dataset | None = None,
    title: str = "Training",
) -> dict[str, Any]:
    """Train seeds behind a progress bar; return rows and summary."""
    with progress_bar(title, len(seeds) * config.epochs) as advance:

        def report(seed: int, epoch: int, accuracy: float) -> None:
            done = list(seeds).index(seed) * config.epochs + epoch
            advance(done, f"seed {seed}, validation {accuracy:.3f}")

        return train_run(config, run_dir, seeds, dataset, report)


def spread(summary: Mapping[str, Any]) -> str:
    """Return "mean ± std over n seeds (95% interval of the mean a to b)" of a summary."""
    mean = summary["mean"]
    if summary["std"] is None:
        return f"{mean:.4f} (1 seed)"
    low, high = max(0.0, mean - summary["interval95"]), min(1.0, mean + summary["interval95"])
    std, count = summary["std"], summary["n"]
    return f"{mean:.4f} ± {std:.4f} over {count} seeds (95% interval {low:.4f} to {high:.4f})"
