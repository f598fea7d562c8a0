from __future__ import annotations

import json
from pathlib import Path

import pytest

ENVIRONMENT = {"cpu": "Test CPU", "threads": 1, "caches": {"L1d": "32K"}, "packages": {"numpy": "2.0"}, "load": [1, 2]}


def demo_record() -> dict:
    widths = ((32, 0.82, 400_000, 12.0), (8, 0.815, 101_000, 3.0), (2, 0.79, 26_000, 1.5))
    rows = [
        {
            "bits": bits, "accuracy_mean": accuracy, "accuracy_std": 0.01, "packed_bytes": size,
            "fp32_bytes": 400_000, "engine_ms": ms, "engine_q1_ms": 0.9 * ms, "engine_q3_ms": 1.1 * ms,
            "fp32_ms": 24.0, "fp32_q1_ms": 23.0, "fp32_q3_ms": 25.0, "label_agreement": 1.0,
        }
        for bits, accuracy, size, ms in widths
    ]  # fmt: skip
    return {"rows": rows, "dataset": "digits", "environment": ENVIRONMENT}


def bench_record() -> dict:
    common = {
        "suite": "propagate", "graph": "powerlaw", "nodes": 1000, "edges": 4000, "channels": 16, "threads": 1,
        "isa": "avx2", "own_fp32_ms": 4.0, "own_fp32_q1_ms": 3.8, "own_fp32_q3_ms": 4.4,
        "peers": {"scipy-csr": 9.0, "torch-embedding-bag-int8": 3.0}, "best_fp32_peer": "scipy-csr",
        "peer_quartiles": {"scipy-csr": [8.0, 10.0], "torch-embedding-bag-int8": [2.5, 3.5]},
    }  # fmt: skip
    rows = [
        {
            **common, "bits": bits, "engine_ms": ms, "engine_q1_ms": 0.9 * ms, "engine_q3_ms": 1.2 * ms,
            "ratio_best_fp32_peer": 9 / ms, "ratio_own_fp32": 4 / ms, "ratio_best_lowbit_peer": 3 / ms,
            "peak_rss_mb": 41.0,
        }
        for bits, ms in ((2, 1.0), (8, 18.0))
    ]  # fmt: skip
    skipped = [{"peer": "mkl-csr", "reason": "sparse_dot_mkl is not installed"}]
    return {"rows": rows, "environment": ENVIRONMENT, "skipped": skipped, "verdicts": ["INT8: 2 times SLOWER."]}


def write_run(folder: Path, num_bits: int = 2, seeds: int = 2) -> None:
    rows = []
    for seed in range(seeds):
        row = {
            "seed": seed, "split": "public", "metric": "accuracy", "val_accuracy": 0.8, "val_loss": 0.5,
            "test_accuracy": 0.78 + 0.01 * seed, "best_epoch": 3, "epochs": 4, "seconds": 1.5,
        }  # fmt: skip
        history = {"train_loss": [2, 1, 0.5, 0.4], "val_loss": [2, 1.5, 1, 1], "val_accuracy": [0.2, 0.5, 0.8, 0.7]}
        write_json(folder / f"seed-{seed}" / "record.json", {**row, "history": history})
        rows.append(row)
    config = {"dataset": "Cora", "num_bits": num_bits, "quantizer": "qlr", "propagation": "smp", "data_root": "/x"}
    write_json(folder / "config.json", config)
    write_json(folder / "summary.json", {"rows": rows, "summary": {"environment": {"versions": {"torch": "2.0"}}}})


def write_json(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def demo_dir(tmp_path: Path) -> Path:
    write_json(tmp_path / "demo" / "demo.json", demo_record())
    return tmp_path / "demo"


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    write_run(tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def bench_dir(tmp_path: Path) -> Path:
    write_json(tmp_path / "bench" / "bench.json", bench_record())
    return tmp_path / "bench"


@pytest.fixture
def grid_dir(tmp_path: Path) -> Path:
    for num_bits in (32, 2):
        write_run(tmp_path / "grid" / f"Cora-smp-{num_bits}", num_bits)
    return tmp_path / "grid"
