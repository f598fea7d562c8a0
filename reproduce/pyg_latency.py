"""Packed PyG networks against the user's own float32 network in torch: the same graph, in one run, interleaved.

From `x` and `edge_index` to scores. The engine is timed twice: repeated runs on a prepared graph (`Session`), and one
call from arrays, with everything prepared anew. torch runs the network as it is, in evaluation mode without gradients.

    python reproduce/pyg.py --root DATA                           first: makes the packed files
    python reproduce/pyg_latency.py --root DATA --threads 1
    python reproduce/pyg_latency.py --table
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from pyg import NETWORKS, NODE_SETS, PAGE, REPOSITORY, Cell, NodeTask, fill
from safetensors.torch import load_file
from torch import nn

import smoothbit
from smoothbit.bench import describe_environment, measure
from smoothbit.engine import PreparedGraph

RECORD = REPOSITORY / "reproduce" / "pyg" / "latency.json"
SIDES = ("torch", "int8", "int4", "int2")


def calls_of(cell: Cell, task: NodeTask, threads: int) -> tuple[dict[str, Callable[[], object]], dict[str, float]]:
    """Return what is timed, and the engine's share of labels that are torch's in float32, by width."""
    x, edge_index = task.example
    network: nn.Module = cell.model(task).eval()
    network.load_state_dict(load_file(cell.beside("float").weights))

    def in_torch() -> torch.Tensor:
        with torch.no_grad():
            return network(x, edge_index)

    wanted = in_torch().argmax(dim=1).numpy()
    graph = PreparedGraph.from_edge_index(edge_index.numpy(), len(x))
    calls: dict[str, Callable[[], object]] = {"torch": in_torch}
    same: dict[str, float] = {}
    for width in SIDES[1:]:
        model = smoothbit.load(cell.beside(width).path.with_suffix(".smoothbit"))
        session = model.session(graph, model.features(x.numpy()), num_threads=threads)
        same[width] = float((session.run().labels == wanted).mean())
        calls[width] = session.run
        if width == "int8":

            def from_arrays(model: Any = model) -> object:
                fresh = PreparedGraph.from_edge_index(edge_index.numpy(), len(x))
                return model.run(fresh, model.features(x.numpy()), num_threads=threads)

            calls["int8 from arrays"] = from_arrays
    return calls, same


def run(root: str, runs: Path, threads: int, budget_s: float) -> dict[str, Any]:
    """Return the record: one row for each network and data set whose packed files are there."""
    torch.set_num_threads(threads)
    rows = []
    for dataset in NODE_SETS:
        task = NodeTask(dataset, root, 0)
        for network, (_, datasets) in NETWORKS.items():
            cell = Cell(f"{network}/{dataset}/int8/0", root, runs)
            if dataset not in datasets or not all(cell.beside(width).path.exists() for width in SIDES[1:]):
                continue
            calls, same = calls_of(cell, task, threads)
            timings = {side: asdict(timing) for side, timing in measure(calls, budget_s).items()}
            nodes, edges = len(task.data.x), task.data.edge_index.shape[1]
            row = {"network": network, "dataset": dataset, "nodes": nodes, "edges": edges}
            rows.append({**row, "timings": timings, "labels_as_float32": same})
            print(json.dumps(rows[-1]), flush=True)
    return {"kind": "pyg-latency", "threads": threads, "environment": describe_environment(threads), "rows": rows}


def table(record: dict[str, Any]) -> str:
    """Return the record as Markdown: medians in milliseconds, and how many times faster than torch."""
    lines = ["| network | data | torch FP32 (ms) | INT8 (ms) | INT4 (ms) | INT2 (ms) | INT8 from arrays (ms) |"]
    lines.append("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for row in record["rows"]:
        medians = {side: timing["median_ms"] for side, timing in row["timings"].items()}
        sides = [
            f"{medians[side]:.2f} ({medians['torch'] / medians[side]:.1f}x)" for side in medians if side != "torch"
        ]
        order = [name for name in medians if name != "torch"]
        by_name = dict(zip(order, sides, strict=True))
        columns = [by_name[name] for name in ("int8", "int4", "int2", "int8 from arrays")]
        lines.append(f"| {row['network']} | {row['dataset']} | {medians['torch']:.2f} | {' | '.join(columns)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default="data")
    parser.add_argument("--runs", type=Path, default=Path("runs/pyg"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--budget", type=float, default=3.0, help="seconds for each side")
    parser.add_argument("--table", action="store_true", help="fill docs/pyg.md from the record")
    args = parser.parse_args()
    if not args.table:
        RECORD.parent.mkdir(exist_ok=True)
        RECORD.write_text(json.dumps(run(args.root, args.runs, args.threads, args.budget), indent=1) + "\n")
    PAGE.write_text(fill(PAGE.read_text(), "latency", table(json.loads(RECORD.read_text()))))
