from __future__ import annotations

import pytest

from smoothbit.errors import RunError
from smoothbit.report.sources import has_rows, read_results


def test_run_folder(run_dir):
    results = read_results(run_dir)
    assert results.name == "run"
    assert list(results.seeds) == [0, 1]
    assert set(results.files) == {"config.json", "summary.json"}


def test_folder_of_runs(grid_dir):
    assert set(read_results(grid_dir).runs) == {"Cora-smp-32", "Cora-smp-2"}


def test_single_file(bench_dir):
    assert list(read_results(bench_dir / "bench.json").files) == ["bench.json"]


def test_folder_that_is_not_there(tmp_path):
    with pytest.raises(RunError, match=r"Expected `run_dir` to be a folder or a JSON file \(got '.*none'"):
        read_results(tmp_path / "none")


def test_folder_without_results(tmp_path):
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(RunError, match=r"to hold result files with `rows` \(got other.json\)"):
        read_results(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "Expected demo.json to be JSON"), ("[]", r"to hold a JSON object \(got list\)")],
    ids=["broken", "list"],
)
def test_files_that_are_no_results(tmp_path, text, message):
    (tmp_path / "demo.json").write_text(text)
    with pytest.raises(RunError, match=message):
        read_results(tmp_path)


@pytest.mark.parametrize("rows", [None, [], [1]])
def test_rows_are_objects(rows):
    assert not has_rows({"rows": rows})
