import json
from dataclasses import replace
from pathlib import Path

import pytest

from smoothbit.bench.packed_run import pack_seed, time_packed
from smoothbit.data import Dataset, load_dataset
from smoothbit.errors import RunError
from smoothbit.train import TrainConfig, train_run


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("digits")


@pytest.fixture
def run_dir(digits: Dataset, recipe: TrainConfig, tmp_path: Path) -> Path:
    train_run(replace(recipe, dataset="digits", num_bits=2), tmp_path / "run", [0, 1], digits)
    return tmp_path / "run"


def test_file_is_measured_and_its_accuracy_is_the_records(run_dir: Path, digits: Dataset) -> None:
    result = pack_seed(run_dir, 1, digits)
    model = run_dir / "seed-1" / "model.smoothbit"
    record = json.loads((run_dir / "seed-1" / "record.json").read_text())
    assert result["packed_bytes"] == model.stat().st_size
    assert result["engine_accuracy"] == result["test_accuracy"] == record["test_accuracy"]
    assert result["verified"] is True
    timing = time_packed({"model": model}, digits, 0.01)["model"]
    assert 0 < timing.q1_ms <= timing.median_ms


def test_second_call_reads_and_a_damaged_model_is_made_again(run_dir: Path, digits: Dataset) -> None:
    first = pack_seed(run_dir, 0, digits)
    model, stored = run_dir / "seed-0" / "model.smoothbit", run_dir / "seed-0" / "packed.json"
    stored.write_text(json.dumps({**first, "engine_accuracy": 0.125}))
    assert pack_seed(run_dir, 0, digits)["engine_accuracy"] == 0.125
    content = model.read_bytes()
    model.write_bytes(content[:-1])
    assert pack_seed(run_dir, 0, digits) == first
    assert model.read_bytes() == content


def test_record_that_the_engine_does_not_reach_is_not_verified(run_dir: Path, digits: Dataset) -> None:
    path = run_dir / "seed-0" / "record.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "test_accuracy": record["test_accuracy"] + 0.01}))
    assert pack_seed(run_dir, 0, digits)["verified"] is False


def test_unknown_seed(run_dir: Path, digits: Dataset) -> None:
    with pytest.raises(RunError, match="to hold a finished seed 7"):
        pack_seed(run_dir, 7, digits)
