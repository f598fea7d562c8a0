from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest

from smoothbit.bench import SUITES, BenchRow, run_suite
from smoothbit.bench.networks import NETWORKS
from smoothbit.bench.peers import PEERS, PeerSkippedError
from smoothbit.bench.suites import base, propagate
from smoothbit.errors import ArgumentError

ISSUE_FIELDS = {
    "suite", "graph", "nodes", "edges", "channels", "bits", "threads", "isa", "engine_ms", "engine_q1_ms",
    "engine_q3_ms", "own_fp32_ms", "peers", "best_fp32_peer", "ratio_best_fp32_peer", "ratio_own_fp32",
    "ratio_best_lowbit_peer", "peak_rss_mb",
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_process(monkeypatch):
    monkeypatch.setattr(propagate, "step_peak_rss_mb", lambda step, num_threads: 40.0)


@pytest.mark.parametrize("suite", SUITES.names())
def test_rows_have_the_schema(tiny, suite):
    record = run_suite(replace(tiny, suite=suite)).to_json()
    rows = json.loads(json.dumps(record, allow_nan=False))["rows"]
    assert [row["bits"] for row in rows] == [1, 2, 8]
    for row in rows:
        assert ISSUE_FIELDS <= set(row) == {field.name for field in fields(BenchRow)}
        assert row["engine_q1_ms"] <= row["engine_ms"] <= row["engine_q3_ms"]
        assert set(row["peers"]) == set(row["peer_quartiles"])
    assert record["checks"]


def test_ratios_are_those_of_medians(tiny):
    row = run_suite(tiny).rows[0]
    assert row.ratio_own_fp32 == pytest.approx(row.own_fp32_ms / row.engine_ms, abs=1e-4)
    if row.best_fp32_peer is not None:
        best = row.peers[row.best_fp32_peer]
        assert row.ratio_best_fp32_peer == pytest.approx(best / row.engine_ms, abs=1e-4)
        floats = [ms for name, ms in row.peers.items() if "int" not in name]
        assert best == min(floats)


def without_peers(monkeypatch, registry):
    def skip(*arguments):
        raise PeerSkippedError("it is not installed")

    monkeypatch.setattr(registry, "_members", dict.fromkeys(registry.names(), skip))


@pytest.mark.parametrize(("suite", "registry"), [("propagate", PEERS), ("model", NETWORKS)])
def test_without_peers_the_record_says_so(tiny, monkeypatch, suite, registry):
    without_peers(monkeypatch, registry)
    record = run_suite(replace(tiny, suite=suite))
    assert {entry.peer for entry in record.skipped} == set(registry.names())
    assert {entry.reason for entry in record.skipped} == {"it is not installed"}
    assert record.rows[0].best_fp32_peer is None
    assert record.rows[0].ratio_best_lowbit_peer is None


def test_progress_names_the_stages(tiny, monkeypatch):
    without_peers(monkeypatch, PEERS)
    stages = []
    run_suite(tiny, lambda stage, share: stages.append(stage))
    assert stages[0] == "prepare"
    assert "check INT2" in stages
    assert stages[-1] == "measure"


def test_unknown_suite_names_the_nearest(tiny):
    with pytest.raises(ArgumentError, match="Did you mean 'propagate'"):
        run_suite(replace(tiny, suite="propagat"))


def test_busy_machine_and_missing_compiler_are_said(monkeypatch):
    monkeypatch.setattr(base.isa, "notice", lambda: "no compiled kernels")
    assert base._warnings({"load_average": [5.0, 1, 1], "cores": 2}) == [
        "no compiled kernels",
        "The machine was busy (load 5.0 on 2 cores): other work is in these times.",
    ]
    monkeypatch.setattr(base.isa, "notice", lambda: None)
    assert base._warnings({"load_average": None, "cores": 2}) == []
