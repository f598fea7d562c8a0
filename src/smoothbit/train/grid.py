"""Grid of recipes for a comparison: each cell has a run folder of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

from smoothbit.train.config import TrainConfig


def make_grid(
    base: TrainConfig,
    datasets: Sequence[str],
    propagations: Sequence[str],
    quantizers: Sequence[str],
    widths: Sequence[int],
) -> dict[str, TrainConfig]:
    """Return the cells by folder name, in order.

    A float32 cell has no quantizer: it stands once for all of them.

    Args:
        base: What all cells share.
        datasets: Names of data sets.
        propagations: Names of propagations.
        quantizers: Names of quantizers.
        widths: Bit widths.

    Raises:
        ArgumentError: an unknown name or width.
    """
    cells = {}
    for dataset, propagation, quantizer, num_bits in product(datasets, propagations, quantizers, widths):
        config = replace(
            base,
            dataset=dataset,
            propagation=propagation,
            num_bits=num_bits,
            quantizer=base.quantizer if num_bits == 32 else quantizer,
        )
        cells[cell_name(config)] = config
    return cells


def cell_name(config: TrainConfig) -> str:
    """Return the folder name of a cell, e.g. "Cora-smp-qlr-2bit" or "Cora-smp-fp32"."""
    method = "fp32" if config.num_bits == 32 else f"{config.quantizer}-{config.num_bits}bit"
    return f"{config.dataset}-{config.method}-{method}"
