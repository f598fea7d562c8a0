from __future__ import annotations

import pytest

from smoothbit.report.sections import SECTIONS
from smoothbit.report.sources import Results, read_results


def sections(kind: str, folder):
    return SECTIONS.resolve(kind)(read_results(folder))


def test_train_has_rows_mean_and_curves(run_dir):
    (section,) = sections("train", run_dir)
    assert section.title == "Training on Cora"
    assert section.tiles[0].value == "78.5 ± 0.7 %"
    assert section.tables[0].rows[-1][:3] == ("Mean ± std", "80.0 ± 0.0 %", "78.5 ± 0.7 %")
    assert [chart.slug for chart in section.charts] == ["accuracy-curves", "loss-curves", "by-seed"]
    assert section.commands[0].startswith("smoothbit train --dataset Cora --bits 2 --quantizer qlr")
    assert not any("/x" in cell for table in section.tables for row in table.rows for cell in row)


def test_train_curves_have_a_band_over_seeds(run_dir):
    (section,) = sections("train", run_dir)
    accuracy = section.charts[0].series[0]
    assert accuracy.ys == pytest.approx((20, 50, 80, 70))
    assert accuracy.low is not None


def test_one_seed_has_no_spread(run_dir):
    results = read_results(run_dir)
    alone = Results("run", {}, {0: results.seeds[0]})
    (section,) = SECTIONS.resolve("train")(alone)
    assert section.tiles[0].value == "78.0 %"
    assert len(section.tables[0].rows) == 1
    assert section.charts[0].series[0].low is None
