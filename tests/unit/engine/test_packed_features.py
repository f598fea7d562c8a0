"""Features at rest as codes: the same bits as from float32, and no float matrix where the law is the model's own."""

from __future__ import annotations

import numpy as np
import pytest

from smoothbit import engine
from smoothbit.engine import PreparedGraph
from smoothbit.errors import ArgumentError, ShapeError
from smoothbit.formats import GraphFile, PackedFeatures, PackedModel, PackedTensor, read_graph, write_graph
from smoothbit.formats.schema import ModelInfo
from smoothbit.nn import TorchGraph
from smoothbit.numerics.affine import law_from_range
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.features import Features
from tests.helpers import FEATURES, binary_features, dense_features, random_graph, trained_net, valued_features

INFO = ModelInfo("SMPNet", "qlr", 2, "smp", "random", "none", 5, "0.1.0")


def model_for(features: Features, bits: int = 2, quantizer: str = "qlr", **config: object) -> engine.Model:
    graph = TorchGraph(PreparedGraph(random_graph()))
    net, _ = trained_net(graph, features, bits=bits, quantizer=quantizer, **config)
    return engine.Model(PackedModel(net.to_plan(), INFO))


def at_rest(tmp_path, features: Features | PackedFeatures) -> Features | PackedFeatures:
    """Return the features as a graph file gives them back, mapped."""
    path = tmp_path / "g.smoothbit"
    write_graph(path, GraphFile(random_graph(), features))
    return read_graph(path).features


@pytest.mark.parametrize("order", ["none", "degree"])
@pytest.mark.parametrize("quantizer", ["qlr", "bt", "lsq"])
@pytest.mark.parametrize("bits", [1, 2, 8])
@pytest.mark.parametrize("name", FEATURES)
def test_scores_are_those_of_the_float_features(tmp_path, name, bits, quantizer, order):
    features = FEATURES[name]()
    model = model_for(features, bits, quantizer)
    graph = PreparedGraph(random_graph(), order)
    wanted = model.run(graph, features, has_trace=True)
    packed = at_rest(tmp_path, model.pack_features(features))
    assert isinstance(packed, PackedFeatures) == (name != "binary")
    found = model.run(graph, packed, has_trace=True)
    np.testing.assert_array_equal(found.scores, wanted.scores)
    assert all(engine.same_codes(found.trace[stage], value) for stage, value in wanted.trace.items())
    np.testing.assert_array_equal(model.session(graph, packed).run().scores, wanted.scores)


def test_codes_of_the_models_law_are_used_in_place(monkeypatch):
    model = model_for(dense_features())
    packed = model.pack_features(dense_features())
    monkeypatch.setattr(PackedFeatures, "to_features", lambda self: pytest.fail("decoded"))
    trace = model.run(random_graph(), packed, has_trace=True).trace
    assert isinstance(packed, PackedFeatures)
    assert trace["value1.inputs"].data is packed.codes.data


@pytest.mark.parametrize("make", [dense_features, valued_features])
def test_codes_of_another_law_are_decoded(make):
    features = make()
    model = model_for(features, 4)
    packed = model_for(features, 8).pack_features(features)
    assert isinstance(packed, PackedFeatures)
    wanted = model.run(random_graph(), packed.to_features()).scores
    np.testing.assert_array_equal(model.run(random_graph(), packed).scores, wanted)


def test_row_factors_of_dense_codes_are_applied_before_quantizing():
    model = model_for(dense_features(), 8)
    law = model.plan.ops[0].law
    scale = np.linspace(0.1, 1, 30, dtype=np.float32)
    codes = PackedTensor.from_values(dense_features().to_dense(), law)
    wanted = model.run(random_graph(), Features(codes.dequantize(), scale)).scores
    np.testing.assert_array_equal(model.run(random_graph(), PackedFeatures(codes, None, scale)).scores, wanted)


def test_float_model_takes_packed_features_and_makes_none():
    model = model_for(dense_features(), 32)
    codes = PackedTensor.from_values(dense_features().to_dense(), law_from_range(-3.0, 3.0, 8))
    wanted = model.run(random_graph(), Features(codes.dequantize())).scores
    np.testing.assert_array_equal(model.run(random_graph(), PackedFeatures(codes)).scores, wanted)
    with pytest.raises(ArgumentError, match=r"reads its features once, as codes .got 1 readers, 0 of codes"):
        model.pack_features(dense_features())


def test_refusals():
    model = model_for(dense_features())
    with pytest.raises(ShapeError, match=r"Expected `features` to have 20 columns .got 7"):
        model.pack_features(dense_features(num_features=7))
    packed = model.pack_features(dense_features(num_nodes=29))
    with pytest.raises(ShapeError, match="Expected `features` to have 30 rows"):
        model.run(random_graph(), packed)
    with pytest.raises(ArgumentError, match="Expected the law of sparse features to hold 0"):
        model_for(dense_features(), 1, "lsq").pack_features(binary_features())
    model = model_for(dense_features(), 1, "lsq")
    pattern = binary_features().matrix
    codes = np.ones((1, pattern.num_entries), np.uint8)
    packed = PackedFeatures(PackedTensor(codes, pattern.num_entries, model.plan.ops[0].law), pattern)
    with pytest.raises(ArgumentError, match="Expected the law of sparse features to hold 0"):
        model.run(random_graph(), packed)


def test_bound_of_the_accumulator_counts_stored_entries():
    """40,000 products of 8 by 8 bits in one row do not fit an int32."""
    columns = 40_000
    indptr = np.full(31, columns, np.int64)
    indptr[0] = 0
    pattern = CSR(indptr, np.arange(columns, dtype=np.int32), columns)
    features = Features(CSR(indptr, pattern.indices, columns, np.ones(columns, np.float32)))
    model = model_for(features, 8)
    with pytest.raises(ArgumentError, match=r"Operation 2 .linear. of the model"):
        model.run(random_graph(), features)
    packed = PackedFeatures(
        PackedTensor(np.full((1, columns), 255, np.uint8), columns, law_from_range(0.0, 1.0, 8)), pattern
    )
    with pytest.raises(ArgumentError, match=r"Operation 2 .linear. of the model"):
        model.run(random_graph(), packed)
