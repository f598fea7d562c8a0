"""Records of `smoothbit compare` with made-up numbers, for tests of the report."""

from __future__ import annotations

from typing import Any

FLOAT_UNREAD = ["quantizer", "warm_epochs"]
RECIPE = {"propagation": "smp", "propagation_options": {}, "num_steps": 10, "quantizer": "qlr", "warm_epochs": None}


def cell(
    dataset: str, num_bits: int, mean: float, baseline: dict[str, Any] | None = None, **recipe: Any
) -> dict[str, Any]:
    row = {
        "run": f"{dataset}-{num_bits}-{'-'.join(map(str, recipe.values()))}", "dataset": dataset, "num_bits": num_bits,
        "metric": "accuracy", "split": "public", "mean": mean, "std": 0.004, "n": 10, "interval95": 0.003,
        "packed_bytes": 1000 * num_bits, "engine_ms": 0.1 * num_bits, "verified_seeds": 1, "packed_seeds": 1,
        "unread": FLOAT_UNREAD if num_bits == 32 else [],
        "config": {**RECIPE, "dataset": dataset, "num_bits": num_bits, **recipe},
    }  # fmt: skip
    if baseline is not None:
        row |= {"baseline": baseline["run"], "difference": mean - baseline["mean"]}
        row |= {"difference_interval95": 0.002, "p_ttest": 0.0001, "p_wilcoxon": 0.002}
    return row


def comparison(rows: list[dict[str, Any]], varying: list[str], **more: Any) -> dict[str, Any]:
    return {"schema": "smoothbit-compare/1", "seeds": 10, "varying": varying, "rows": rows, "failures": {}, **more}


def one_dataset() -> dict[str, Any]:
    """Return two quantizers at two widths beside one float32 cell on Cora."""
    full = cell("Cora", 32, 0.835)
    low = [
        cell("Cora", bits, mean, full, quantizer=quantizer)
        for quantizer, bits, mean in (("qlr", 8, 0.834), ("qlr", 2, 0.83), ("lsq", 8, 0.82), ("lsq", 2, 0.79))
    ]
    return comparison([full, *low], ["quantizer", "num_bits"])


def several_datasets() -> dict[str, Any]:
    """Return FP32 and INT2 on three data sets."""
    rows = []
    for dataset, full, low in (("Cora", 0.835, 0.833), ("Photo", 0.92, 0.91), ("CS", 0.93, 0.931)):
        rows.append(cell(dataset, 32, full))
        rows.append(cell(dataset, 2, low, rows[-1]))
    return comparison(rows, ["dataset", "num_bits"])


def depth() -> dict[str, Any]:
    """Return the states of FP32 and INT2 networks with 2 and 8 steps."""
    rows = [
        {
            **cell("Cora", bits, 0.8, num_steps=steps), "energy": [0.1 / k for k in range(1, steps + 1)],
            "mad_neighbours": [0.2] * steps, "mad_random": [0.7] * steps, "error": [0.0 if bits == 32 else 0.3] * steps,
            "last_std": {"error": 0.0 if bits == 32 else 0.0213},
        }
        for bits in (32, 2)
        for steps in (2, 8)
    ]  # fmt: skip
    return {"schema": "smoothbit-depth/1", "seeds": 10, "varying": ["num_steps", "num_bits"], "rows": rows}
