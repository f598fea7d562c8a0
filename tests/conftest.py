"""Settings of the whole suite, and a graph small enough to train on in milliseconds."""

from __future__ import annotations

import signal

import pytest
import torch

from smoothbit.data import Dataset, contextual_sbm
from smoothbit.train import TrainConfig

# A shell without job control starts what runs in the background with Ctrl-C ignored; tests of Ctrl-C need it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests are small: more threads would only wait for each other, and results must not depend on them.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny() -> Dataset:
    return contextual_sbm(60, 240, 3, 12, separation=3.0)


@pytest.fixture
def recipe() -> TrainConfig:
    return TrainConfig(
        dataset="generated", epochs=6, warm_epochs=2, hidden_channels=8, num_steps=3, dropout=0.3, num_bits=4
    )
