from __future__ import annotations

import pytest
import torch

from smoothbit.nn import inputs_from_features
from tests.helpers import FEATURES


@pytest.mark.parametrize("kind", FEATURES)
def test_inputs_hold_the_feature_matrix(kind):
    features = FEATURES[kind]()
    inputs = inputs_from_features(features)
    assert inputs.kind == kind
    if inputs.pattern is None:
        dense = inputs.values
    else:
        dense = inputs.pattern.matmul(inputs.values, torch.eye(features.num_features)) * inputs.row_scale
    torch.testing.assert_close(dense, torch.from_numpy(features.to_dense()))
