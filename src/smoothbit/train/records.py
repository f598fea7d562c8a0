"""Results of runs as JSON-able records, and their summary over seeds."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from smoothbit import __version__
from smoothbit.atomic_file import atomic_file
from smoothbit.data.optional import optional_module
from smoothbit.kernels import isa

PACKAGES = ("numpy", "torch", "torch-geometric", "scikit-learn", "safetensors")


@dataclass(frozen=True)
class Record:
    """Result of training with one seed.

    Args:
        seed: Seed of weights, dropout and random splits.
        split: Name of the split.
        metric: "accuracy" or "roc_auc": what the two accuracies are.
        val_accuracy: Metric on the validation nodes at the selected epoch.
        test_accuracy: Metric on the test nodes at that epoch, read once, after training.
        val_loss: Cross-entropy on the validation nodes at that epoch.
        best_epoch: Selected epoch, counted from 1.
        epochs: Epochs trained.
        seconds: Time of training, over all its sessions.
        avg_bits: Mean width of each quantized stage, and "all": of all values of a pass; empty in FP32.
        history: Per epoch: train_loss, val_loss, val_accuracy.
    """

    seed: int
    split: str
    metric: str
    val_accuracy: float
    test_accuracy: float
    val_loss: float
    best_epoch: int
    epochs: int
    seconds: float
    avg_bits: dict[str, float] = field(default_factory=dict)
    history: dict[str, list[float]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return all fields as JSON-able values."""
        return asdict(self)

    def to_row(self) -> dict[str, Any]:
        """Return the fields without the history."""
        return {name: value for name, value in asdict(self).items() if name != "history"}


def best_seed(records: Mapping[int, Record]) -> int:
    """Return the seed that is best on validation (of equals lower loss, then lower seed)."""
    return max(records, key=lambda seed: (records[seed].val_accuracy, -records[seed].val_loss, -seed))


def summarise(values: Sequence[float]) -> dict[str, float | int | None]:
    """Return mean, standard deviation (n - 1), n and half width of the 95% interval of the mean.

    The interval is Student's; it and the deviation are None for a single value.
    """
    array = np.asarray(values, dtype=np.float64)
    if len(array) < 2:
        return {"mean": float(array.mean()), "std": None, "n": len(array), "interval95": None}
    std = float(array.std(ddof=1))
    quantile = float(optional_module("scipy.special", "scipy").stdtrit(len(array) - 1, 0.975))
    return {
        "mean": float(array.mean()),
        "std": std,
        "n": len(array),
        "interval95": quantile * std / math.sqrt(len(array)),
    }


def summarise_records(records: Sequence[Record], num_threads: int) -> dict[str, Any]:
    """Return `rows` and `summary` of several seeds, as in summary.json; `num_threads` are those of torch."""
    return {
        "rows": [record.to_row() for record in records],
        "summary": {
            "test_accuracy": summarise([record.test_accuracy for record in records]),
            "val_accuracy": summarise([record.val_accuracy for record in records]),
            "metric": records[0].metric,
            "seconds": sum(record.seconds for record in records),
            "environment": environment(num_threads),
        },
    }


def environment(num_threads: int) -> dict[str, Any]:
    """Return versions, threads of torch and instruction set, as far as results may depend on them."""
    versions = {"smoothbit": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "versions": versions,
        "platform": platform.platform(),
        "torch_threads": num_threads,
        "cores": isa.default_num_threads(),
        "isa": isa.chosen(),
    }


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON to a file that is complete or not there.

    Raises:
        WriteError: it cannot be written.
    """
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    with atomic_file(path) as file:
        file.write(text.encode())
