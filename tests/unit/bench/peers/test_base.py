from __future__ import annotations

import numpy as np
import pytest

from smoothbit.bench import peers
from smoothbit.bench.check import MismatchError
from smoothbit.bench.peers import PEERS, Peer, PeerSkippedError, base


@pytest.mark.parametrize("name", PEERS.names())
def test_each_peer_computes_the_product_or_says_why_not(product, dense_mean, name):
    try:
        peer = PEERS.resolve(name)(product)
    except PeerSkippedError as reason:
        pytest.skip(str(reason))
    peer.check(name, np.arange(60))
    if peer.num_bits == 32 and peer.matrix.values is not None:  # DGL adds without weights
        assert np.asarray(peer.call()) == pytest.approx(dense_mean, abs=1e-5)


def test_a_wrong_peer_is_found(product):
    peer = Peer(lambda: np.zeros((60, 8), np.float32), product.matrix, product.source)
    with pytest.raises(MismatchError, match="Expected `zeros` to give row"):
        peer.check("zeros", np.arange(60))


def test_missing_package_is_a_reason():
    with pytest.raises(PeerSkippedError, match="no_such_package is not installed"):
        base.find_module("no_such_package")


def test_broken_package_is_a_reason(monkeypatch):
    def broken(module):
        raise OSError("libx.so not found")

    monkeypatch.setattr(base.importlib, "import_module", broken)
    with pytest.raises(PeerSkippedError, match=r"does not load \(libx.so not found\)"):
        base.find_module("x")


def test_messages_beyond_the_limit_are_a_reason(product, monkeypatch):
    monkeypatch.setattr(base, "MESSAGE_LIMIT_BYTES", 1000)
    with pytest.raises(PeerSkippedError, match="one for each edge, would take"):
        base.check_message_memory(product)


def test_message_bytes_are_those_of_float32(product):
    assert product.message_bytes() == product.matrix.num_entries * 8 * 4


def test_package_exports_the_registry():
    assert peers.PEERS is base.PEERS
