from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest

from smoothbit.bench import SUITES, BenchRow, run_suite
from smoothbit.bench.networks import NETWORKS
from smoothbit.bench.peers import PEERS, PeerSkippedError
from smoothbit.bench.record import MemoryFigure
from smoothbit.bench.suites import base, propagate
from smoothbit.bench.suites.base import ENGINE, Candidates
from smoothbit.errors import ArgumentError

ISSUE_FIELDS = {
    "suite", "graph", "nodes", "edges", "channels", "bits", "threads", "isa", "engine_ms", "engine_q1_ms",
    "engine_q3_ms", "own_fp32_ms", "peers", "best_fp32_peer", "ratio_best_fp32_peer", "ratio_own_fp32",
    "ratio_best_lowbit_peer", "peak_rss_mb",
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_process(monkeypatch, run_sides_here):
    monkeypatch.setattr(propagate, "step_peak_rss_mb", lambda step, num_threads: 40.0)


@pytest.mark.parametrize("suite", SUITES.names())
def test_rows_have_the_schema(tiny, suite):
    record = run_suite(replace(tiny, suite=suite)).to_json()
    rows = json.loads(json.dumps(record, allow_nan=False))["rows"]
    assert [row["bits"] for row in rows] == [1, 2, 8] * len({row["case"] for row in rows})
    for row in rows:
        assert ISSUE_FIELDS <= set(row) == {field.name for field in fields(BenchRow)}
        assert set(row["peers"]) == set(row["peer_quartiles"])
        if suite != "memory":
            assert row["engine_q1_ms"] <= row["engine_ms"] <= row["engine_q3_ms"]
            assert row["ns_per_row"] > 0
    assert record["checks"]


def test_paper_stands_beside_propagate_and_model(tiny):
    for suite, ratios in (("propagate", [None, 5.11, None]), ("model", [None, 5.11, None]), ("gemm", [None] * 3)):
        record = run_suite(replace(tiny, suite=suite))
        assert [row.ratio_paper for row in record.rows] == ratios
        assert any("not measured here" in note for note in record.notes) == (suite != "gemm")


def test_ceilings_are_measured_on_request(tiny, monkeypatch):
    monkeypatch.setattr(base, "measure_ceilings", lambda num_threads, progress: [progress(1.0), "ceiling"][1:])
    assert run_suite(replace(tiny, suite="gemm")).ceilings == []
    assert run_suite(replace(tiny, suite="gemm", has_ceilings=True)).ceilings == ["ceiling"]


def case(name, engine, **options):
    return Candidates("g", 10, 20, engine, None, {}, case=name, notes=["shared"], checks=["fine"], **options)


def test_cases_follow_each_other(tiny, monkeypatch):
    cases = [case("first", {2: int}, bytes_moved={2: 800}), case("second", {2: int, 8: int})]
    monkeypatch.setattr(SUITES, "_members", {"two": lambda request, progress: cases})
    record = run_suite(replace(tiny, suite="two"))
    assert [(row.case, row.bits) for row in record.rows] == [("first", 2), ("second", 2), ("second", 8)]
    assert list(record.timings) == ["first: INT2", "second: INT2", "second: INT8"]
    assert (record.notes[:1], record.checks) == (["shared"], ["first: fine", "second: fine"])
    first = record.rows[0]
    assert first.own_fp32_ms is None
    assert first.ns_per_row == pytest.approx(1e5 * first.engine_ms, rel=1e-3, abs=1e-4)
    assert first.gb_per_s == pytest.approx(800e-6 / first.engine_ms, rel=1e-3, abs=1e-4)


def test_references_are_no_rivals(tiny, monkeypatch):
    copied = Candidates("g", 10, 20, {2: int}, None, {"memcpy": int, "slow": float}, references={"memcpy"})
    monkeypatch.setattr(SUITES, "_members", {"one": lambda request, progress: [copied]})
    row = run_suite(replace(tiny, suite="one")).rows[0]
    assert row.best_fp32_peer == "slow"
    assert set(row.peers) == {"memcpy", "slow"}


def test_memory_needs_no_times(tiny, monkeypatch):
    sides = {ENGINE: MemoryFigure(50.0, 30.0), "pyg": MemoryFigure(400.0, 200.0)}
    measured = Candidates("g", 10, 20, {}, None, {}, memory={2: sides, 8: {"pyg": MemoryFigure(1.0, 1.0)}})
    monkeypatch.setattr(SUITES, "_members", {"one": lambda request, progress: [measured]})
    two, eight = run_suite(replace(tiny, suite="one")).rows
    assert (two.peak_rss_mb, two.ratio_peak_rss, two.engine_ms) == (50.0, {"pyg": 8.0}, None)
    assert (eight.peak_rss_mb, eight.ratio_peak_rss) == (None, {})


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
