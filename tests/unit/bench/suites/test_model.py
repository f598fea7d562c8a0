from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smoothbit.bench import run_suite
from smoothbit.bench.check import MismatchError
from smoothbit.bench.networks import NETWORKS

ISSUE_FIELDS = {
    "suite", "graph", "nodes", "edges", "channels", "bits", "threads", "isa", "engine_ms", "engine_q1_ms",
    "engine_q3_ms", "own_fp32_ms", "peers", "best_fp32_peer", "ratio_best_fp32_peer", "ratio_own_fp32",
    "ratio_best_lowbit_peer", "peak_rss_mb",
}  # fmt: skip


def test_a_network_with_other_scores_is_refused(tiny, monkeypatch):
    def wrong(network, graph, features):
        return lambda: np.zeros((60, 8), np.float32)

    monkeypatch.setattr(NETWORKS, "_members", {"wrong": wrong})
    with pytest.raises(MismatchError, match="Expected `wrong` to give the scores of our FP32 plan"):
        run_suite(replace(tiny, suite="model"))


def test_notes_describe_the_network(tiny):
    record = run_suite(replace(tiny, suite="model", bits=(2,)))
    assert "64 hidden, 8 outputs" in record.notes[0]
    assert "sampled rows, over all operations" in record.checks[0]


@pytest.mark.parametrize("order", ["degree", "rcm"])
def test_order_changes_no_score(tiny, order):
    record = run_suite(replace(tiny, suite="model", bits=(2,), order=order))
    assert any(f"node order {order}, setup_ms" in note for note in record.notes)
    assert record.rows[0].best_fp32_peer is not None
