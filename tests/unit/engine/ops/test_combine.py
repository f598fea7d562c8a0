from __future__ import annotations

import numpy as np
import pytest

from smoothbit.formats.schema import CombineOp, FeaturesOp, Plan
from smoothbit.numerics.affine import AffineLaw, per_tensor_law
from tests.cases.operation_case import GRAPHS, check_operation, through

WIDTH = 9
LAWS = (per_tensor_law(4, 0.37, 7, 0.25), per_tensor_law(2, 1.1, 1))
SCALE = np.linspace(-1, 2, WIDTH, dtype=np.float32)
CHANNELS = AffineLaw(4, SCALE**2 + np.float32(0.2), np.full(WIDTH, 7, np.float32), SCALE, "per_channel")


def test_sum_of_packed_and_float_values_with_everything():
    weights = (0.5, -1.25, 2.0, 0.125)
    sources = (1, 2, 3, 1)
    ops = (FeaturesOp(0, WIDTH, None), *(FeaturesOp(0, WIDTH, law) for law in LAWS))
    plan = Plan((*ops, CombineOp(sources, weights, SCALE, SCALE[::-1].copy(), has_relu=True)), 4)

    def oracle(x):
        values = [through(x, law) for law in (None, *LAWS)]
        total = sum(weight * SCALE * values[source - 1] for source, weight in zip(sources, weights, strict=True))
        return np.maximum(SCALE[::-1] + total, 0)

    for graph in GRAPHS.values():
        check_operation(plan, graph, oracle, num_features=WIDTH)


@pytest.mark.parametrize("law", [*LAWS, CHANNELS], ids=["4 bits", "2 bits", "per channel"])
def test_one_source_by_a_law_is_a_quantizer(law):
    ops = (FeaturesOp(0, WIDTH, None), CombineOp((1,), (1.0,), output=law), CombineOp((2,), (1.0,)))
    check_operation(Plan(ops, 3), GRAPHS["random"], lambda x: through(x, law), num_features=WIDTH)
