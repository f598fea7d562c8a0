from __future__ import annotations

import json

import numpy as np
import pytest

from smoothbit.bench import BenchRequest
from smoothbit.bench.peers import Product
from smoothbit.bench.processes import side
from smoothbit.bench.record import MemoryFigure
from smoothbit.bench.step import mean_matrix, random_states
from smoothbit.bench.suites import memory
from smoothbit.bench.threads import limited_threads
from smoothbit.data import powerlaw_graph
from smoothbit.engine import PreparedGraph


@pytest.fixture
def graph() -> PreparedGraph:
    return PreparedGraph(powerlaw_graph(60, 300, seed=3))


@pytest.fixture
def product(graph: PreparedGraph) -> Product:
    return Product(mean_matrix(graph), random_states(60, 8, seed=1)[0])


@pytest.fixture
def tiny() -> BenchRequest:
    return BenchRequest(
        num_nodes=60, num_edges=300, num_channels=8, bits=(1, 2, 8), budget_s=0.002, num_rows=40, depth=24
    )


@pytest.fixture
def dense_mean(product: Product) -> np.ndarray:
    matrix = product.matrix
    dense = np.zeros((matrix.num_rows, matrix.num_cols))
    dense[matrix.entry_rows(), matrix.indices] = matrix.values
    return dense @ product.source


@pytest.fixture
def run_sides_here(monkeypatch):
    """Sides of the memory suite in this process: quicker, with invented peaks."""

    def run(name, folder, numbers):
        (folder / "numbers.json").write_text(json.dumps(numbers))
        with limited_threads(1):
            try:
                side.main(name, folder)
            except ModuleNotFoundError as error:
                raise memory.PeerSkippedError(str(error)) from error
        return MemoryFigure(50.0, 30.0)

    monkeypatch.setattr(memory, "run_side", run)
