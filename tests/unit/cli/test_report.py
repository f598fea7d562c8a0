from __future__ import annotations

import json

import pytest

from smoothbit.cli.main import main


@pytest.fixture
def results(tmp_path):
    rows = [{"dataset": "Cora", "bits": 2, "mean": 0.8, "std": 0.01}]
    (tmp_path / "grid.json").write_text(json.dumps({"rows": rows}))
    return tmp_path


def test_lists_what_it_wrote(results, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["report", str(results), "--json", "-"])
    assert stopped.value.code == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["page"] == str(results / "report.html")
    assert (results / "report.html").is_file()


def test_folder_without_results_fails(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["report", str(tmp_path)])
    assert stopped.value.code == 1
    assert "to hold result files with `rows`" in capsys.readouterr().err
