from __future__ import annotations

import numpy as np
import torch

from tests.cases.model_case import ModelCase
from tests.helpers import dense_normalised


class TestSGC(ModelCase):
    name = "sgc"
    state_widths = (5, 5, 5)

    def dense(self, net, x, smooth):
        """Wu et al. 2019, eq. 8, with the bias smoothed too."""
        return torch.linalg.matrix_power(smooth, net.config.num_steps) @ (x @ net.linear.weight + net.linear.bias)

    def test_smoothing_first_gives_the_same_scores(self):
        net, inputs, features, graph = self.trained()
        net.linear.bias.data.zero_()
        smoothed = torch.linalg.matrix_power(dense_normalised(graph), 3) @ torch.from_numpy(features.to_dense())
        wanted = (smoothed @ net.linear.weight).detach().numpy()
        np.testing.assert_allclose(net.evaluate(inputs, graph), wanted, atol=1e-5, rtol=1e-4)
