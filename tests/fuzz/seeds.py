"""Valid files to start from: the golden ones, and one for each part of the format that they leave out."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from smoothbit.formats import GraphFile, PackedFeatures, PackedModel, PackedTensor, write_graph, write_model
from smoothbit.formats.schema import DiffuseOp, ElasticOp, FeaturesOp, LinearOp, ModelInfo, Op, Plan
from smoothbit.numerics.affine import AffineLaw, per_tensor_law
from smoothbit.numerics.csr import CSR, csr_from_coo
from smoothbit.numerics.features import Features
from smoothbit.numerics.packing import pack
from tests.fuzz.parts import Parts

GOLDEN = Path(__file__).parents[1] / "golden"
NUM_NODES = 5


def load_seeds() -> list[Parts]:
    """Return the parts of each seed file."""
    seeds = [Parts.read(path) for path in sorted(GOLDEN.glob("*.smoothbit"))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seed"
        for model in (_elastic_model(), _feedback_model(), _node_model()):
            write_model(path, model)
            seeds.append(Parts.read(path))
        for graph in _graphs():
            write_graph(path, graph)
            seeds.append(Parts.read(path))
    return seeds


def adjacency() -> CSR:
    """A hub 0, a self-loop at 2, node 4 without neighbours."""
    return csr_from_coo([0, 0, 0, 1, 2, 2, 3], [1, 2, 3, 0, 0, 2, 0], NUM_NODES, NUM_NODES)


def _f32(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def _packed(rows: int, channels: int, law: AffineLaw) -> PackedTensor:
    codes = np.arange(rows * channels).reshape(rows, channels) % (law.qmax + 1)
    return PackedTensor(pack(codes, law.num_bits), channels, law)


def _model(*ops: Op) -> PackedModel:
    info = ModelInfo("SMPNet", "qlr", 2, "smp", "Tiny", "public", 3, "0.1.0")
    return PackedModel(Plan(ops, scores=len(ops)), info)


def _elastic_model() -> PackedModel:
    law, two = per_tensor_law(4, 0.1, 7), per_tensor_law(2, 0.3, 1)
    elastic = ElasticOp(2, 2, 0.25, 2.0, 0.5, "l1", two, (law, None), (law, two), (law, law), (two, None))
    return _model(FeaturesOp(0, 6, two), LinearOp(1, _packed(6, 3, two), None, True, law), elastic)


def _feedback_model() -> PackedModel:
    law, none = per_tensor_law(2, 0.3, 1), (None, None, None)
    diffuse = DiffuseOp(2, 3, 0.1, 0.7, 0.2, (), (), law, none, (law, law, None), coding="feedback")
    return _model(FeaturesOp(0, 6, None), LinearOp(1, np.eye(6, 3, dtype=np.float32), None, False, None), diffuse)


def _node_model() -> PackedModel:
    steps = _f32(0.1, 0.2, 0.3, 0.4, 0.5)
    nodes = AffineLaw(4, steps, np.zeros_like(steps), np.full_like(steps, -0.5), "per_node")
    law = per_tensor_law(2, 0.3, 1)
    first = LinearOp(1, _packed(6, 4, law), _f32(0, 1, 2, 3), True, nodes)
    return _model(FeaturesOp(0, 6, law), first, LinearOp(2, _packed(4, 3, law), None, False, None))


def _graphs() -> list[GraphFile]:
    pattern = csr_from_coo([0, 0, 1, 3, 3, 3], [0, 5, 2, 1, 2, 4], NUM_NODES, 6)
    valued = replace(pattern, values=_f32(1, 2, -3, 0.5, 0, 9))
    groups = AffineLaw(4, _f32(0.5, 1), _f32(3, 15), _f32(0, 0.5), "per_group", group_size=4)
    weighted = replace(adjacency(), values=np.ones(7, np.float32))
    return [
        GraphFile(adjacency(), Features(valued, _f32(1, 2, 3, 4, 5)), name="valued"),
        GraphFile(adjacency(), PackedFeatures(_packed(1, 6, per_tensor_law(2, 0.5, 1)), pattern), name="codes"),
        GraphFile(weighted, Features(np.ones((NUM_NODES, 6), np.float32)), np.arange(5), "dense", 7),
        GraphFile(adjacency(), PackedFeatures(_packed(NUM_NODES, 6, groups)), name="groups"),
    ]
