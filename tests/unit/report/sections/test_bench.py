from __future__ import annotations

from smoothbit.report.sections import SECTIONS
from smoothbit.report.sources import read_results


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
