from __future__ import annotations

import pytest
import torch
from torch import nn

from smoothbit.quant import FloatStage, QuantConfig, RowStage, calibrate, make_input
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


def test_float_input_needs_no_stage():
    assert isinstance(make_input(QuantConfig()), FloatStage)
    assert isinstance(make_input(QuantConfig(num_bits=8)), RowStage)
