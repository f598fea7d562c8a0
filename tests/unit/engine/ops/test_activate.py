from __future__ import annotations

import numpy as np
import pytest
import torch

from smoothbit.formats.ops.activate import FUNCTIONS
from smoothbit.formats.schema import ActivateOp, CombineOp, FeaturesOp, Plan
from smoothbit.numerics.affine import per_tensor_law
from tests.cases.operation_case import GRAPHS, check_operation, through

WIDTH = 7
SLOPES = np.linspace(-0.5, 2, WIDTH, dtype=np.float32)
TORCH = {
    "leaky_relu": lambda x: torch.nn.functional.leaky_relu(x, 0.1),
    "prelu": lambda x: torch.where(x > 0, x, x * torch.from_numpy(SLOPES)),
    "elu": lambda x: torch.nn.functional.elu(x, 0.7),
    "selu": torch.nn.functional.selu,
    "gelu": torch.nn.functional.gelu,
    "silu": torch.nn.functional.silu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softplus": torch.nn.functional.softplus,
}


def make_op(function, output=None):
    slope = {"leaky_relu": 0.1, "elu": 0.7}.get(function, 0.0)
    return ActivateOp(1, function, slope, SLOPES if function == "prelu" else None, output)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_are_those_of_torch(function):
    def oracle(x):
        return TORCH[function](torch.from_numpy(x).double()).numpy()

    for graph in GRAPHS.values():
        check_operation(Plan((FeaturesOp(0, WIDTH, None), make_op(function)), 2), graph, oracle, num_features=WIDTH)


def test_packed_in_and_out():
    laws = per_tensor_law(4, 0.37, 7, 0.25), per_tensor_law(2, 0.61, 1, 0.13)
    plan = Plan((FeaturesOp(0, WIDTH, laws[0]), make_op("elu", laws[1]), CombineOp((2,), (1.0,))), 3)

    def oracle(x):
        return through(TORCH["elu"](torch.from_numpy(through(x, laws[0]))).numpy(), laws[1])

    check_operation(plan, GRAPHS["random"], oracle, num_features=WIDTH)
