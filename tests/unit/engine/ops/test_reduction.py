from __future__ import annotations

from dataclasses import replace

import numpy as np

from smoothbit.engine import KernelBackend, PreparedGraph
from smoothbit.engine.ops import Context
from smoothbit.engine.ops.reduction import make_message
from smoothbit.formats import PackedTensor
from smoothbit.numerics.affine import per_tensor_law
from smoothbit.numerics.csr import csr_from_coo
from tests.cases.operation_case import make_features

LAW = per_tensor_law(4, 0.4, 7, 0.25)


def test_message_is_the_source_only_where_nothing_would_change():
    features = make_features(5, 3)
    context = Context(PreparedGraph(csr_from_coo([], [], 5, 5)), features, KernelBackend())
    packed = PackedTensor.from_values(features.matrix, LAW)
    assert make_message(context, packed, LAW, None) is packed
    assert make_message(context, packed, replace(LAW), None) is packed
    assert make_message(context, features.matrix, None, None) is features.matrix
    ones = np.ones(5, np.float32)
    shifted = replace(LAW, num_bits=2, divisor=85, shift=3, zero_point=np.float32([100]))
    own = PackedTensor.from_values(features.matrix, shifted)
    for source, law, scale in ((packed, LAW, ones), (packed, None, None), (own, shifted, None)):
        message = make_message(context, source, law, scale)
        assert message is not source
        decoded = message if law is None else message.dequantize()
        wanted = source.dequantize()
        np.testing.assert_array_equal(
            decoded, wanted if law is None else PackedTensor.from_values(wanted, law).dequantize()
        )
