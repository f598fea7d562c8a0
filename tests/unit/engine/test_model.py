from __future__ import annotations

import numpy as np
import pytest

from smoothbit import engine
from smoothbit.errors import FormatError
from smoothbit.formats import PackedModel, write_model
from smoothbit.formats.schema import ModelInfo
from smoothbit.nn import TorchGraph, simulate
from tests.helpers import binary_features, random_graph, trained_net

INFO = ModelInfo("SMPNet", "qlr", 2, "smp", "random", "none", 5, "0.1.0")


def test_written_model_gives_the_simulated_scores(tmp_path):
    prepared = engine.PreparedGraph(random_graph())
    net, _ = trained_net(TorchGraph(prepared), binary_features(), bits=2)
    path = tmp_path / "m.smoothbit"
    write_model(path, PackedModel(net.to_plan(), INFO))
    model = engine.load(path)
    assert model.info == INFO
    wanted = simulate(net, prepared, binary_features()).scores
    np.testing.assert_array_equal(model.run(random_graph(), binary_features()).scores, wanted)
    np.testing.assert_array_equal(model.run(prepared, binary_features(), num_threads=2).scores, wanted)


def test_truncated_file_is_refused(tmp_path):
    path = tmp_path / "m.smoothbit"
    path.write_bytes(b"\x10\x00")
    with pytest.raises(FormatError, match="Expected"):
        engine.load(path)
