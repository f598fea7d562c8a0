from __future__ import annotations

from dataclasses import replace

import pytest

from smoothbit.bench import run_suite
from smoothbit.bench.check import MismatchError
from smoothbit.bench.peers import PEERS, Peer
from smoothbit.bench.suites import propagate
from smoothbit.engine import KernelBackend


@pytest.fixture(autouse=True)
def no_process(monkeypatch):
    monkeypatch.setattr(propagate, "step_peak_rss_mb", lambda step, num_threads: 40.0)


def test_peak_memory_is_in_the_row(tiny, monkeypatch):
    monkeypatch.setattr(PEERS, "_members", {})
    assert {row.peak_rss_mb for row in run_suite(tiny).rows} == {40.0}


def test_low_bit_peers_do_not_count_as_float_peers(tiny, monkeypatch):
    def prepare(product):
        return Peer(lambda: 0.9, product.matrix, product.source, num_bits=8)

    monkeypatch.setattr(Peer, "check", lambda peer, name, rows: None)
    monkeypatch.setattr(PEERS, "_members", {"low": prepare})
    row = run_suite(replace(tiny, bits=(2,))).rows[0]
    assert row.best_fp32_peer is None
    assert row.ratio_best_lowbit_peer == pytest.approx(row.peers["low"] / row.engine_ms, abs=1e-4)


def test_a_wrong_peer_stops_the_run(tiny, monkeypatch):
    def prepare(product):
        return Peer(lambda: product.source, product.matrix, product.source)

    monkeypatch.setattr(PEERS, "_members", {"lazy": prepare})
    with pytest.raises(MismatchError, match="Expected `lazy` to give row"):
        run_suite(tiny)


def test_peers_keep_the_given_order(tiny, monkeypatch):
    record = run_suite(replace(tiny, bits=(2,), order="degree"))
    assert record.to_json()["request"]["order"] == "degree"
    assert "setup_ms" in record.notes[1]
    assert record.rows[0].best_fp32_peer is not None


def test_delta_coded_steps_take_the_place_of_plain_ones(tiny, monkeypatch):
    monkeypatch.setattr(PEERS, "_members", {})
    record = run_suite(replace(tiny, coding="delta", bits=(1, 2, 4, 8))).to_json()
    assert record["request"]["coding"] == "delta"
    assert [row["case"] for row in record["rows"]] == ["delta"] * 4
    assert {row["ratio_paper"] for row in record["rows"]} == {None}  # the paper's steps are plain
    assert all(row["engine_ms"] > 0 and row["bytes_moved"] > 0 for row in record["rows"])
    assert any("delta-coded steps equal the NumPy reference" in check for check in record["checks"])


def test_a_wrong_delta_step_stops_the_run(tiny, monkeypatch):
    right = KernelBackend.delta_step

    def wrong(self, *args):
        out = right(self, *args)
        out[0, 0] ^= 1
        return out

    monkeypatch.setattr(KernelBackend, "delta_step", wrong)
    with pytest.raises(MismatchError, match="Expected `delta_step` to equal the NumPy reference"):
        run_suite(replace(tiny, coding="delta", bits=(2,)))
