"""Compare a packed file, run by the engine, with the float simulation of the network it came from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from smoothbit.data import Dataset, load_dataset
from smoothbit.engine import Model, PreparedGraph, Result, load, same_codes
from smoothbit.errors import RunError
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.kernels import isa
from smoothbit.nn import Network, TorchGraph, inputs_from_features, simulate
from smoothbit.train import load_run_model
from smoothbit.train.run_folder import read_config
from smoothbit.typing import Float32Array, Int64Array

MAX_RELATIVE_DIFFERENCE = 1e-5
"""Largest allowed difference of scores over the largest score: a quantized network needs 0 and an
FP32 one the rounding of K sums in another order, about 1e-7 each."""

SMALLEST = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Verification:
    """Agreement of engine and simulation.

    Args:
        stages: Quantized stages compared; 0 for an FP32 network.
        stages_equal: Stages whose codes are all equal.
        first_difference: Name of the first stage that differs, or None.
        label_agreement: Share of nodes with equal labels.
        max_abs_score_difference: Largest difference of a score.
        max_relative_score_difference: The same over the largest absolute score.
        fake_quantize_label_agreement: Share of nodes whose label is that of the network in
            fake-quantized float32, as it trains.
        isa: Instruction set of the engine.
        threads: Threads of the engine.
        passed: Whether all codes and labels are equal and scores differ by less than 1e-5, relative.
    """

    stages: int
    stages_equal: int
    first_difference: str | None
    label_agreement: float
    max_abs_score_difference: float
    max_relative_score_difference: float
    fake_quantize_label_agreement: float
    isa: str
    threads: int
    passed: bool

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON-able values."""
        return asdict(self)


def verify_model(model: Network, packed: Model, dataset: Dataset, num_threads: int | None = None) -> Verification:
    """Run a packed model and the network it came from on one data set.

    Args:
        model: Trained network.
        packed: Its packed model.
        dataset: Graph and features.
        num_threads: Threads of the engine, or None for its default.
    """
    prepared = PreparedGraph(dataset.adjacency)
    engine = packed.run(prepared, dataset.features, num_threads=num_threads, has_trace=True)
    simulated = simulate(model, prepared, dataset.features, has_trace=True)
    fake = model.evaluate(inputs_from_features(dataset.features), TorchGraph(prepared))
    return compare_results(engine, simulated, fake, num_threads)


def compare_results(
    engine: Result, simulated: Result, fake_scores: Float32Array, num_threads: int | None = None
) -> Verification:
    """Compare a traced run of the engine with one of its simulation, and with the network as it trains.

    Args:
        engine: Run by the kernels.
        simulated: The same plan in torch.
        fake_scores: Scores [N, C] of the network in fake-quantized float32.
        num_threads: Threads of the engine, or None for its default.
    """
    equal = {name: _is_equal(name, engine, simulated) for name in _quantized_stages(simulated)}
    agreement = _share_equal(engine.labels, simulated.labels)
    difference = float(np.abs(engine.scores - simulated.scores).max(initial=0))
    relative = difference / max(float(np.abs(simulated.scores).max(initial=0)), SMALLEST)
    return Verification(
        stages=len(equal),
        stages_equal=sum(equal.values()),
        first_difference=next((name for name, is_equal in equal.items() if not is_equal), None),
        label_agreement=agreement,
        max_abs_score_difference=difference,
        max_relative_score_difference=relative,
        fake_quantize_label_agreement=_share_equal(engine.labels, fake_scores.argmax(axis=1)),
        isa=isa.chosen(),
        threads=num_threads or isa.default_num_threads(),
        passed=all(equal.values()) and agreement == 1.0 and relative < MAX_RELATIVE_DIFFERENCE,
    )


def verify_run(
    run_dir: str | Path,
    path: str | Path,
    *,
    dataset: str | None = None,
    data_root: str | None = None,
    num_threads: int | None = None,
) -> Verification:
    """Verify a file against the run it was exported from.

    Args:
        run_dir: Run folder.
        path: Packed model; its training record names the seed.
        dataset: Data set to run on, or None for the one of the run.
        data_root: Folder of the data sets, or None for the one of the run.
        num_threads: Threads of the engine, or None for its default.

    Raises:
        RunError: the file was not exported from a run.
        FormatError: the file is not a valid model.
    """
    packed = load(path)
    seed = packed.info.training.get("seed")
    if not isinstance(seed, int):
        raise RunError(
            f"Expected {path} to be exported from a run (got no seed in its record). Use `smoothbit export`, "
            "or in Python smoothbit.verify for a network of your own."
        )
    config = read_config(Path(run_dir))
    model, _, _ = load_run_model(run_dir, seed)
    data = load_dataset(dataset or config.dataset, data_root or config.data_root)
    return verify_model(model, packed, data, num_threads)


def _share_equal(labels: Int64Array, others: Int64Array) -> float:
    return float((labels == others).mean()) if len(labels) else 1.0


def _quantized_stages(simulated: Result) -> list[str]:
    """Return the stages that hold integers; float stages are judged by the scores they lead to."""
    return [name for name, value in simulated.trace.items() if not isinstance(value, np.ndarray)]


def _is_equal(name: str, engine: Result, simulated: Result) -> bool:
    if name not in engine.trace:
        return False
    first, second = engine.trace[name], simulated.trace[name]
    is_same_law = not isinstance(first, PackedTensor) or (
        isinstance(second, PackedTensor) and np.array_equal(first.law.step, second.law.step)
    )
    return is_same_law and same_codes(first, second)
