from __future__ import annotations

import json

import pytest

from smoothbit.bench import SUITES
from smoothbit.bench.ceilings import Ceiling
from smoothbit.bench.peers import PEERS, PeerSkippedError
from smoothbit.bench.suites import base
from smoothbit.cli import bench
from smoothbit.cli.main import main
from smoothbit.errors import ArgumentError


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


def test_gemm_takes_rows_and_depth(capsys):
    run("--suite", "gemm", "--rows", "40", "--depth", "24", "--bits", "2")
    assert "gemm on random-dense: 40 x 24 by 24 x 8, 8 channels" in capsys.readouterr().out


def test_channels_default_to_those_of_the_suite(monkeypatch):
    asked = []

    def stop(request, progress):
        asked.append(request.num_channels)
        raise ArgumentError("enough")

    monkeypatch.setattr(bench, "run_suite", stop)
    for arguments in (["--suite", "gemm"], ["--suite", "model"], ["--suite", "gemm", "--channels", "9"]):
        with pytest.raises(SystemExit):
            main(["bench", *arguments])
    assert asked == [64, 128, 9]


def test_help_names_every_suite():
    assert all(name in bench.SUITE_HELP for name in SUITES.names())


def test_ceilings_are_in_the_record(monkeypatch, capsys):
    point = Ceiling("random", 1024, 32, 10.0, 3.2, "our FP32 row sums")
    monkeypatch.setattr(base, "measure_ceilings", lambda num_threads, progress: [point])
    run("--bits", "2", "--ceilings", "--json", "-")
    assert json.loads(capsys.readouterr().out)["ceilings"][0]["gb_per_s"] == 10.0
