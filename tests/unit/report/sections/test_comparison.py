from __future__ import annotations

import pytest

from smoothbit.report.sections import SECTIONS
from smoothbit.report.sources import Results
from tests.unit.report.compare_rows import cell, comparison, one_dataset, several_datasets


def section(record: dict):
    (found,) = SECTIONS.resolve("comparison")(Results("runs", {"compare.json": record}))
    return found


def test_one_data_set_has_widths_across_and_fp32_in_each_line():
    table = section(one_dataset()).tables[0]
    assert table.name == "accuracy"
    assert table.columns == ("Cora", "FP32", "INT8", "INT2")
    assert table.rows == (
        ("qlr", "83.5 ± 0.4", "83.4 ± 0.4", "83.0 ± 0.4"),
        ("lsq", "83.5 ± 0.4", "82.0 ± 0.4", "79.0 ± 0.4"),
    )


def test_several_data_sets_have_averages_and_the_worst_case():
    found = section(several_datasets())
    table = found.tables[0]
    assert table.columns == ("", "FP32", "INT2")
    assert table.rows[:3] == tuple((name, f"{a} ± 0.4", f"{b} ± 0.4") for name, a, b in (
        ("Cora", "83.5", "83.3"), ("Photo", "92.0", "91.0"), ("CS", "93.0", "93.1"),
    ))  # fmt: skip
    assert table.rows[3] == ("Average", "89.5", "89.1")
    assert table.rows[4] == ("Against FP32, average", "", "-0.37")
    assert table.rows[5] == ("Against FP32, worst", "", "-1.00 (Photo)")
    tiles = {tile.label: tile for tile in found.tiles}
    assert tiles["INT2 against FP32"].value == "-0.37 points"
    assert tiles["INT2 against FP32"].note == "average, worst -1.00 on Photo"
    assert tiles["Verified"].value == "6 of 6"


def test_more_methods_than_data_sets_go_downwards():
    rows = [cell("Cora", 2, 0.8, quantizer=name) for name in ("qlr", "lsq", "bt")] + [cell("Photo", 2, 0.9)]
    table = section(comparison(rows, ["dataset", "quantizer"])).tables[0]
    assert table.columns[:4] == ("Method", "Cora", "Photo", "Average")
    assert table.rows[0] == ("qlr", "80.0 ± 0.4", "90.0 ± 0.4", "85.0", "", "")
    assert table.rows[1] == ("lsq", "80.0 ± 0.4", "", "n/a", "", "")  # no average over fewer data sets


def test_what_each_data_set_has_one_value_of_makes_no_method():
    rows = [
        cell(dataset, bits, 0.8, num_steps=steps, propagation=propagation)
        for dataset, steps, propagation in (("Cora", 10, "smp"), ("actor", 2, "appnp"))
        for bits in (32, 2)
    ]
    found = section(comparison(rows, ["dataset", "num_steps", "propagation", "num_bits"]))
    assert found.tables[0].columns == ("", "FP32", "INT2")
    assert [row[0] for row in found.tables[0].rows[:2]] == ["Cora", "actor"]
    assert "Each data set has values of its own, the same for all methods, of: num steps, propagation." in found.notes


def test_a_field_that_some_cells_do_not_read_is_a_data_sets_own_too():
    rows = [
        cell(dataset, bits, 0.8, is_gradual=bits == 32 or is_gradual) | {"unread": ["is_gradual"] if bits == 32 else []}
        for dataset, is_gradual in (("Cora", True), ("Photo", False))
        for bits in (32, 2)
    ]
    found = section(comparison(rows, ["dataset", "is_gradual", "num_bits"]))
    assert found.tables[0].columns == ("", "FP32", "INT2")


def test_an_ablation_names_what_each_line_leaves_out():
    full = cell("Cora", 32, 0.83, coding="auto", is_gradual=True) | {"unread": ["coding", "is_gradual"]}
    low = [
        cell("Cora", bits, mean, full, coding=coding, is_gradual=is_gradual)
        for coding, is_gradual, mean in (("auto", True, 0.82), ("plain", True, 0.8), ("auto", False, 0.81))
        for bits in (2, 1)
    ]
    record = comparison([full, *low], ["coding", "is_gradual", "num_bits"])
    table = section(record).tables[0]
    assert [row[0] for row in table.rows] == ["recipe", "plain", "not gradual"]
    assert [row[1:] for row in table.rows][1] == ("83.0 ± 0.4", "80.0 ± 0.4", "80.0 ± 0.4")
    record["rows"].append(cell("Cora", 2, 0.7, full, coding="plain", is_gradual=False))
    assert section(record).tables[0].rows[0][0] == "auto gradual"


def test_cells_have_tests_bytes_and_proof():
    table = section(one_dataset()).tables[1]
    assert table.rows[0][4:7] == ("n/a", "n/a", "n/a")
    assert table.rows[2] == (
        "qlr INT2", "83.0 ± 0.4", "± 0.30", "10", "-0.50 ± 0.20", "<0.001", "0.002", "2.00 kB", "0.200 ms", "1 of 1",
    )  # fmt: skip


def test_pareto_front_is_what_nothing_beats():
    accuracy, by_bytes, by_time = section(one_dataset()).charts
    assert accuracy.categories == ("FP32", "INT8", "INT2")
    assert (by_bytes.slug, by_time.slug) == ("pareto-bytes", "pareto-ms")
    front, *lines = by_bytes.series
    assert [line.name for line in lines] == ["all", "qlr", "lsq"]
    assert lines[1].labels == ("INT2", "INT8")
    assert by_bytes.is_in_legend(lines[1])
    assert front.xs == pytest.approx((2.0, 8.0, 32.0))
    assert front.ys == pytest.approx((83.0, 83.4, 83.5))


def test_pareto_over_data_sets_is_of_means():
    front = section(several_datasets()).charts[1].series[0]
    assert front.ys == pytest.approx(((83.3 + 91.0 + 93.1) / 3, (83.5 + 92.0 + 93.0) / 3))


def test_what_was_not_timed_has_no_chart_and_what_failed_is_noted():
    rows = [{**row, "engine_ms": None} for row in one_dataset()["rows"]]
    found = section(comparison(rows, ["quantizer", "num_bits"], failures={"Cora-x": "RunError: no"}))
    assert [chart.slug for chart in found.charts] == ["accuracy", "pareto-bytes"]
    assert found.notes[-1] == "Failed: Cora-x: RunError: no"


def test_runs_beside_it_are_not_a_second_comparison():
    runs = {"a": ({}, {"rows": [{"test_accuracy": 0.8}]})}
    assert SECTIONS.resolve("compare")(Results("runs", {"compare.json": one_dataset()}, runs=runs)) == []


def test_lead_says_where_accuracy_is_roc_auc():
    rows = several_datasets()["rows"]
    rows[0]["metric"] = rows[1]["metric"] = "roc_auc"
    assert section(comparison(rows, ["dataset", "num_bits"])).lead.endswith("For Cora accuracy stands for ROC AUC.")
