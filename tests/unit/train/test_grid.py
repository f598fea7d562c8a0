import pytest

from smoothbit.errors import ArgumentError
from smoothbit.train import TrainConfig, make_grid


def test_float32_cell_stands_once_for_all_quantizers() -> None:
    grid = make_grid(TrainConfig(), ["digits"], ["smp", "gcn"], ["qlr", "lsq"], [32, 2])
    assert list(grid) == [
        "digits-smp-fp32", "digits-smp-qlr-2bit", "digits-smp-lsq-2bit",
        "digits-gcn-fp32", "digits-gcn-qlr-2bit", "digits-gcn-lsq-2bit",
    ]  # fmt: skip
    assert grid["digits-gcn-lsq-2bit"].num_bits == 2


def test_unknown_name_is_refused() -> None:
    with pytest.raises(ArgumentError, match="Did you mean 'lsq'"):
        make_grid(TrainConfig(), ["digits"], ["smp"], ["lsqq"], [2])
