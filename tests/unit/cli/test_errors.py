"""Wrong input: a message without a traceback, and the exit code."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smoothbit.cli.lazy import COMMANDS
from smoothbit.data import load_dataset
from smoothbit.errors import ArgumentError, DatasetError
from smoothbit.formats import GraphFile, read_graph, read_model, write_graph, write_model
from smoothbit.numerics.csr import csr_from_coo
from smoothbit.numerics.features import Features

Run = Callable[..., Any]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--dataset", "Coraa"], "Expected dataset to be a registered name (got 'Coraa'). Did you mean 'Cora'?"),
        (["--quantizer", "qrl"], "Expected quantizer to be a registered name (got 'qrl'). Did you mean 'qlr'?"),
        (["--propagation", "spm"], "Did you mean 'smp'?"),
        (["--bits", "3"], "Expected `num_bits` to be one of 1, 2, 4, 8, 32 (got 3)"),
        (["--split", "publik"], "Expected `name` to be a split of this dataset (got 'publik')"),
        (["--option", "epsilon"], "Expected `--option` to be key=value (got 'epsilon')"),
        (["--option", "epsilom=1"], "Did you mean 'epsilon'?"),
        (["--stage-bits", "inputs=two"], "Expected `--stage-bits` to be whole numbers (got 'two')"),
        (["--stage-bits", "input=2"], "Did you mean 'inputs'?"),
        (["--schedule", "linear"], "Expected `schedule` to be one of cosine, step (got 'linear')"),
    ],
    ids=lambda value: "=".join(value) if isinstance(value, list) else "",
)
def test_train_refuses(run: Run, tmp_path: Path, words: list[str], message: str) -> None:
    outcome = run("train", "--out", tmp_path / "run", *words)
    assert outcome.code == 1
    assert outcome.err.startswith("Error: Expected")
    assert message in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--bits", "2,x"], "Expected `--bits` to be whole numbers (got '2,x')"),
        (["--quantizers", ","], "Expected `--quantizers` to be a comma list (got ',')"),
        (["--set", "num_step=2"], "Expected a field in --set to be one of a recipe (got 'num_step'). Did you mean"),
        (["no.yaml"], "Expected 'no.yaml' to be there and readable (got 'No such file or directory'). Check the path"),
        (["--quantizers", "qrl"], "Did you mean 'qlr'?"),
    ],
    ids=["widths", "list", "field", "file", "name"],
)
def test_compare_refuses(run: Run, tmp_path: Path, words: list[str], message: str) -> None:
    outcome = run("compare", "--out", tmp_path, *words)
    assert outcome.code == 1
    assert message in outcome.err


def test_debug_keeps_the_traceback(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="registered name"):
        run("train", "--out", tmp_path, "--quantizer", "x", "--debug")


@pytest.mark.parametrize("words", [["trian"], ["train"], ["predict", "m"], ["train", "--what"]])
def test_wrong_usage_exits_with_2(run: Run, words: list[str]) -> None:
    outcome = run(*words)
    assert outcome.code == 2
    assert "Usage:" in outcome.err


def test_predict_takes_one_source(run: Run, trained: Path, tmp_path: Path) -> None:
    words = ["--dataset", "digits", "--graph", trained / "g.smoothbit", "--out", tmp_path / "s.npz"]
    outcome = run("predict", trained / "m.smoothbit", *words)
    assert outcome.code == 2
    assert "Expected one of --dataset and" in outcome.err


def test_missing_file_is_named(run: Run, tmp_path: Path) -> None:
    outcome = run("info", tmp_path / "none.smoothbit")
    assert outcome.code == 1
    assert "none.smoothbit" in outcome.err


@pytest.mark.parametrize("text", ["[/x]", "[red]", "\x1b[2J\x07"], ids=["closing tag", "tag", "terminal"])
def test_names_in_a_file_are_shown_as_they_are(run: Run, trained: Path, tmp_path: Path, text: str) -> None:
    packed = read_model(trained / "m.smoothbit")
    write_model(tmp_path / "m", replace(packed, info=replace(packed.info, dataset=text)))
    write_graph(tmp_path / "g", replace(read_graph(trained / "g.smoothbit"), name=text))
    shown = text.replace("\x1b", "\\x1b").replace("\x07", "\\x07")
    for words in (["info", tmp_path / "m"], ["info", tmp_path / "g"]):
        outcome = run(*words)
        assert outcome.code == 0
        assert shown in outcome.out
    outcome = run("predict", tmp_path / "m", "--out", tmp_path / "s.npz")
    assert outcome.code == 1
    assert shown in outcome.err


def test_truncated_model_is_refused(run: Run, trained: Path, tmp_path: Path) -> None:
    content = (trained / "m.smoothbit").read_bytes()
    (tmp_path / "cut").write_bytes(content[:-10])
    outcome = run("predict", tmp_path / "cut", "--dataset", "digits", "--out", tmp_path / "s.npz")
    assert outcome.code == 1
    assert f"Expected `file` to be {len(content)} bytes (got {len(content) - 10})" in outcome.err
    assert not (tmp_path / "s.npz").exists()


def test_feature_count_must_fit(run: Run, trained: Path, tmp_path: Path) -> None:
    graph = read_graph(trained / "g.smoothbit")
    narrow = Features(np.ascontiguousarray(graph.to_features().to_dense()[:, :60]))
    write_graph(tmp_path / "g", GraphFile(graph.adjacency, narrow))
    outcome = run("predict", trained / "m.smoothbit", "--graph", tmp_path / "g", "--out", tmp_path / "s.npz")
    assert outcome.code == 1
    assert "Expected `features` to have 64 columns (got 60)" in outcome.err


def test_float_model_has_no_packed_embeddings(run: Run, trained: Path, tmp_path: Path) -> None:
    run("train", "--epochs", 1, "--hidden", 8, "--steps", 1, "--out", tmp_path / "run")
    run("export", tmp_path / "run", "--out", tmp_path / "m")
    words = ["--graph", trained / "g.smoothbit", "--out", tmp_path / "s.npz", "--embeddings"]
    outcome = run("predict", tmp_path / "m", *words)
    assert outcome.code == 1
    assert "Expected the model to have packed embeddings (got a float32 model)" in outcome.err


def test_bad_values_in_a_graph_are_refused(trained: Path) -> None:
    graph = read_graph(trained / "g.smoothbit")
    dense = graph.to_features().to_dense()
    dense[3, 5] = np.nan
    with pytest.raises(ArgumentError, match=r"Expected `features` to be finite .*at node 3, column 5"):
        Features(dense)
    with pytest.raises(ArgumentError, match=r"Expected `cols` to be in \[0, 4\) \(got 4\)"):
        csr_from_coo(np.array([0, 1]), np.array([1, 4]), 4, 4)


def test_labels_out_of_range_are_refused() -> None:
    digits = load_dataset("digits")
    with pytest.raises(DatasetError, match=r"Expected `labels` to be in \[-1, 9\) \(got 9"):
        replace(digits, num_classes=9)


def test_failed_verification_exits_with_1(run: Run, trained: Path, tmp_path: Path) -> None:
    packed = read_model(trained / "m.smoothbit")
    seed = packed.info.training["seed"]
    other = replace(packed.info, training={**packed.info.training, "seed": 1 - int(str(seed))})
    write_model(tmp_path / "m", replace(packed, info=other))
    outcome = run("verify", trained / "run", tmp_path / "m")
    assert outcome.code == 1
    assert "FAILED." in outcome.out
    assert "first stage that differs" in outcome.out


def test_help_lists_every_command_without_importing_one(run: Run) -> None:
    outcome = run("--help")
    assert outcome.code == 0
    assert all(name in outcome.out for name in COMMANDS)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_help_json_and_debug(run: Run, command: str) -> None:
    outcome = run(command, "--help")
    assert outcome.code == 0
    assert "--json" in outcome.out
    assert "--debug" in outcome.out


def test_version(run: Run) -> None:
    assert run("--version").out.startswith("smoothbit ")


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from smoothbit.cli.main import main
main(sys.argv[1:])
"""


def _without_torch(*words: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", WITHOUT_TORCH, *(str(word) for word in words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_train_without_torch_names_the_extra(tmp_path: Path) -> None:
    outcome = _without_torch("train", "--out", tmp_path)
    assert outcome.returncode == 1
    assert outcome.stderr == (
        "Error: Expected the package `torch` to be installed (got ImportError). Run: pip install 'smoothbit[train]'.\n"
    )


def test_predict_needs_no_torch(trained: Path, tmp_path: Path) -> None:
    words = ["--graph", trained / "g.smoothbit", "--out", tmp_path / "s.npz"]
    outcome = _without_torch("predict", trained / "m.smoothbit", *words)
    assert outcome.returncode == 0, outcome.stderr
    with np.load(tmp_path / "s.npz") as archive:
        assert archive["labels"].shape == (1797,)
