"""Each quantizer at each width, each propagation, both orders: the file gives the simulation's codes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from smoothbit.data import Dataset
from smoothbit.data.transforms import csr_from_dense, row_normalized
from smoothbit.engine import load
from smoothbit.export import export_run, verify_model
from smoothbit.nn import MODELS
from smoothbit.numerics.features import Features
from smoothbit.quant import QUANTIZERS
from smoothbit.train import TrainConfig, load_run_model, train_run


def _check(config: TrainConfig, data: Dataset, folder: Path) -> None:
    train_run(config, folder / "run", [0], data)
    export_run(folder / "run", folder / "m.smoothbit")
    result = verify_model(load_run_model(folder / "run")[0], load(folder / "m.smoothbit"), data)
    assert result.passed, result
    assert result.stages >= 2 or config.num_bits == 32


@pytest.mark.parametrize("quantizer", QUANTIZERS.names())
@pytest.mark.parametrize("num_bits", [1, 2, 4, 8])
def test_quantizer(recipe: TrainConfig, tiny: Dataset, tmp_path: Path, quantizer: str, num_bits: int) -> None:
    pixels = Features(np.abs(tiny.features.to_dense()))
    config = replace(recipe, epochs=3, quantizer=quantizer, num_bits=num_bits)
    _check(config, replace(tiny, features=pixels), tmp_path)


@pytest.mark.parametrize("order", ["predict_first", "propagate_first"])
@pytest.mark.parametrize("propagation", ["smp", "appnp", "elastic", "gcn"])
@pytest.mark.parametrize("num_bits", [2, 32], ids=["int2", "fp32"])
def test_propagation(
    recipe: TrainConfig, tiny: Dataset, tmp_path: Path, propagation: str, order: str, num_bits: int
) -> None:
    _check(replace(recipe, epochs=3, propagation=propagation, order=order, num_bits=num_bits), tiny, tmp_path)


@pytest.mark.parametrize("model", MODELS.names())
@pytest.mark.parametrize("num_bits", [2, 32], ids=["int2", "fp32"])
def test_model(recipe: TrainConfig, tiny: Dataset, tmp_path: Path, model: str, num_bits: int) -> None:
    config = replace(recipe, epochs=3, model=model, num_bits=num_bits, weight_granularity="per_channel")
    _check(config, tiny, tmp_path)


@pytest.mark.parametrize("kind", ["binary", "sparse"])
@pytest.mark.parametrize("num_bits", [2, 8, 32], ids=["int2", "int8", "fp32"])
def test_sparse_features(recipe: TrainConfig, tiny: Dataset, tmp_path: Path, kind: str, num_bits: int) -> None:
    dense = tiny.features.to_dense()
    values = np.where(dense > 1, 1 if kind == "binary" else dense, 0).astype(np.float32)
    features: Features = row_normalized(csr_from_dense(values))
    _check(replace(recipe, epochs=3, num_bits=num_bits), replace(tiny, features=features), tmp_path)


@pytest.mark.parametrize("granularity", ["per_tensor", "per_channel"])
def test_mixed_widths(recipe: TrainConfig, tiny: Dataset, tmp_path: Path, granularity: str) -> None:
    config = replace(recipe, num_bits=2, stage_bits={"activations": 8}, weight_granularity=granularity)
    _check(config, tiny, tmp_path)
