from __future__ import annotations

from dataclasses import replace

import pytest

from smoothbit.bench import run_suite
from smoothbit.bench.matrix_peers import MATRIX_PEERS, MatrixPeer
from smoothbit.bench.peers import PeerSkippedError


@pytest.fixture
def request_of_gemm(tiny):
    return replace(tiny, suite="gemm", num_rows=40, depth=24, num_channels=16)


def test_rows_are_nodes_and_there_are_no_edges(request_of_gemm):
    record = run_suite(request_of_gemm)
    row = record.rows[0]
    assert (row.nodes, row.edges, row.channels) == (40, 0, 16)
    assert "40 x 24 by 24 x 16" in record.notes[0]
    assert "bit for bit" in record.checks[0]


def test_only_float32_counts_as_float32(request_of_gemm, monkeypatch):
    def peer(is_float32):
        return lambda source, weight: MatrixPeer(lambda: None, source, weight, 0.0, is_float32)

    monkeypatch.setattr(MatrixPeer, "check", lambda self, name, seed: None)
    monkeypatch.setattr(MATRIX_PEERS, "_members", {"float": peer(True), "int8": peer(False)})
    row = run_suite(replace(request_of_gemm, bits=(2,))).rows[0]
    assert row.best_fp32_peer == "float"
    assert row.ratio_best_lowbit_peer == pytest.approx(row.peers["int8"] / row.engine_ms, abs=1e-4)


def test_peers_that_do_not_run_are_named(request_of_gemm, monkeypatch):
    def skip(source, weight):
        raise PeerSkippedError("torch is not installed")

    monkeypatch.setattr(MATRIX_PEERS, "_members", {"torch-matmul": skip})
    record = run_suite(replace(request_of_gemm, bits=(2,)))
    assert [entry.reason for entry in record.skipped] == ["torch is not installed"]
