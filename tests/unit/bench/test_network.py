from __future__ import annotations

import numpy as np
import pytest

from smoothbit.bench.network import HIDDEN, NUM_STEPS, random_network
from smoothbit.engine import KernelBackend, run_plan
from smoothbit.numerics.csr import csr_from_coo
from smoothbit.numerics.features import Features


def features(kind: str) -> Features:
    generator = np.random.default_rng(0)
    if kind == "dense":
        return Features(generator.standard_normal((60, 20), dtype=np.float32))
    rows, columns = np.nonzero(generator.random((60, 20)) < 0.3)
    values = None if kind == "binary" else generator.random(len(rows), dtype=np.float32)
    return Features(csr_from_coo(rows, columns, 60, 20, values), np.full(60, 0.5, np.float32))


@pytest.mark.parametrize("kind", ["dense", "binary", "sparse"])
def test_eight_bits_are_close_to_float(graph, kind):
    given = features(kind)
    network = random_network(given, 5, seed=0)
    full = run_plan(network.float_plan(), graph, given, KernelBackend(1)).scores
    packed = run_plan(network.packed_plan(8, graph, given), graph, given, KernelBackend(1)).scores
    assert np.abs(full - packed).max() < 0.1 * np.abs(full).max()


@pytest.mark.parametrize("num_bits", [1, 2, 4])
def test_every_width_runs(graph, num_bits):
    given = features("dense")
    plan = random_network(given, 5, seed=0).packed_plan(num_bits, graph, given)
    assert run_plan(plan, graph, given, KernelBackend(1)).scores.shape == (60, 5)


def test_description_has_the_shape():
    text = random_network(features("dense"), 5, seed=0).describe()
    assert f"20 features, {HIDDEN} hidden, 5 outputs, {NUM_STEPS} propagation steps" in text
