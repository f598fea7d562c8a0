"""One side of a memory measurement: ``python side.py NAME FOLDER`` runs it and prints two peaks as JSON.

The file is run by its path and imports nothing of the package by itself, so that the process holds what
its side needs and no more: the engine's loads no torch, a peer's loads no smoothbit. `imports` is the peak
resident memory when everything is imported, `peak` that of the whole run: load from the files in FOLDER,
prepare, run once. Linux keeps the number (VmHWM) for the program that runs now; `getrusage` would not do,
as a child inherits there what its parent held.

After its peak was read, a side writes the scores of some rows, to be compared.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

STATUS = Path("/proc/self/status")
Side = Callable[[Path, dict[str, Any]], Iterator[Any]]
"""Generator that yields nothing once its imports are done, and then its scores [N, F]."""


def peak_rss_bytes() -> int | None:
    """Return the peak resident memory of this process, or None where the system does not tell."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text(encoding="ascii"))
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def run_step(folder: Path, numbers: dict[str, Any]) -> Iterator[Any]:
    """Run one packed propagation step."""
    memory, engine = import_module("smoothbit.bench.memory"), import_module("smoothbit.engine")
    yield None
    step = memory.load_step(folder)
    yield step.bind(engine.KernelBackend(numbers["num_threads"]), step.epilogue())()


def run_engine(folder: Path, numbers: dict[str, Any]) -> Iterator[Any]:
    """Run a model file on a graph file, both mapped into memory."""
    engine, formats = import_module("smoothbit.engine"), import_module("smoothbit.formats")
    yield None
    width = numbers["num_bits"]
    graph = formats.read_graph(folder / f"graph-{width}.smoothbit", validate=False)
    model = engine.load(folder / f"model-{width}.smoothbit")
    prepared = engine.PreparedGraph(graph.adjacency)
    yield model.run(prepared, graph.features, num_threads=numbers["num_threads"]).scores


def run_torch_sparse(folder: Path, numbers: dict[str, Any]) -> Iterator[Any]:
    """Run the network in plain torch on a CSR tensor."""
    torch = import_module("torch")
    yield None
    torch.set_num_threads(numbers["num_threads"])
    arrays = _Arrays(torch, folder, numbers["num_nodes"])
    adjacency = arrays.csr("adjacency")
    with torch.no_grad():
        outputs = first_layers(torch, arrays.features(), arrays.take("first"), arrays.take("second"))
        yield propagate(torch, adjacency, outputs, numbers["num_steps"], numbers["teleport"])


def run_pyg_appnp(folder: Path, numbers: dict[str, Any]) -> Iterator[Any]:
    """Run the network in PyG: APPNP on an edge list."""
    torch, nn = import_module("torch"), import_module("torch_geometric.nn")
    yield None
    torch.set_num_threads(numbers["num_threads"])
    arrays = _Arrays(torch, folder, numbers["num_nodes"])
    propagation = nn.APPNP(numbers["num_steps"], numbers["teleport"], normalize=False).eval()
    edges, weights = arrays.take("edges"), arrays.take("adjacency_values")
    with torch.no_grad():
        outputs = first_layers(torch, arrays.features(), arrays.take("first"), arrays.take("second"))
        yield propagation(outputs, edges, weights)


def first_layers(torch: Any, inputs: Any, first: Any, second: Any) -> Any:
    """Return relu(X W1) W2; X is dense or a CSR tensor."""
    return torch.relu(inputs @ first) @ second


def propagate(torch: Any, adjacency: Any, outputs: Any, num_steps: int, teleport: float) -> Any:
    """Return K steps of (1 - teleport) A^ H + teleport Z from H = Z."""
    state = outputs
    for _ in range(num_steps):
        state = torch.sparse.mm(adjacency, state).mul_(1 - teleport).add_(outputs, alpha=teleport)
    return state


class _Arrays:
    """Arrays of a folder as tensors; a file is read when it is asked for."""

    def __init__(self, torch: Any, folder: Path, num_nodes: int) -> None:
        self.torch, self.folder, self.num_nodes = torch, folder, num_nodes
        self.load = import_module("numpy").load

    def take(self, name: str) -> Any:
        """Return one array."""
        return self.torch.from_numpy(self.load(self.folder / f"{name}.npy"))

    def csr(self, name: str, num_cols: int | None = None) -> Any:
        """Return a CSR tensor [N, num_cols]."""
        parts = (self.take(f"{name}_{part}") for part in ("indptr", "indices", "values"))
        return self.torch.sparse_csr_tensor(*parts, (self.num_nodes, num_cols or self.num_nodes))

    def features(self) -> Any:
        """Return the input features, dense or as a CSR tensor."""
        if (self.folder / "features.npy").exists():
            return self.take("features")
        return self.csr("features", int(self.load(self.folder / "first.npy", mmap_mode="r").shape[0]))


SIDES: dict[str, Side] = {
    "step": run_step,
    "engine": run_engine,
    "torch-sparse-mm": run_torch_sparse,
    "pyg-appnp": run_pyg_appnp,
}


def main(name: str, folder: Path) -> None:
    """Run a side and print its two peaks, in bytes or null."""
    numbers = json.loads((folder / "numbers.json").read_text(encoding="ascii"))
    side = SIDES[name](folder, numbers)
    next(side)
    imports = peak_rss_bytes()
    scores = next(side)
    print(json.dumps({"imports": imports, "peak": peak_rss_bytes()}))
    if "rows" in numbers:
        chosen = [[float(value) for value in scores[row]] for row in numbers["rows"]]
        (folder / "scores.json").write_text(json.dumps(chosen), encoding="ascii")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
