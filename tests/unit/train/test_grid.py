from pathlib import Path

import pytest

from smoothbit.errors import ArgumentError
from smoothbit.train import TrainConfig, make_grid
from smoothbit.train.grid import place_grid
from smoothbit.train.run_folder import claim_folder


def test_float32_cell_stands_once_for_all_quantizers() -> None:
    axes = {"propagation": ["smp", "gcn"], "quantizer": ["qlr", "lsq"], "num_bits": [32, 2]}
    grid = make_grid({"warm_epochs": 3, "range_learning_rate": 0.5}, [axes])
    assert list(grid) == ["smp-fp32", "smp-qlr-int2", "smp-lsq-int2", "gcn-fp32", "gcn-qlr-int2", "gcn-lsq-int2"]
    assert grid["gcn-lsq-int2"].quantizer == "lsq"
    assert {cell.warm_epochs for cell in grid.values()} == {3}
    assert grid["gcn-lsq-int2"].range_learning_rate == 0.5
    assert grid["gcn-fp32"].range_learning_rate == TrainConfig().range_learning_rate


def test_float_weights_with_quantized_messages_are_no_float32_cell() -> None:
    grid = make_grid({"stage_bits": {"messages": 2}}, [{"quantizer": ["qlr", "lsq"]}])
    assert list(grid) == ["qlr", "lsq"]


def test_any_field_is_an_axis_and_names_hold_what_varies() -> None:
    options: list[object] = [{}, {"variant": "public"}, {"epsilon": 0.2}]
    axes = {"propagation_options": options, "num_steps": [2, 64], "dropout": [0.1]}
    assert list(make_grid({}, [axes])) == ["k2", "k64", "k2-public", "k64-public", "k2-epsilon0.2", "k64-epsilon0.2"]


def test_grid_of_one_cell_is_named_after_data_set_and_width() -> None:
    assert list(make_grid({"num_bits": 4}, [{}])) == ["digits-int4"]


def test_several_grids_share_their_common_cells() -> None:
    grid = make_grid({}, [{"num_bits": [32, 2]}, {"num_bits": [2, 8]}])
    assert list(grid) == ["fp32", "int2", "int8"]


def test_values_that_read_the_same_get_different_names() -> None:
    options: list[object] = [{"variant": "public"}, {"variant": "derived"}, {"variant": "public", "epsilon": 0.1}]
    grid = make_grid({"split": "a/b"}, [{"propagation_options": options}, {"split": ["a_b"]}])
    assert list(grid) == ["a_b-public", "a_b-derived", "a_b-public-epsilon0.1", "a_b"]
    assert list(make_grid({}, [{"split": ["a/b", "a_b"]}])) == ["a_b", "a_b-2"]


def test_trained_cells_are_found_under_the_name_they_have(tmp_path: Path) -> None:
    first = place_grid(make_grid({}, [{"num_bits": [32, 2]}]), tmp_path)
    for name, config in first.items():
        (tmp_path / name).mkdir()
        claim_folder(tmp_path / name, config)
    grown = make_grid({"data_root": "elsewhere"}, [{"dataset": ["digits", "Cora"], "num_bits": [2]}])
    assert list(grown) == ["digits", "Cora"]
    assert list(place_grid(grown, tmp_path)) == ["int2", "Cora"]
    changed = place_grid(make_grid({"epochs": 9}, [{"num_bits": [32, 2]}]), tmp_path)
    assert list(changed) == ["fp32-2", "int2-2"]


def test_folder_of_another_version_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "config.json").write_text('{"what": 1}')
    assert list(place_grid({"old": TrainConfig()}, tmp_path)) == ["old"]


def test_unknown_value_is_refused_and_the_cell_shown() -> None:
    with pytest.raises(ArgumentError, match=r"Did you mean 'lsq'.*The cell is .*'quantizer': 'lsqq'"):
        make_grid({"epochs": 3}, [{"quantizer": ["lsqq"]}])
