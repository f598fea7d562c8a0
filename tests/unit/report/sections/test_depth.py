from smoothbit.report.sections import SECTIONS
from smoothbit.report.sources import Results
from tests.unit.report.compare_rows import depth


def section():
    (found,) = SECTIONS.resolve("depth")(Results("runs", {"depth.json": depth()}))
    return found


def test_measures_of_the_last_state_against_k():
    charts = {chart.slug: chart for chart in section().charts}
    assert list(charts) == [
        "depth-Cora-accuracy", "depth-Cora-energy", "depth-Cora-mad-neighbours", "depth-Cora-mad-random",
        "depth-Cora-error", "depth-Cora-error-by-step",
    ]  # fmt: skip
    energy = charts["depth-Cora-energy"]
    assert [(line.name, line.style) for line in energy.series] == [("FP32", "dashed"), ("INT2", "both")]
    assert energy.series[0].xs == energy.base_ticks == (2.0, 8.0)
    assert energy.series[0].ys == (0.05, 0.0125)
    assert [line.name for line in charts["depth-Cora-error"].series] == ["INT2"]
    assert charts["depth-Cora-error-by-step"].series[0].xs == tuple(range(1, 9))


def test_table_has_a_row_for_each_network():
    (table,) = section().tables
    assert table.name == "depth-Cora"
    assert table.rows[1] == ("FP32", "8", "80.0 ± 0.4", "0.0125", "0.200", "0.700", "")
    assert table.rows[2][-1] == "0.300 ± 0.021"


def test_table_of_a_record_without_spread():
    record = depth()
    for row in record["rows"]:
        del row["last_std"]
    (found,) = SECTIONS.resolve("depth")(Results("runs", {"depth.json": record}))
    assert found.tables[0].rows[2][-1] == "0.300"
