"""Measure the settings of record and write one JSON file for each into benchmarks/results.

    python benchmarks/run_suites.py [NAME ...] [--data-root DIR] [--threads T] [--seconds S]

Without names all settings run; those on real data need --data-root. `smoothbit report
benchmarks/results` turns the files into figures and a page.

Each setting has a process of its own: where the allocator takes a peer's output from depends on what came before (at 40
channels and ogbn-arxiv's size PyTorch's embedding bags took 14 ms alone, 31 after another setting).
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

from smoothbit.bench import BenchRequest, run_suite

RESULTS = Path(__file__).parent / "results"
ALL_BITS = (1, 2, 4, 8)
ARXIV = BenchRequest(num_nodes=169_343, num_edges=2_315_598, bits=ALL_BITS)
PRODUCTS = BenchRequest(num_nodes=2_400_000, num_edges=60_000_000, bits=ALL_BITS)
REAL = BenchRequest(num_channels=64, bits=ALL_BITS)
SETTINGS = {
    "propagate-arxiv-128": replace(ARXIV, num_channels=128, has_ceilings=True),
    "propagate-arxiv-40": replace(ARXIV, num_channels=40, has_ceilings=True),
    "propagate-products-64": replace(PRODUCTS, num_channels=64, has_ceilings=True),
    "propagate-products-64-community": replace(PRODUCTS, graph="sbm", num_channels=64, order="locality"),
    "propagate-cora-64": replace(REAL, graph="Cora"),
    "propagate-facebook-64": replace(REAL, graph="facebook"),
    "propagate-arxiv-128-degree": replace(ARXIV, num_channels=128, order="degree"),
    "propagate-arxiv-40-degree": replace(ARXIV, num_channels=40, order="degree"),
    "propagate-cora-64-degree": replace(REAL, graph="Cora", order="degree"),
    "propagate-facebook-64-degree": replace(REAL, graph="facebook", order="degree"),
    "propagate-arxiv-128-delta": replace(ARXIV, num_channels=128, coding="delta"),
    "model-arxiv-128-degree": replace(ARXIV, suite="model", num_channels=128, order="degree"),
    "model-arxiv-40-degree": replace(ARXIV, suite="model", num_channels=40, order="degree"),
    "model-cora-64-degree": replace(REAL, suite="model", graph="Cora", order="degree"),
    "model-cora-7": replace(REAL, suite="model", graph="Cora", num_channels=7),
    "features-cora-64": replace(REAL, suite="features", graph="Cora"),
    "features-cs-64": replace(REAL, suite="features", graph="CS"),
    "gemm-19712x512x64": replace(REAL, suite="gemm", num_rows=19_712, depth=512),
    "gemm-169343x128x256": replace(REAL, suite="gemm", num_rows=169_343, depth=128, num_channels=256),
    "kernels-arxiv-128": replace(ARXIV, suite="kernels", num_channels=128),
    "memory-arxiv-128": replace(ARXIV, suite="memory", num_channels=128),
    "scaling-128": replace(ARXIV, suite="scaling", num_nodes=1_000_000, num_edges=14_000_000),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *SETTINGS], help="settings to measure")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=BenchRequest.budget_s, help="time for each measured side")
    arguments = parser.parse_args()
    for name in arguments.names or SETTINGS:
        request = replace(
            SETTINGS[name],
            data_root=arguments.data_root,
            num_threads=arguments.threads,
            budget_s=arguments.seconds,
        )
        process = get_context("spawn").Process(target=measure, args=(name, request))
        process.start()
        process.join()
        if process.exitcode:
            sys.exit(f"{name} ended with exit code {process.exitcode}")


def measure(name: str, request: BenchRequest) -> None:
    record = run_suite(request)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}-{record.rows[0].isa}-{request.num_threads}t.json"
    path.write_text(json.dumps(record.to_json(), indent=1) + "\n")
    print(f"{path.name}: {record.seconds:.0f} s")
    for row in record.rows:
        print(f"  {row.verdict()}")


if __name__ == "__main__":
    main()
