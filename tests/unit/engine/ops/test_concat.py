from __future__ import annotations

import numpy as np
import pytest

from smoothbit.formats.schema import CombineOp, ConcatOp, FeaturesOp, Plan
from smoothbit.numerics.affine import per_tensor_law
from tests.cases.operation_case import GRAPHS, check_operation, through

WIDTH = 5
LAWS = (None, per_tensor_law(4, 0.37, 7, 0.25), per_tensor_law(1, 1.1, 0, 0.5))
OUTPUT = per_tensor_law(2, 0.73, 1, 0.1)


@pytest.mark.parametrize("output", [None, OUTPUT], ids=["float", "packed"])
@pytest.mark.parametrize("is_max", [False, True], ids=["side-by-side", "largest"])
def test_values_of_several_laws(is_max, output):
    inputs = tuple(FeaturesOp(0, WIDTH, law) for law in LAWS)
    plan = Plan((*inputs, ConcatOp((1, 3, 2), is_max, output), CombineOp((4,), (1.0,))), 5)

    def oracle(x):
        values = [through(x, LAWS[k]) for k in (0, 2, 1)]
        return through(np.max(values, axis=0) if is_max else np.concatenate(values, axis=1), output)

    for graph in GRAPHS.values():
        check_operation(plan, graph, oracle, num_features=WIDTH)


def test_one_value_is_itself():
    plan = Plan((FeaturesOp(0, WIDTH, None), ConcatOp((1,), is_max=True)), 2)
    check_operation(plan, GRAPHS["random"], lambda x: x.astype(np.float64), num_features=WIDTH)
