"""What must hold for any file: it is refused by a typed error, or loaded and run without another one."""

from __future__ import annotations

import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np

from smoothbit.engine import KernelBackend, Model, PreparedGraph
from smoothbit.engine.ops.context import Context
from smoothbit.engine.ops.features import run_features
from smoothbit.errors import ArgumentError, FormatError, SmoothbitError
from smoothbit.formats import GraphFile, PackedFeatures, PackedModel, model_bytes, read_graph, read_model
from smoothbit.formats.packed_model import INFO_TEXTS, MODEL_FORMAT
from smoothbit.formats.plan_reader import value_kinds
from smoothbit.formats.schema import DiffuseOp, ElasticOp, FeaturesOp
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.features import Features
from tests.fuzz.seeds import NUM_NODES, adjacency

MAX_WORK = 20_000
"""Channels times steps of a plan that is run; a valid one may ask for years."""
MARK = MODEL_FORMAT.encode()
EDGES = adjacency()
GRAPH = PreparedGraph(EDGES, graph_ids=np.arange(NUM_NODES) % 2, relations=np.arange(EDGES.num_entries) % 2)


def check_file(path: Path, content: bytes | None = None, *, mmap: bool = True) -> str:
    """Read a file as what it says it is, and run what was read.

    Args:
        path: File.
        content: Its bytes where they are known.
        mmap: Whether it is mapped or copied.

    Returns:
        "ran", "not run", or the name of the typed error with what raised it.

    Raises:
        Exception: whatever is no typed error of smoothbit: a finding.
    """
    is_model = MARK in (path.read_bytes() if content is None else content)[:4096]
    try:
        read = read_model(path, mmap=mmap) if is_model else read_graph(path, mmap=mmap)
    except FormatError as error:
        str(error).encode()
        return type(error).__name__
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # overflow to infinity: scores of absurd weights
        return _run_model(read) if isinstance(read, PackedModel) else _use_graph(read)


def _run_model(packed: PackedModel) -> str:
    model_bytes(packed)
    for name in INFO_TEXTS:
        getattr(packed.info, name).encode()
    plan, outcome = packed.plan, "not run"
    steps = [op.num_steps if isinstance(op, (DiffuseOp, ElasticOp)) else 1 for op in plan.ops]
    values = value_kinds(plan)
    widths = [value.width for value in values]
    if sum(width * count for width, count in zip(widths, steps, strict=True)) > MAX_WORK:
        return outcome
    rows = {"nodes": NUM_NODES, "graphs": 2}[values[plan.scores - 1].domain]
    for features in _features(widths[0]):
        try:
            result = Model(packed).run(GRAPH, features, num_threads=1)
        except ArgumentError as error:
            outcome = outcome if outcome == "ran" else f"run: {type(error).__name__}"
            continue
        if result.scores.shape != (rows, packed.info.num_classes):
            raise AssertionError(f"scores of shape {result.scores.shape}")
        outcome = "ran"
    return outcome


@lru_cache(maxsize=8)
def _features(width: int) -> list[Features]:
    dense = np.arange(NUM_NODES * width, dtype=np.float32).reshape(NUM_NODES, width) % 7 - 2
    indptr = np.array([0, 0, 1, 2, 2, 3], np.int64)
    columns = np.array([0, width - 1, width // 2], np.int32)
    return [
        Features(dense),
        Features(CSR(indptr, columns, width)),
        Features(CSR(indptr, columns, width, np.array([1, -2, 3e38], np.float32)), np.ones(NUM_NODES, np.float32)),
    ]


def _use_graph(graph: GraphFile) -> str:
    graph.name.encode()
    if graph.num_nodes * max(graph.features.num_features, 1) > MAX_WORK:
        return "not run"
    try:
        features = graph.to_features()
        plain = CSR(graph.adjacency.indptr, graph.adjacency.indices, graph.adjacency.num_cols)
        prepared = PreparedGraph(plain, graph.order or "none")
        if len(features.to_dense()) != prepared.num_nodes:
            raise AssertionError(f"{len(features.to_dense())} rows of {prepared.num_nodes} nodes")
        if isinstance(graph.features, PackedFeatures):
            op = FeaturesOp(0, graph.features.num_features, graph.features.codes.law)
            run_features(op, Context(prepared, graph.features, KernelBackend(1)))
    except SmoothbitError as error:
        return f"run: {type(error).__name__}"
    return "ran"
