"""Trained runs as packed files: bytes, proof, accuracy of the engine, and its time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from smoothbit.bench.threads import limited_threads
from smoothbit.bench.timer import Timing, measure
from smoothbit.data import Dataset
from smoothbit.engine import PreparedGraph, load
from smoothbit.export import export_run, verify_model
from smoothbit.train import load_run_model
from smoothbit.train.metrics import evaluate
from smoothbit.train.records import write_json
from smoothbit.train.run_folder import read_json, seed_folder

MODEL_FILE, PACKED_FILE = "model.smoothbit", "packed.json"

MAX_FLOAT_DIFFERENCE = 1e-4
"""Largest allowed difference of the accuracy of an FP32 network between engine and training: sums in another order
move scores by about 1e-7, which swaps the ranks of a few pairs of nodes in a ROC AUC. Quantized networks need 0."""


def pack_seed(run_dir: Path, seed: int, dataset: Dataset) -> dict[str, Any]:
    """Export one seed of a run, verify the file and take the engine's test accuracy; once for each seed.

    Returns:
        seed, packed_bytes of the file, engine_accuracy, test_accuracy of the training record, stages compared,
        label_agreement, and verified: codes and labels are those of the simulation, and both accuracies are equal.

    Raises:
        RunError: the folder holds no such finished seed.
    """
    folder = seed_folder(run_dir, seed)
    model_path, result_path = folder / MODEL_FILE, folder / PACKED_FILE
    if result_path.is_file() and model_path.is_file():
        stored: dict[str, Any] = read_json(result_path)
        if stored["packed_bytes"] == model_path.stat().st_size:
            return stored
    network, config, record = load_run_model(run_dir, seed)
    export_run(run_dir, model_path, seed)
    packed = load(model_path)
    check = verify_model(network, packed, dataset)
    scores = packed.run(dataset.adjacency, dataset.features).scores
    accuracy = evaluate(record.metric, dataset.labels, scores, dataset.split(record.split).test)
    tolerance = MAX_FLOAT_DIFFERENCE if config.is_float else 0.0
    result = {
        "seed": seed, "packed_bytes": model_path.stat().st_size, "engine_accuracy": accuracy,
        "test_accuracy": record.test_accuracy, "stages": check.stages, "label_agreement": check.label_agreement,
        "verified": check.passed and abs(accuracy - record.test_accuracy) <= tolerance,
    }  # fmt: skip
    write_json(result_path, result)
    return result


def time_packed(
    models: Mapping[str, Path], dataset: Dataset, budget_s: float, progress: Callable[[float], None] | None = None
) -> dict[str, Timing]:
    """Time packed models on one data set, one thread, interleaved in one measurement.

    Args:
        models: Packed models by name.
        dataset: Graph and features.
        budget_s: Seconds for each model.
        progress: Called with the finished share of the work, in [0, 1].
    """
    prepared = PreparedGraph(dataset.adjacency)
    calls = {name: load(path).session(prepared, dataset.features, num_threads=1).run for name, path in models.items()}
    with limited_threads(1):
        return measure(calls, budget_s, progress=progress)
