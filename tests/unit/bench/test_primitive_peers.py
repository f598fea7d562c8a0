from __future__ import annotations

import numpy as np
import pytest

from smoothbit.bench import primitive_peers
from smoothbit.bench.peers import PeerSkippedError
from smoothbit.bench.primitive_peers import add_peers_of, pack_peers, unpack_peers


@pytest.fixture
def values():
    return np.random.default_rng(0).random((20, 16), dtype=np.float32)


@pytest.fixture
def bits(values):
    return (values > 0.5).astype(np.uint8)


def test_numpy_packs_and_unpacks_bits(values, bits):
    packed = pack_peers(values, bits)[0]["numpy-packbits-int1"]()
    assert packed.shape == (20, 2)
    assert np.array_equal(unpack_peers(values, bits)[0]["numpy-unpackbits-int1"](), bits)


def test_torch_packs_what_it_unpacks(values, bits):
    pytest.importorskip("torch")
    calls, skipped = unpack_peers(values, bits)
    assert {entry.peer for entry in skipped} | set(calls) >= {f"torch-unpack-int{n}" for n in (2, 4, 8)}
    for name in set(calls) - {"numpy-unpackbits-int1"}:
        # A row spans at most [0, 1] in 2**bits - 1 steps, its scale is a half-precision number.
        step = 1 / ((1 << int(name[-1])) - 1)
        assert calls[name]().numpy() == pytest.approx(values, abs=0.5 * step + 1e-2)


def test_torch_adds(values):
    pytest.importorskip("torch")
    calls, skipped = add_peers_of(values, values)
    assert set(calls) | {entry.peer for entry in skipped} == {"torch-add", "torch-quantized-add-int8"}
    # Codes are 4 / 255 apart, and three of them are rounded.
    assert calls["torch-quantized-add-int8"]().dequantize().numpy() == pytest.approx(2 * values, abs=1.5 * 4 / 255)
    assert calls["torch-add"]().numpy() == pytest.approx(values * (1 + 1 / 9), abs=1e-5)


def test_without_torch_the_reasons_say_so(values, bits, monkeypatch):
    def missing(module):
        raise PeerSkippedError("torch is not installed")

    monkeypatch.setattr(primitive_peers, "find_module", missing)
    for calls, skipped in (pack_peers(values, bits), unpack_peers(values, bits), add_peers_of(values, values)):
        assert not [name for name in calls if name.startswith("torch")]
        assert {entry.reason for entry in skipped} == {"torch is not installed"}


def test_operators_that_torch_refuses_are_a_reason(values, bits, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setattr(primitive_peers, "OPERATORS", {7: "7bit"})
    (entry,) = pack_peers(values, bits)[1]
    assert entry.peer == "torch-prepack-int7"
    assert "torch cannot run it" in entry.reason
