"""Suite `memory`: peak resident memory of a whole network, each side in a process of its own.

The network is that of the suite `model`. A process loads its side's files, prepares, and runs once from
features at rest to scores:

- the engine: a graph file with packed features and a model file at each width, mapped into memory; no torch;
- our own FP32 plan: the same files in float32;
- plain torch: the normalised adjacency as CSR tensor, `torch.sparse.mm` in a loop;
- PyG: the same as an edge list of int64, `APPNP`.

Peers load what they need in its final form, so that no conversion is in their peak; the engine adds its
self-loops itself, and that is in its peak. Two numbers stand for each side: the peak of the process, and
what was above the peak at the end of its imports. Ratios are those of whole processes.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from smoothbit import __version__
from smoothbit.bench.check import MismatchError
from smoothbit.bench.graphs import BenchGraph, make_graph
from smoothbit.bench.memory import run_side
from smoothbit.bench.network import NUM_STEPS, TELEPORT, RandomNetwork, random_network
from smoothbit.bench.networks.torch_sparse import normalised
from smoothbit.bench.peers import PeerSkippedError, Product
from smoothbit.bench.peers.base import check_message_memory
from smoothbit.bench.record import MemoryFigure, Skipped
from smoothbit.bench.request import BenchRequest
from smoothbit.bench.suites.base import ENGINE, OWN_FP32, SUITES, Candidates, Progress
from smoothbit.bench.suites.model import SCORE_TOLERANCE
from smoothbit.engine import KernelBackend, PreparedGraph, run_plan
from smoothbit.engine.ops.features import pack_features
from smoothbit.formats import GraphFile, PackedFeatures, PackedModel, write_graph, write_model
from smoothbit.formats.schema import FeaturesOp, ModelInfo, Plan
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.features import Features
from smoothbit.typing import AnyArray, Float32Array

NUM_COMPARED_ROWS = 32
PEER_SIDES = ("torch-sparse-mm", "pyg-appnp")


@SUITES.register("memory")
def memory(request: BenchRequest, progress: Progress) -> list[Candidates]:
    """Run each side once, compare its scores, and take its peak."""
    given = make_graph(request)
    graph, features = PreparedGraph(given.adjacency), given.features_or_random(request.seed)
    network = random_network(features, request.num_channels, request.seed)
    candidates = Candidates(
        given.name, graph.num_nodes, given.adjacency.num_entries, {}, None, {},
        notes=[
            network.describe(),
            "Each side runs once in a process of its own: files are loaded, the network runs, the peak is read. "
            "Ratios are those of whole processes, interpreter and libraries included.",
        ],
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="smoothbit-bench-") as folder:
        _Measurement(request, graph, features, network, candidates, Path(folder), progress).run(given)
    return [candidates]


class _Measurement:
    """The sides of one network, one process after the other."""

    def __init__(
        self,
        request: BenchRequest,
        graph: PreparedGraph,
        features: Features,
        network: RandomNetwork,
        candidates: Candidates,
        folder: Path,
        progress: Progress,
    ) -> None:
        self.request, self.graph, self.features, self.network = request, graph, features, network
        self.candidates, self.folder, self.progress = candidates, folder, progress
        generator = np.random.default_rng(request.seed)
        self.rows = np.unique(generator.integers(graph.num_nodes, size=NUM_COMPARED_ROWS))
        self.backend = KernelBackend(request.num_threads)

    def run(self, given: BenchGraph) -> None:
        """Fill `candidates` with the peaks of all sides."""
        plan = self.network.float_plan()
        wanted = self._scores(plan)
        self._save_plan(given, self.features, plan, 32)
        others: dict[str, MemoryFigure | None] = {OWN_FP32: self._side("engine", OWN_FP32, wanted, num_bits=32)}
        self._save_arrays()
        for name in PEER_SIDES:
            others[name] = self._side(name, name, wanted)
        found = {name: figure for name, figure in others.items() if figure is not None}
        for num_bits in self.request.bits:
            packed = self.network.packed_plan(num_bits, self.graph, self.features)
            self._save_plan(given, _at_rest(packed, self.features), packed, num_bits)
            engine = self._side("engine", f"INT{num_bits}", self._scores(packed), num_bits=num_bits)
            self.candidates.memory[num_bits] = ({} if engine is None else {ENGINE: engine}) | found
        self.candidates.checks.append(
            f"The processes' scores on {len(self.rows)} rows: packed ones are those of this process, bit for bit; "
            f"float32 ones are within {SCORE_TOLERANCE:.0e} of the largest."
        )

    def _scores(self, plan: Plan) -> Float32Array:
        return run_plan(plan, self.graph, self.features, self.backend).scores

    def _save_plan(self, given: BenchGraph, features: Features | PackedFeatures, plan: Plan, num_bits: int) -> None:
        write_graph(self.folder / f"graph-{num_bits}.smoothbit", GraphFile(given.adjacency, features, name=given.name))
        info = ModelInfo(
            "RandomNetwork", "none" if num_bits == 32 else "minmax", num_bits, "appnp", given.name, "none",
            self.request.num_channels, __version__,
        )  # fmt: skip
        write_model(self.folder / f"model-{num_bits}.smoothbit", PackedModel(plan, info))

    def _save_arrays(self) -> None:
        adjacency = normalised(self.graph)
        edges = np.stack([adjacency.indices, adjacency.entry_rows()]).astype(np.int64)
        arrays: dict[str, AnyArray] = {"edges": edges, "first": self.network.first, "second": self.network.second}
        arrays |= _csr_arrays("adjacency", adjacency)
        matrix, scale = self.features.matrix, self.features.row_scale
        if isinstance(matrix, CSR):
            values = np.ones(matrix.num_entries, np.float32) if matrix.values is None else matrix.values
            values = values if scale is None else values * scale[matrix.entry_rows()]
            arrays |= _csr_arrays("features", CSR(matrix.indptr, matrix.indices, matrix.num_cols, values))
        else:
            arrays["features"] = self.features.to_dense()
        for name, array in arrays.items():
            np.save(self.folder / f"{name}.npy", array)

    def _side(self, name: str, label: str, wanted: Float32Array, num_bits: int = 32) -> MemoryFigure | None:
        """Run a side; None, with the reason among the skipped ones, when it does not run."""
        self.progress(f"run {label}", 0.0)
        numbers: dict[str, Any] = {
            "num_threads": self.request.num_threads, "num_nodes": self.graph.num_nodes, "num_bits": num_bits,
            "num_steps": NUM_STEPS, "teleport": TELEPORT, "rows": self.rows.tolist(),
        }  # fmt: skip
        try:
            if name == "pyg-appnp":
                check_message_memory(Product(normalised(self.graph), self.network.second))
            figure = run_side(name, self.folder, numbers)
        except PeerSkippedError as reason:
            self.candidates.skipped.append(Skipped(label, str(reason)))
            return None
        self._compare(label, wanted, 0.0 if num_bits < 32 else SCORE_TOLERANCE)
        return figure

    def _compare(self, label: str, wanted: Float32Array, tolerance: float) -> None:
        got = np.array(json.loads((self.folder / "scores.json").read_text(encoding="ascii")), dtype=np.float32)
        bound = tolerance * float(np.abs(wanted).max(initial=0.0))
        error = float(np.abs(got - wanted[self.rows]).max(initial=0.0))
        if not error <= bound:
            raise MismatchError(
                f"Expected the process of `{label}` to give our scores within {bound:.3g} (got {error:.3g}). "
                "Its memory is not comparable."
            )


def _at_rest(plan: Plan, features: Features) -> Features | PackedFeatures:
    """Return the features as a graph file holds them for this plan: dense ones packed by its input law."""
    first = plan.ops[0]
    assert isinstance(first, FeaturesOp)
    if features.is_sparse or first.law is None:
        return features
    return pack_features(features, first.law, KernelBackend())


def _csr_arrays(name: str, matrix: CSR) -> dict[str, AnyArray]:
    assert matrix.values is not None
    return {
        f"{name}_indptr": matrix.indptr.astype(np.int32),
        f"{name}_indices": matrix.indices,
        f"{name}_values": matrix.values,
    }
