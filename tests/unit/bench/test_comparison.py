import json
from pathlib import Path

import pytest

from smoothbit.bench.comparison import compare_cells
from smoothbit.errors import ArgumentError
from smoothbit.train import make_grid
from smoothbit.train.cells import train_cells

BASE = {"epochs": 3, "warm_epochs": 1, "hidden_channels": 4, "num_steps": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("comparison")
    assert train_cells(CELLS, out, [0, 1]) == {}
    return out


PUBLIC = {"propagation_options": [{"variant": "public"}]}
CELLS = make_grid(
    BASE, [{"num_bits": [32, 2]}, {**PUBLIC, "num_bits": [32, 2]}, {"propagation": ["gcn"], "num_bits": [2]}]
)


def test_rows_hold_statistics_bytes_and_proof(folder: Path) -> None:
    states: list[str] = []
    result = compare_cells(CELLS, folder, [0, 1], verify="all", budget_s=0.01, progress=states.append)
    rows = {row["run"]: row for row in result["rows"]}
    assert result["varying"] == ["propagation", "propagation_options", "num_bits"]
    assert list(rows) == ["smp-fp32", "smp-int2", "smp-public-fp32", "smp-public-int2", "gcn-int2"]
    for name, row in rows.items():
        summary = json.loads((folder / name / "summary.json").read_text())["summary"]["test_accuracy"]
        assert row["mean"] == summary["mean"]
        assert row["interval95"] == summary["interval95"]
        assert (row["verified_seeds"], row["packed_seeds"]) == (2, 2)
        assert row["engine_accuracy"] == row["test_accuracies"][str(row["best_seed"])]
        assert row["packed_bytes"] == (folder / name / f"seed-{row['best_seed']}" / "model.smoothbit").stat().st_size
        assert row["engine_q1_ms"] <= row["engine_ms"] <= row["engine_q3_ms"]
        assert "data_root" not in row["config"]
    assert "Timing 5 models on digits" in states


def test_baseline_is_the_float32_cell_most_alike(folder: Path) -> None:
    rows = {row["run"]: row for row in compare_cells(CELLS, folder, [0, 1], budget_s=0)["rows"]}
    assert rows["smp-int2"]["baseline"] == "smp-fp32"
    assert rows["smp-public-int2"]["baseline"] == "smp-public-fp32"
    assert rows["smp-int2"]["difference"] == pytest.approx(rows["smp-int2"]["mean"] - rows["smp-fp32"]["mean"])
    assert "baseline" not in rows["smp-fp32"]
    assert "baseline" not in rows["gcn-int2"]  # another propagation is no baseline
    assert "engine_ms" not in rows["smp-int2"]


def test_verify_is_best_or_all(folder: Path) -> None:
    with pytest.raises(ArgumentError, match=r"Expected `verify` to be one of best, all \(got 'some'\)"):
        compare_cells(CELLS, folder, [0], verify="some")
