import json
from pathlib import Path

import pytest

from smoothbit.train.records import Record, environment, summarise, summarise_records, write_json

RECORD = Record(0, "public", "accuracy", 0.8, 0.7, 0.5, 3, 10, 1.5, {"val_loss": [1.0]})


def test_summary_uses_students_interval() -> None:
    summary = summarise([0.1, 0.2, 0.3])
    assert summary["std"] == pytest.approx(0.1)
    assert summary["interval95"] == pytest.approx(4.302653 * 0.1 / 3**0.5, rel=1e-6)


def test_one_value_has_no_spread() -> None:
    assert summarise([0.5]) == {"mean": 0.5, "std": None, "n": 1, "interval95": None}


def test_rows_leave_the_history_out() -> None:
    result = summarise_records([RECORD], 1)
    assert "history" not in result["rows"][0]
    assert result["summary"]["test_accuracy"]["mean"] == 0.7
    json.dumps(result, allow_nan=False)


def test_environment_names_versions_and_threads() -> None:
    found = environment(3)
    assert found["torch_threads"] == 3
    assert {"smoothbit", "numpy", "torch"} <= set(found["versions"])


def test_json_is_replaced_in_one_step(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": 1})
    write_json(tmp_path / "a.json", {"x": 2})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": 2}
    assert len(list(tmp_path.iterdir())) == 1
