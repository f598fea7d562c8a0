"""Depth study: what becomes of the states of trained networks from step to step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch

from smoothbit.data import Dataset
from smoothbit.engine import PreparedGraph
from smoothbit.nn import Network, TorchGraph, hidden_states, inputs_from_features
from smoothbit.numerics.smoothness import dirichlet_energy, mean_average_distance
from smoothbit.train.cells import dataset_of
from smoothbit.train.config import PLACE_FIELDS, TrainConfig
from smoothbit.train.grid import varying_fields
from smoothbit.train.loop import torch_threads
from smoothbit.train.records import summarise, write_json
from smoothbit.train.run_folder import finished_seeds, load_run_model, read_json, seed_folder
from smoothbit.typing import Float32Array

SCHEMA = "smoothbit-depth/1"
STATES_FILE = "states.json"
MEASURES = ("energy", "mad_neighbours", "mad_random", "error")


def study_depth(
    cells: Mapping[str, TrainConfig],
    out: Path,
    seeds: Sequence[int],
    progress: Callable[[str], None] = lambda state: None,
) -> dict[str, Any]:
    """Return the content of depth.json for cells that are trained.

    Args:
        cells: Recipes by name of their run folder.
        out: Folder of the run folders.
        seeds: Seeds of each cell.
        progress: Called with the name of each cell.

    Returns:
        schema, varying, and one of `rows` for each cell: test accuracy, and each measure of `measure_states` after
        each step, averaged over seeds; `last_std` has the standard deviation of each measure of the last state (null:
        one seed).

    Raises:
        RunError: a cell is not trained.
    """
    rows = {}
    by_dataset = sorted(cells, key=lambda name: cells[name].dataset)
    for _, names in groupby(by_dataset, key=lambda name: cells[name].dataset):
        for name in names:
            progress(f"States of {name}")
            rows[name] = _row(name, cells[name], out / name, seeds)
    return {
        "schema": SCHEMA,
        "seeds": len(seeds),
        "varying": varying_fields(list(cells.values())),
        "rows": [rows[name] for name in cells],
    }


def measure_states(model: Network, dataset: Dataset) -> dict[str, list[float]]:
    """Measure the state after each step of a network in evaluation.

    Returns:
        energy: Dirichlet energy tr(H' L H) / |H|^2.
        mad_neighbours: Mean average distance over edges.
        mad_random: The same over as many random pairs of nodes, always the same ones.
        error: |H - H_f| / |H_f|, where H_f is the state of the same weights with all quantizers off.
    """
    graph, inputs = TorchGraph(PreparedGraph(dataset.adjacency)), inputs_from_features(dataset.features)
    edges = graph.prepared.incidence
    firsts, seconds = _random_pairs(graph.num_nodes, len(edges.heads))
    result: dict[str, list[float]] = {name: [] for name in MEASURES}
    for state, exact in zip(
        _arrays(hidden_states(model, inputs, graph)),
        _arrays(hidden_states(model.float_twin(), inputs, graph)),
        strict=True,
    ):
        result["energy"].append(dirichlet_energy(state, edges.heads, edges.tails, graph.prepared.degree))
        result["mad_neighbours"].append(mean_average_distance(state, edges.heads, edges.tails))
        result["mad_random"].append(mean_average_distance(state, firsts, seconds))
        result["error"].append(_length(state - exact) / max(_length(exact), float(np.finfo(np.float32).tiny)))
    return result


def _row(name: str, config: TrainConfig, run_dir: Path, seeds: Sequence[int]) -> dict[str, Any]:
    records = finished_seeds(run_dir)
    tests = summarise([records[seed].test_accuracy for seed in seeds])
    recipe = {field: value for field, value in config.to_json().items() if field not in PLACE_FIELDS}
    measured = [_measured(run_dir, seed, config) for seed in seeds]
    means = {measure: np.mean([states[measure] for states in measured], axis=0).tolist() for measure in MEASURES}
    lasts = {measure: summarise([states[measure][-1] for states in measured])["std"] for measure in MEASURES}
    return {
        "run": name, "dataset": config.dataset, "num_bits": config.num_bits, "metric": records[seeds[0]].metric,
        **tests, **means, "last_std": lasts, "unread": [*config.unread_fields], "config": recipe,
    }  # fmt: skip


def _measured(run_dir: Path, seed: int, config: TrainConfig) -> dict[str, list[float]]:
    path = seed_folder(run_dir, seed) / STATES_FILE
    if path.is_file():
        stored: dict[str, list[float]] = read_json(path)
        return stored
    model, _, _ = load_run_model(run_dir, seed)
    with torch_threads(config.num_threads):
        result = measure_states(model, dataset_of(config.dataset, config.data_root))
    write_json(path, result)
    return result


@lru_cache(maxsize=1)
def _random_pairs(num_nodes: int, count: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    firsts = rng.integers(0, num_nodes, count)
    return firsts, (firsts + rng.integers(1, num_nodes, count)) % num_nodes


def _arrays(states: Sequence[torch.Tensor]) -> list[Float32Array]:
    return [state.numpy() for state in states]


def _length(array: Float32Array) -> float:
    return float(np.sqrt((array.astype(np.float64) ** 2).sum()))
