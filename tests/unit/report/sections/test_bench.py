from __future__ import annotations

import pytest

from smoothbit.report.charts import LOW_BIT_PEER_COLOR, PEER_COLOR
from smoothbit.report.sections import SECTIONS
from smoothbit.report.sources import Results, read_results
from tests.unit.report.sections.bench_rows import CEILINGS, bench_row, record


def sections(kind: str, folder):
    return SECTIONS.resolve(kind)(read_results(folder))


def test_bench_says_faster_and_slower(bench_dir):
    (section,) = sections("bench", bench_dir)
    assert [tile.value[-6:] for tile in section.tiles] == ["faster", "slower"]
    assert section.charts[0].categories[0] == "INT2, engine"
    assert section.charts[1].reference == 1.0
    assert "INT8: 2 times SLOWER." in section.notes
    assert "Not measured: mkl-csr, because sparse_dot_mkl is not installed." in section.notes


def test_bench_command_reproduces_the_run(bench_dir):
    (section,) = sections("bench", bench_dir)
    assert section.commands == (
        "smoothbit bench --suite propagate --graph powerlaw --nodes 1000 --edges 4000 --channels 16 --bits 2,8 "
        "--threads 1 --json bench.json",
    )


def section_of(*rows, **parts):
    (section,) = SECTIONS.resolve("bench")(Results("x", {"x.json": record(*rows, **parts)}))
    return section


def test_paper_stands_in_table_and_figure():
    section = section_of(bench_row(2, ratio_paper=5.11), bench_row(8))
    assert section.tables[0].columns[-1] == "Paper, over its FP32"
    assert [cells[-1] for cells in section.tables[0].rows] == ["5.11\N{MULTIPLICATION SIGN} faster", "n/a"]
    assert "not measured here" in section.tables[0].note
    assert section.charts[1].series[-1].ys == (5.11,)


@pytest.mark.parametrize(
    ("row", "request_part", "lead", "place"),
    [
        (
            {"suite": "gemm", "edges": 0}, {"depth": 512}, "1,000 rows, depth 512, 128 channels",
            "--suite gemm --rows 1000 --depth 512 --channels 128",
        ),
        (
            {"suite": "features", "graph": "Cora"}, {"graph": "Cora"}, "1,000 nodes, 4,000 stored entries",
            "--suite features --graph Cora --data-root DATA",
        ),
        (
            {"suite": "features", "graph": "random-1433"}, {"graph": "powerlaw", "num_nodes": 1000, "num_edges": 20},
            "random-1433: 1,000 nodes", "--suite features --graph powerlaw --nodes 1000 --edges 20",
        ),
        (
            {"suite": "scaling", "case": "nodes 1000"}, {"graph": "powerlaw", "num_nodes": 5000, "num_edges": 60},
            "up to 5,000 nodes and 60 directed edges", "--suite scaling --graph powerlaw --nodes 5000 --edges 60",
        ),
    ],
    ids=["gemm", "features", "random features", "scaling"],
)  # fmt: skip
def test_lead_and_command_fit_the_suite(row, request_part, lead, place):
    section = section_of(bench_row(2, **row), request=request_part)
    assert lead in section.lead
    assert place in section.commands[0]


def test_each_suite_has_its_own_figures():
    memory = {"engine": {"peak_mb": 50.0, "imports_mb": 30.0}}
    assert section_of(bench_row(2, suite="memory", memory=memory, engine_ms=None)).charts[0].slug == "x-memory"
    assert section_of(bench_row(2, suite="kernels", case="pack")).charts[0].slug == "x-rates"
    assert section_of(bench_row(2, suite="scaling", case="edges 10")).charts[0].slug == "x-edges"
    roofline = section_of(bench_row(2), ceilings=CEILINGS)
    assert roofline.charts[-1].slug == "x-roofline"
    assert "--ceilings" in roofline.commands[0]


def test_low_bit_peers_have_a_colour_of_their_own():
    section = section_of(bench_row(2, peers={"torch-int-mm": 2.0, "torch-bfloat16": 3.0, "torch-matmul": 4.0}))
    colors = {series.name: series.color for series in section.charts[0].series}
    assert colors["torch-int-mm"] == colors["torch-bfloat16"] == LOW_BIT_PEER_COLOR
    assert colors["torch-matmul"] == PEER_COLOR
