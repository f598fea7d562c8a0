from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from smoothbit.data import Dataset
from smoothbit.engine import Model, load
from smoothbit.errors import ArgumentError, RunError
from smoothbit.export import export_graph, export_model, export_run, verify_model, verify_run
from smoothbit.formats import PackedModel, read_graph
from smoothbit.formats.schema import DiffuseOp, LinearOp, Plan
from smoothbit.nn import SMPNet, SMPNetConfig
from smoothbit.quant import QuantConfig
from smoothbit.train import TrainConfig, load_run_model, train_run


@pytest.fixture
def run(recipe: TrainConfig, tiny: Dataset, tmp_path: Path) -> Path:
    train_run(recipe, tmp_path / "run", range(2), tiny)
    return tmp_path / "run"


def test_exported_file_says_where_it_comes_from(run: Path, tmp_path: Path) -> None:
    export_run(run, tmp_path / "m.smoothbit", 1)
    info = load(tmp_path / "m.smoothbit").info
    assert (info.num_bits, info.quantizer, info.propagation, info.num_classes) == (4, "qlr", "smp", 3)
    assert info.training["seed"] == 1
    assert "history" not in info.training


def test_export_is_reproducible(run: Path, tmp_path: Path) -> None:
    export_run(run, tmp_path / "a")
    export_run(run, tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_file_agrees_with_its_network(run: Path, tmp_path: Path, tiny: Dataset) -> None:
    export_run(run, tmp_path / "m.smoothbit", 0)
    result = verify_model(load_run_model(run, 0)[0], load(tmp_path / "m.smoothbit"), tiny, num_threads=1)
    assert result.passed
    assert result.stages == result.stages_equal > 5
    assert result.max_abs_score_difference == 0


def test_changed_model_is_found_out(run: Path, tmp_path: Path, tiny: Dataset) -> None:
    packed = export_run(run, tmp_path / "m.smoothbit", 0)
    ops = list(packed.plan.ops)
    position = next(i for i, op in enumerate(ops) if isinstance(op, LinearOp))
    linear = ops[position]
    assert isinstance(linear, LinearOp)
    assert linear.bias is not None
    ops[position] = replace(linear, bias=linear.bias + np.float32(1))
    changed = Model(PackedModel(Plan(tuple(ops), packed.plan.scores), packed.info))
    result = verify_model(load_run_model(run, 0)[0], changed, tiny)
    assert not result.passed
    assert result.first_difference == "value2.activations"


def test_missing_stage_is_found_out(run: Path, tmp_path: Path, tiny: Dataset) -> None:
    packed = export_run(run, tmp_path / "m.smoothbit", 0)
    *rest, last = packed.plan.ops
    assert isinstance(last, DiffuseOp)
    shorter = replace(
        last, num_steps=2, correction_self=last.correction_self[1:],
        correction_aggregate=last.correction_aggregate[1:], aggregates=last.aggregates[1:],
        updates=last.updates[1:], deltas=last.deltas[1:], delta_aggregates=last.delta_aggregates[1:],
    )  # fmt: skip
    changed = Model(PackedModel(Plan((*rest, shorter), packed.plan.scores), packed.info))
    assert not verify_model(load_run_model(run, 0)[0], changed, tiny).passed


def test_file_without_a_seed_is_refused(run: Path, tmp_path: Path) -> None:
    export_model(load_run_model(run, 0)[0], tmp_path / "m.smoothbit")
    with pytest.raises(RunError, match="to be exported from a run"):
        verify_run(run, tmp_path / "m.smoothbit")


def test_untrained_network_is_refused(tmp_path: Path) -> None:
    model = SMPNet(SMPNetConfig(4, 2, quant=QuantConfig(num_bits=2)))
    with pytest.raises(ArgumentError, match="Train the model before exporting it"):
        export_model(model, tmp_path / "m.smoothbit")
    assert not (tmp_path / "m.smoothbit").exists()


def test_graph_file_holds_the_dataset(tiny: Dataset, tmp_path: Path) -> None:
    export_graph(tiny, tmp_path / "g.smoothbit")
    graph = read_graph(tmp_path / "g.smoothbit")
    assert np.array_equal(graph.to_features().to_dense(), tiny.features.to_dense())
    assert np.array_equal(graph.adjacency.indices, tiny.adjacency.indices)
    assert np.array_equal(graph.labels, tiny.labels)
