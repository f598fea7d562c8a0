from __future__ import annotations

import pytest

from smoothbit.bench.peers import PeerSkippedError, embedding_bag


def test_embedding_bag_that_torch_refuses_is_a_reason(product, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setitem(embedding_bag.OPERATORS, 2, "7bit")
    with pytest.raises(PeerSkippedError, match="torch cannot run it"):
        embedding_bag.embedding_bag(product, 2)
