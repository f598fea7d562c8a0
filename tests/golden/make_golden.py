"""Writes the golden files: a tiny model with every kind of law, an FP32 elastic model, a model with a skip, graphs.

Run `PYTHONPATH=src python tests/golden/make_golden.py`. The files are format 1.0, those with a skip or an order of
nodes 1.1, that with a coding 1.2, that with the layers of any network 1.3, that with a factor for each row 1.4,
and must never change: they are what an older smoothbit left on a user's disk. A later format gets files of its own.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from smoothbit.formats import GraphFile, PackedFeatures, PackedModel, PackedTensor, write_graph, write_model
from smoothbit.formats.schema import (
    ActivateOp,
    AggregateOp,
    AttendOp,
    CombineOp,
    ConcatOp,
    DiffuseOp,
    ElasticOp,
    FeaturesOp,
    LinearOp,
    ModelInfo,
    NormalizeOp,
    Plan,
    ReadoutOp,
)
from smoothbit.numerics.affine import AffineLaw, per_tensor_law
from smoothbit.numerics.csr import CSR, csr_from_coo
from smoothbit.numerics.features import Features
from smoothbit.numerics.node_order import NodeOrder
from smoothbit.numerics.packing import pack

FOLDER = Path(__file__).parent


def f32(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def tiny_model() -> PackedModel:
    """Features [*, 6] -> linear 5 (per channel, 2 bits) -> linear 3 (per group, 4 bits) -> 2 steps."""
    per_channel = AffineLaw(2, f32(0.5, 0.25, 1, 2, 0.125), f32(1, 1, 2, 1, 0), f32(*[0.5] * 5), "per_channel")
    per_group = AffineLaw(4, f32(0.1, 0.2), f32(7, 8), f32(0, 0), "per_group", group_size=2)
    truncated = AffineLaw(2, f32(0.01), f32(3), f32(0), divisor=85, shift=-2)
    first = PackedTensor(pack(np.arange(30).reshape(6, 5) % 4, 2), 5, per_channel)
    second = PackedTensor(pack(np.arange(15).reshape(5, 3), 4), 3, per_group)
    diffuse = DiffuseOp(
        source=3,
        num_steps=2,
        self_weight=0.0,
        aggregate_weight=0.9,
        skip_weight=0.1,
        correction_self=(0.25, -0.5),
        correction_aggregate=(0.0, float(np.float32(1e-3))),
        message=per_tensor_law(2, 0.3, 1),
        aggregates=(per_tensor_law(2, 0.2, 1), None),
        updates=(per_tensor_law(2, 0.3, 1), None),
        deltas=(None, per_tensor_law(1, 0.05, 0, 0.5)),
        delta_aggregates=(None, None),
    )
    ops = (
        FeaturesOp(0, 6, per_tensor_law(1, 1.0)),
        LinearOp(1, first, f32(0, 1, -1, 0.5, 2), True, truncated),
        LinearOp(2, second, None, False, per_tensor_law(8, 0.05, 128)),
        diffuse,
    )
    info = ModelInfo("SMPNet", "qlr", 2, "smoothness_aware", "Tiny", "public", 3, "0.1.0", {"seed": 7, "lr": 0.1})
    return PackedModel(Plan(ops, scores=4, embedding=3), info)


def tiny_float_model() -> PackedModel:
    """Features [*, 3] -> linear 2 -> 2 elastic steps, all float32."""
    weight = f32(1, -2, 3, 0.1, 0, 1e-30).reshape(3, 2)
    none = (None, None)
    elastic = ElasticOp(2, 2, 0.25, 2.0, 0.75, "l21", None, none, none, none, none)
    ops = (FeaturesOp(0, 3, None), LinearOp(1, weight, f32(0.5, -0.5), True, None), elastic)
    info = ModelInfo("ElasticNet", "none", 32, "elastic", "Tiny", "random-0", 2, "0.1.0")
    return PackedModel(Plan(ops, scores=3), info)


def tiny_delta_model() -> PackedModel:
    """Features [*, 3] -> linear 2 -> 3 delta-coded steps at 2 bits, the last two corrected."""
    weight = f32(1, -2, 3, 0.5, 0, -1).reshape(3, 2)
    diffuse = DiffuseOp(
        source=2,
        num_steps=3,
        self_weight=0.0,
        aggregate_weight=0.9,
        skip_weight=0.1,
        correction_self=(0.0, 0.25, 0.125),
        correction_aggregate=(0.0, -0.25, -0.125),
        message=per_tensor_law(2, 0.4, 1, 0.5),
        aggregates=(None, None, None),
        updates=(per_tensor_law(2, 0.2, 1), per_tensor_law(2, 0.1, 1, 0.5), None),
        coding="delta",
    )
    ops = (FeaturesOp(0, 3, None), LinearOp(1, weight, None, True, per_tensor_law(2, 0.5)), diffuse)
    info = ModelInfo("SMPNet", "qlr", 2, "smoothness_aware", "Tiny", "public", 2, "0.1.0")
    return PackedModel(Plan(ops, scores=3, embedding=2), info)


def tiny_residual_model() -> PackedModel:
    """Features [*, 3] -> linear 2 -> linear 2 -> 1 step with the first layer's skip and a ReLU."""
    hidden = per_tensor_law(2, 0.5, 1)
    packed = PackedTensor(pack(np.arange(4).reshape(2, 2), 2), 2, per_tensor_law(2, 0.25, 2))
    diffuse = DiffuseOp(
        source=3,
        num_steps=1,
        self_weight=0.0,
        aggregate_weight=0.75,
        skip_weight=0.25,
        correction_self=(),
        correction_aggregate=(),
        message=per_tensor_law(2, 0.3, 1),
        aggregates=(None,),
        updates=(None,),
        skip=2,
        has_relu=True,
    )
    ops = (
        FeaturesOp(0, 3, per_tensor_law(1, 1.0)),
        LinearOp(1, PackedTensor(pack(np.arange(6).reshape(3, 2) % 4, 2), 2, hidden), None, True, hidden),
        LinearOp(2, packed, f32(0.5, -0.5), False, None),
        diffuse,
    )
    return PackedModel(Plan(ops, scores=4), ModelInfo("GCNII", "qlr", 2, "appnp", "Tiny", "public", 2, "0.1.0"))


def tiny_layers_model() -> PackedModel:
    """Features [*, 4] -> each operation of format 1.3 once or twice -> scores of graphs, 3 classes."""
    law = per_tensor_law(4, 0.25, 8)
    per_channel = AffineLaw(2, f32(0.5, 0.25, 1, 2), f32(1, 1, 2, 1), f32(0, 0, 0, 0), "per_channel")
    numbers, factors = f32(0.5, -0.5, 1, 2), f32(1, 2, 0.5, -1)
    ops = (
        FeaturesOp(0, 4, law),
        FeaturesOp(0, 4, None),
        AggregateOp(1, "sum", True, True, True, law, bias=numbers, has_relu=True, output=per_channel),
        AggregateOp(2, "max", False, False, False, per_channel, 1, 0.5, 1.5, skip=3, skip_weight=-1.0),
        LinearOp(1, f32(1, 0, 0, 1, 1, 1, 0, -1).reshape(4, 2), None, False, None),
        AttendOp(3, 5, 5, 2, "additive", True, law, bias=f32(1, -1), is_concatenated=False),
        AttendOp(3, 4, 4, 2, "dynamic", False, law, slope=0.1, vector=factors, has_relu=True),
        AttendOp(4, 4, 2, 1, "dot", False, None, slope=0.0, scale=0.5, output=law),
        CombineOp((7, 8, 7), (1.0, 0.1, -2.0), scale=factors, bias=numbers, has_relu=True, output=law),
        ConcatOp((9, 6), output=per_tensor_law(8, 0.05, 128)),
        ConcatOp((9, 7), is_max=True),
        ActivateOp(10, "prelu", slopes=f32(0.25, 0, -1, 1, 2, 0.5)),
        ActivateOp(11, "elu", slope=0.75, output=law),
        NormalizeOp(13, "graph", 1e-5, scale=factors, bias=numbers, mean_scale=f32(1, 0.5, 1, 0), has_relu=True),
        NormalizeOp(12, "row", 0.001, output=law),
        ReadoutOp(15, "mean", law),
        ReadoutOp(14, "max"),
        NormalizeOp(17, "length", 1e-12, output=law),
        ConcatOp((16, 18)),
        LinearOp(19, np.linspace(-1, 1, 30, dtype=np.float32).reshape(10, 3), f32(0, 1, 2), False, None),
    )
    info = ModelInfo("Layers", "qlr", 4, "aggregate", "Tiny", "public", 3, "0.1.0")
    return PackedModel(Plan(ops, scores=20, embedding=13), info)


def tiny_rows_model() -> PackedModel:
    """Float32 features [*, 4] -> linear 3 on rows of 4 bits with a factor each -> linear 2 on rows of 2 bits."""
    law = AffineLaw(4, f32(0.125, 0.25, 0.5), f32(8, 7, 9), f32(0, 0, 0), "per_channel")
    first = PackedTensor(pack(np.arange(12).reshape(4, 3), 4), 3, law)
    second = PackedTensor(pack(np.arange(6).reshape(3, 2) % 4, 2), 2, per_tensor_law(2, 0.5, 1))
    ops = (
        FeaturesOp(0, 4, None),
        LinearOp(1, first, f32(0.5, -0.5, 0), True, None, rows=per_tensor_law(4, 0.125, 8)),
        LinearOp(2, second, None, False, None, rows=per_tensor_law(2, 0.25)),
    )
    return PackedModel(Plan(ops, scores=3), ModelInfo("GIN", "qlr", 4, "none", "Tiny", "public", 2, "0.1.0"))


def tiny_adjacency() -> CSR:
    """5 nodes: a hub 0, a self-loop at 2, node 4 without neighbours."""
    return csr_from_coo([0, 0, 0, 1, 2, 2, 3], [1, 2, 3, 0, 0, 2, 0], 5, 5)


def tiny_sparse_graph() -> GraphFile:
    """Row-normalised binary features: a 1-bit pattern and a factor for each row."""
    pattern = csr_from_coo([0, 0, 1, 3, 3, 3], [0, 5, 2, 1, 2, 4], 5, 6)
    features = Features(pattern, f32(0.5, 1, 1, 1 / 3, 1))
    labels = np.array([0, 1, 2, 1, -1], dtype=np.int32)
    return GraphFile(tiny_adjacency(), features, labels, "tiny-sparse", 3)


def tiny_dense_graph() -> GraphFile:
    """Dense 2-bit features with a law for each channel, no labels."""
    law = AffineLaw(2, f32(0.5, 1, 2), f32(0, 1, 3), f32(0, 0, 0), "per_channel")
    codes = PackedTensor(pack(np.arange(15).reshape(5, 3) % 4, 2), 3, law)
    return GraphFile(tiny_adjacency(), PackedFeatures(codes), name="tiny-dense")


def tiny_ordered_graph() -> GraphFile:
    """The dense graph with an order of nodes: the hub last."""
    return replace(tiny_dense_graph(), order=NodeOrder("by hand", np.array([4, 2, 1, 3, 0], np.int32)))


def write_all(folder: Path) -> None:
    write_model(folder / "tiny_model.smoothbit", tiny_model())
    write_model(folder / "tiny_float_model.smoothbit", tiny_float_model())
    write_model(folder / "tiny_delta_model.smoothbit", tiny_delta_model())
    write_model(folder / "tiny_residual_model.smoothbit", tiny_residual_model())
    write_model(folder / "tiny_layers_model.smoothbit", tiny_layers_model())
    write_model(folder / "tiny_rows_model.smoothbit", tiny_rows_model())
    write_graph(folder / "tiny_sparse_graph.smoothbit", tiny_sparse_graph())
    write_graph(folder / "tiny_dense_graph.smoothbit", tiny_dense_graph())
    write_graph(folder / "tiny_ordered_graph.smoothbit", tiny_ordered_graph())


if __name__ == "__main__":
    write_all(FOLDER)
