from __future__ import annotations

import pytest
import torch
from torch import nn

from smoothbit.quant import FloatStage, QuantConfig, RowStage, bypass, calibrate, make_input
from smoothbit.quant.row_stage import is_row_binary


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = make_input(QuantConfig(num_bits=2))
        self.second = make_input(QuantConfig(num_bits=2))

    def forward(self, x):
        return self.second(self.first(x) * 1.0)


ROWS = torch.tensor([[0.5, 0.0, 0.5], [0.0, 0.0, 0.0], [0.0, 3.0, 0.0]])


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (ROWS, True),
        (torch.zeros(2, 3), False),
        (torch.tensor([[1.0, 2.0]]), False),
        (torch.tensor([[1.0, -1.0]]), False),
        (torch.zeros(0, 3), False),
    ],
    ids=["rows", "zeros", "two numbers", "signs", "empty"],
)
def test_rows_of_one_number(x, expected):
    assert is_row_binary(x) is expected


def test_features_of_the_network_pass_and_hidden_values_do_not():
    net = Net()
    with calibrate(net):
        net(ROWS)
    assert net.first(ROWS) is ROWS
    assert net.first.law().num_bits == 1
    assert net.first.law().scale.tolist() == [1.0]
    assert net.second.law().num_bits == 2


def test_other_features_are_quantized():
    net = Net()
    with calibrate(net):
        net(ROWS + torch.arange(3))
    assert net.first.law().num_bits == 2


def test_decision_is_in_the_state():
    net, other = Net(), Net()
    with calibrate(net):
        net(ROWS)
    with calibrate(other):
        other(ROWS + torch.arange(3))
    other.load_state_dict(net.state_dict())
    assert other.first(ROWS) is ROWS


@pytest.fixture
def sums():
    """Rows of one shape whose sizes lie between 1 and 1000."""
    generator = torch.Generator().manual_seed(0)
    return torch.rand(64, 8, generator=generator) * torch.logspace(0, 3, 64)[:, None]


def test_rows_of_different_sizes_get_factors_where_the_layer_takes_them(sums):
    taking, other = (make_input(QuantConfig(num_bits=4), takes_rows=flag) for flag in (True, False))
    for stage in (taking, other):
        with calibrate(stage, "mse"):
            stage(sums)
    assert (taking.read_mode(), other.read_mode()) == ("rows", "tensor")
    errors = [((stage(sums) - sums) / sums.amax(1, keepdim=True)).abs().max() for stage in (taking, other)]
    assert errors[0] < 0.5 / 15 + 1e-6  # half a step of the row
    assert errors[1] > 0.5


def test_rows_of_one_size_share_a_step(sums):
    stage = make_input(QuantConfig(num_bits=4), takes_rows=True)
    with calibrate(stage, "mse"):
        stage(sums / sums.amax(1, keepdim=True))
    assert stage.read_mode() == "tensor"


@pytest.mark.parametrize("quantizer", ["minmax", "qlr", "lsq"])
def test_a_second_calibration_begins_anew(sums, quantizer):
    stage, fresh = (make_input(QuantConfig(quantizer, 4), takes_rows=True) for _ in range(2))
    with calibrate(stage):
        stage(torch.full((4, 8), 500.0))
    for each in (stage, fresh):
        with calibrate(each):
            each(sums)
    assert stage.read_mode() == "rows"
    assert torch.equal(stage(sums), fresh(sums))


def test_later_batches_do_not_change_the_way_of_the_first(sums):
    stage = make_input(QuantConfig(num_bits=4), takes_rows=True)
    with calibrate(stage, "mse"):
        stage(sums)
        stage(torch.ones(4, 8))
    assert stage.read_mode() == "rows"


def test_rows_of_zeros_and_of_the_smallest_numbers_are_finite(sums):
    stage = make_input(QuantConfig(num_bits=2), takes_rows=True)
    with calibrate(stage, "mse"):
        stage(sums)
    edge = torch.stack([torch.zeros(8), torch.full((8,), 1e-45), torch.full((8,), 3e38)])
    result = stage(edge)
    assert torch.isfinite(result).all()
    assert (result[:2] == 0).all()
    torch.testing.assert_close(result[2], edge[2], rtol=0.2, atol=0)


def test_gradients_pass_through_rows(sums):
    stage = make_input(QuantConfig(num_bits=4), takes_rows=True)
    with calibrate(stage):
        stage(sums)
    x = sums.clone().requires_grad_()
    stage(x).sum().backward()
    assert (x.grad > 0).float().mean() > 0.9


def test_bypassed_rows_are_the_input(sums):
    stage = make_input(QuantConfig(num_bits=4), takes_rows=True)
    with calibrate(stage):
        stage(sums)
    with bypass(stage):
        assert stage(sums) is sums


def test_float_input_needs_no_stage():
    assert isinstance(make_input(QuantConfig()), FloatStage)
    assert isinstance(make_input(QuantConfig(num_bits=8)), RowStage)
