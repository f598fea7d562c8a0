import random

import numpy as np
import torch

from smoothbit.train.seeds import restore_rng_state, rng_state, seed_everything


def _draw() -> tuple[float, float, float, float]:
    return random.gauss(0, 1), random.random(), float(np.random.standard_normal()), float(torch.rand(()))


def test_seed_repeats_every_generator() -> None:
    seed_everything(3)
    first = _draw()
    seed_everything(3)
    assert _draw() == first


def test_restored_state_continues_the_stream() -> None:
    seed_everything(4)
    _draw()
    state = rng_state()
    expected = [_draw() for _ in range(3)]
    restore_rng_state(*state)
    assert [_draw() for _ in range(3)] == expected
