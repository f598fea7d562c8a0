from pathlib import Path

import pytest

from smoothbit.errors import ArgumentError
from smoothbit.train.grid_file import GridFile, parse_values, read_grid_file


def read(tmp_path: Path, text: str) -> GridFile:
    path = tmp_path / "grid.yaml"
    path.write_text(text)
    return read_grid_file(path)


def test_base_grids_cells_and_seeds(tmp_path: Path) -> None:
    text = """
    base: {learning_rate: 1e-3, split: null, dropout: 0}
    grid:
      - {num_bits: [32, 2], dataset: digits}
      - propagation_options: [{variant: public}, {}]
    cells: [{propagation: gcn}]
    seeds: 10
    """
    file = read(tmp_path, text)
    assert file.base == {"learning_rate": 0.001, "split": None, "dropout": 0.0}
    assert isinstance(file.base["dropout"], float)
    assert file.grids == (
        {"num_bits": [32, 2], "dataset": ["digits"]},
        {"propagation_options": [{"variant": "public"}, {}]},
        {"propagation": ["gcn"]},
    )
    assert file.seeds == 10


def test_empty_file_is_one_default_cell(tmp_path: Path) -> None:
    assert read(tmp_path, "") == GridFile() == GridFile({}, ({},), None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("grid: [", r"Expected grid.yaml to be YAML \(got .*line 1"),
        ("grids: {}", r"Expected a key of grid.yaml to be known \(got 'grids'\). Did you mean 'grid'\?"),
        ("[1, 2]", r"Expected `the file` of grid.yaml to be a mapping \(got list\)"),
        (
            "grid: {num_bit: [2]}",
            r"field in grid.yaml to be one of a recipe \(got 'num_bit'\). Did you mean 'num_bits'",
        ),
        ("base: {epochs: many}", r"Expected `epochs` in grid.yaml to be int \(got 'many'\)"),
        ("base: {epochs: true}", r"Expected `epochs` in grid.yaml to be int \(got True\)"),
        ("base: {dropout: half}", r"Expected `dropout` in grid.yaml to be float \(got 'half'\)"),
        ("cells: [{split: 3}]", r"Expected `split` in grid.yaml to be str or null \(got 3\)"),
        ("seeds: 0", r"Expected `seeds` in grid.yaml to be a whole number >= 1 \(got 0\)"),
    ],
    ids=["yaml", "key", "mapping", "field", "type", "bool", "float", "union", "seeds"],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        read(tmp_path, text)


def test_values_of_a_flag() -> None:
    assert parse_values("num_steps", "2, 64", "--set") == [2, 64]
    assert parse_values("stage_bits", "{inputs: 8}, {}", "--set") == [{"inputs": 8}, {}]
    with pytest.raises(ArgumentError, match=r"Expected the values of `num_steps` in --set to be YAML \(got '\]'\)"):
        parse_values("num_steps", "]", "--set")
