from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smoothbit.bench.check import MismatchError
from smoothbit.bench.matrix_peers import MATRIX_PEERS, MatrixPeer
from smoothbit.bench.peers import PeerSkippedError

torch = pytest.importorskip("torch")


@pytest.fixture
def factors():
    generator = np.random.default_rng(0)
    return generator.standard_normal((40, 32), dtype=np.float32), generator.standard_normal((32, 16), dtype=np.float32)


@pytest.mark.parametrize("name", MATRIX_PEERS.names())
def test_each_peer_computes_the_product_or_says_why_not(factors, name):
    try:
        peer = MATRIX_PEERS.resolve(name)(*factors)
    except PeerSkippedError as reason:
        pytest.skip(str(reason))
    peer.check(name)
    assert peer.is_float32 == (name == "torch-matmul")


@pytest.mark.parametrize("name", MATRIX_PEERS.names())
def test_a_wrong_product_is_found(factors, name):
    peer = MATRIX_PEERS.resolve(name)(*factors)
    wrong: MatrixPeer = replace(peer, call=lambda: peer.call() + 100)
    with pytest.raises(MismatchError, match=f"Expected `{name}` to give the product"):
        wrong.check(name)


def test_shapes_that_torch_refuses_are_a_reason(factors, monkeypatch):
    def refuse(*matrices):
        raise RuntimeError("self.size(0) needs to be greater than 16")

    monkeypatch.setattr(torch, "_int_mm", refuse)
    with pytest.raises(PeerSkippedError, match=r"torch refuses it .*greater than 16"):
        MATRIX_PEERS.resolve("torch-int-mm")(*factors)
