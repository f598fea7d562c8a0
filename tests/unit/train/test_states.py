import json
import math
from pathlib import Path

import numpy as np
import pytest

from smoothbit.data import Dataset
from smoothbit.engine import PreparedGraph
from smoothbit.nn import TorchGraph
from smoothbit.train import make_grid
from smoothbit.train.cells import train_cells
from smoothbit.train.states import MEASURES, measure_states, study_depth
from tests.helpers import trained_net

CELLS = make_grid(
    {"epochs": 3, "warm_epochs": 1, "hidden_channels": 4, "propagation": "appnp"},
    [{"num_steps": [1, 3], "num_bits": [32, 2]}],
)


def test_rows_have_a_value_for_each_step(tmp_path: Path) -> None:
    assert train_cells(CELLS, tmp_path, [0, 1]) == {}
    result = study_depth(CELLS, tmp_path, [0, 1])
    assert result["varying"] == ["num_steps", "num_bits"]
    assert [row["run"] for row in result["rows"]] == list(CELLS)
    for row in result["rows"]:
        seeds = [json.loads((tmp_path / row["run"] / f"seed-{seed}" / "states.json").read_text()) for seed in (0, 1)]
        for measure in MEASURES:
            assert len(row[measure]) == row["config"]["num_steps"]
            assert row[measure] == pytest.approx(
                [(a + b) / 2 for a, b in zip(*(s[measure] for s in seeds), strict=True)]
            )
            first, second = (s[measure][-1] for s in seeds)
            assert row["last_std"][measure] == pytest.approx(abs(first - second) / math.sqrt(2))
        assert (max(row["error"]) > 0) is (row["num_bits"] == 2)
    path = tmp_path / "k1-int2" / "seed-0" / "states.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "energy": [9.0]}))
    again = study_depth({"k1-int2": CELLS["k1-int2"]}, tmp_path, [0])
    assert again["rows"][0]["energy"] == [9.0]  # read, not measured again
    assert again["rows"][0]["last_std"]["energy"] is None


def test_plain_smoothing_forgets(tiny: Dataset) -> None:
    graph = TorchGraph(PreparedGraph(tiny.adjacency))
    model, _ = trained_net(graph, tiny.features, propagation="gcn", steps=64)
    states = measure_states(model, tiny)
    # Each step shrinks all but the smooth part of a connected graph, so the energy can only fall.
    assert (np.diff(states["energy"]) <= 1e-9).all()
    assert states["energy"][-1] < 0.01 * states["energy"][0]
    assert states["error"] == [0.0] * 64
