from __future__ import annotations

import numpy as np
import pytest

from smoothbit.bench import ceilings
from smoothbit.bench.ceilings import ROW_BYTES, RowReads, measure_ceilings
from smoothbit.bench.peers import PeerSkippedError


def test_every_point_has_a_rate():
    shares = []
    found = measure_ceilings(1, shares.append, table_bytes=(1 << 12, 1 << 14), num_reads=512, budget_s=1e-4)
    assert [(c.kind, c.row_bytes) for c in found[::2]] == [("sequential", 512), *(("random", b) for b in ROW_BYTES)]
    assert all(c.gb_per_s > 0 and c.ns_per_row > 0 for c in found)
    assert all(c.gb_per_s == pytest.approx(c.row_bytes / c.ns_per_row, rel=0.05) for c in found)
    assert shares[-1] == 1.0


@pytest.mark.parametrize("kind", ["sequential", "random"])
def test_routines_read_the_rows_they_say(kind):
    reads = RowReads(kind, 64, 32, 512, 1)
    assert reads.graph.num_entries == 512
    sums = reads.table[reads.graph.indices].reshape(2, 256, 8).sum(axis=1)
    routines = reads.routines()
    assert np.asarray(routines["our FP32 row sums"][0]()) == pytest.approx(sums, rel=1e-4)
    if "torch FP32 embedding bag" in routines:
        assert routines["torch FP32 embedding bag"][0]().numpy() == pytest.approx(sums, rel=1e-4)
    if kind == "sequential":
        call, rows = routines["BLAS dot product"]
        assert rows == 64
        assert call() == pytest.approx((reads.table[:32] * reads.table[32:]).sum(), rel=1e-4)


def test_a_table_of_one_row_has_no_halves():
    assert "BLAS dot product" not in RowReads("sequential", 1, 512, 16, 1).routines()


def test_without_torch_our_own_routines_remain(monkeypatch):
    def missing(module):
        raise PeerSkippedError("torch is not installed")

    monkeypatch.setattr(ceilings, "find_module", missing)
    assert set(RowReads("random", 8, 32, 16, 1).routines()) == {"our FP32 row sums", "our INT8 row sums"}
