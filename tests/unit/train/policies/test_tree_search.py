from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from smoothbit.train.policies.tree_search import search


@pytest.mark.parametrize("seed", range(5))
def test_finds_the_best_of_an_additive_function_with_one_interaction(seed):
    """methods/08, acceptance 4: within 5 percent of the optimum, at most 15 percent measured."""
    rng = np.random.default_rng(seed)
    space = np.array(list(product((1, 2, 4, 8), repeat=5)))
    gain = rng.uniform(0.2, 1.0, 5)
    values = (gain * np.log2(space)).sum(axis=1) - 0.08 * space.sum(axis=1)
    values += 0.5 * ((space[:, 0] >= 4) & (space[:, 3] >= 4))
    asked = []

    def measure(index: int) -> float:
        asked.append(index)
        return float(values[index])

    best = search(space, measure, max_measured=150)
    assert len(asked) == len(set(asked)) == 150 <= 0.15 * len(space)
    assert values[best] >= values.max() - 0.05 * (values.max() - values.min())


def test_small_space_is_measured_in_full():
    asked = []
    assert search([[1], [2], [4]], lambda index: asked.append(index) or float(index == 1)) == 1
    assert sorted(asked) == [0, 1, 2]
