from __future__ import annotations

from smoothbit.report.sections import SECTIONS
from smoothbit.report.sources import Results, read_results


def sections(kind: str, folder):
    return SECTIONS.resolve(kind)(read_results(folder))


def test_demo_compares_with_fp32(demo_dir):
    (section,) = sections("demo", demo_dir)
    assert [tile.value for tile in section.tiles] == ["79.0 ± 1.0 %", "26.0 kB", "1.50 ms", "100.0 %"]
    assert section.tables[0].rows[2][3] == "15.4×"  # noqa: RUF001
    assert [chart.slug for chart in section.charts] == ["accuracy-size", "latency"]
    assert section.charts[1].categories[-1] == "FP32, PyTorch/PyG"


def test_demo_names_its_peer_and_is_not_repeated_as_a_comparison(demo_dir, grid_dir):
    results = read_results(demo_dir)
    record = {**results.files["demo.json"], "peer": "PyG EdgeIndex", "seeds": 3, "metric": "roc_auc"}
    both = Results("demo", {"demo.json": record}, runs=read_results(grid_dir).runs)
    (section,) = SECTIONS.resolve("demo")(both)
    assert section.charts[1].categories[-1] == "FP32, PyG EdgeIndex"
    assert section.commands == ("smoothbit demo --dataset digits --seeds 3",)
    assert "Accuracy stands for roc_auc here." in section.lead
    assert SECTIONS.resolve("compare")(both) == []


def test_demo_with_gaps_still_has_a_table():
    row = {"bits": 32, "accuracy_mean": None, "packed_bytes": None, "engine_ms": None}
    (section,) = SECTIONS.resolve("demo")(Results("x", {"demo.json": {"rows": [row]}}))
    assert set(section.tables[0].rows[0][1:]) == {"n/a"}
    assert section.charts == section.tiles == ()
