from __future__ import annotations

from dataclasses import replace

import pytest

from smoothbit.bench import run_suite
from smoothbit.bench.check import MismatchError
from smoothbit.bench.graphs import BenchGraph
from smoothbit.bench.peers import PeerSkippedError
from smoothbit.bench.processes import side
from smoothbit.bench.suites import memory
from smoothbit.data import powerlaw_graph
from tests.helpers import binary_features, dense_features, valued_features


@pytest.fixture(autouse=True)
def sides_in_this_process(run_sides_here):
    return run_sides_here


def test_every_side_has_a_peak(tiny):
    record = run_suite(replace(tiny, suite="memory"))
    skipped = {entry.peer for entry in record.skipped}
    for row in record.rows:
        assert set(row.memory) | skipped >= {"engine", "own FP32", *memory.PEER_SIDES}
        assert row.peak_rss_mb == 50.0
        assert row.engine_ms is None
        assert row.ratio_peak_rss["own FP32"] == 1.0
    assert "bit for bit" in record.checks[0]


@pytest.mark.parametrize("make", [binary_features, valued_features, dense_features])
def test_features_of_every_kind(tiny, monkeypatch, make):
    graph = BenchGraph("given", powerlaw_graph(30, 60), make())
    monkeypatch.setattr(memory, "make_graph", lambda request: graph)
    row = run_suite(replace(tiny, suite="memory", bits=(2,))).rows[0]
    assert "engine" in row.memory


def test_sides_that_do_not_run_are_named(tiny, monkeypatch):
    def fail(name, folder, numbers):
        raise PeerSkippedError("its process failed")

    monkeypatch.setattr(memory, "run_side", fail)
    record = run_suite(replace(tiny, suite="memory", bits=(2,)))
    assert {entry.peer for entry in record.skipped} == {"own FP32", "torch-sparse-mm", "pyg-appnp", "INT2"}
    assert record.rows[0].peak_rss_mb is None


def test_other_scores_are_refused(tiny, monkeypatch):
    monkeypatch.setitem(side.SIDES, "engine", lambda folder, numbers: iter([None, [[7.0] * 8] * 60]))
    with pytest.raises(MismatchError, match="Expected the process of `own FP32` to give our scores"):
        run_suite(replace(tiny, suite="memory", bits=(2,)))
