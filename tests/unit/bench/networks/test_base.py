from __future__ import annotations

import numpy as np
import pytest

from smoothbit.bench.network import random_network
from smoothbit.bench.networks import NETWORKS
from smoothbit.bench.peers import PeerSkippedError
from smoothbit.engine import KernelBackend, run_plan
from smoothbit.numerics.csr import csr_from_coo
from smoothbit.numerics.features import Features


@pytest.mark.parametrize("is_sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("name", NETWORKS.names())
def test_network_gives_the_scores_of_the_float_plan(graph, name, is_sparse):
    generator = np.random.default_rng(0)
    dense = generator.standard_normal((60, 20), dtype=np.float32)
    rows, columns = np.nonzero(dense > 0.5)
    matrix = csr_from_coo(rows, columns, 60, 20) if is_sparse else dense
    given = Features(matrix, np.linspace(0.5, 1, 60, dtype=np.float32))
    network = random_network(given, 5, seed=0)
    try:
        call = NETWORKS.resolve(name)(network, graph, given)
    except PeerSkippedError as reason:
        pytest.skip(str(reason))
    wanted = run_plan(network.float_plan(), graph, given, KernelBackend(1)).scores
    assert np.asarray(call()) == pytest.approx(wanted, abs=1e-5)
