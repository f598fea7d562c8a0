from __future__ import annotations

import json

import pytest

from smoothbit.bench.peers import PEERS, PeerSkippedError
from smoothbit.cli.main import main


def run(*arguments: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["bench", "--nodes", "60", "--edges", "300", "--channels", "8", "--seconds", "0.002", *arguments])
    assert stopped.value.code == 0


@pytest.fixture(autouse=True)
def one_peer(monkeypatch):
    def skip(product):
        raise PeerSkippedError("it is not installed")

    monkeypatch.setattr(PEERS, "_members", {"other-library": skip})


def test_prints_tables_and_a_verdict(capsys):
    run("--bits", "2")
    out = capsys.readouterr().out
    assert "Not measured: other-library: it is not installed." in out
    assert "INT2: no FP32 peer ran," in out


def test_json_to_standard_output_is_nothing_else(capsys):
    run("--bits", "2,8", "--json", "-")
    record = json.loads(capsys.readouterr().out)
    assert [row["bits"] for row in record["rows"]] == [2, 8]


def test_json_to_a_file(tmp_path):
    run("--bits", "1", "--json", str(tmp_path / "bench.json"))
    assert json.loads((tmp_path / "bench.json").read_text())["rows"][0]["suite"] == "propagate"


def test_unknown_suite_fails_with_the_nearest_name(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["bench", "--suite", "propagat"])
    assert stopped.value.code == 1
    assert "Did you mean 'propagate'" in capsys.readouterr().err
