"""docs/guarantees.md names tests that exist; promises that have no better place."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import smoothbit

REPOSITORY = Path(__file__).parents[2]
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (REPOSITORY / "docs" / "guarantees.md").read_text())
GOLDEN = REPOSITORY / "tests" / "golden"
WITHOUT_SOCKETS = """
import sys
def refuse(event, arguments):
    if event in ("socket.__new__", "socket.connect", "socket.getaddrinfo"):
        raise AssertionError(event)
sys.addaudithook(refuse)
from smoothbit.cli.main import main
main(sys.argv[1:])
"""


def test_every_named_test_exists() -> None:
    assert len(NAMED) > 30
    for path, name in NAMED:
        assert f"\ndef {name}(" in (REPOSITORY / path).read_text(), f"{path}::{name}"


def test_no_module_reads_pickles_by_itself() -> None:
    sources = sorted(Path(smoothbit.__file__).parent.rglob("*.py"))
    assert len(sources) > 100
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert not {alias.name for alias in node.names} & {"pickle", "marshal", "shelve", "dill"}, path
            if isinstance(node, ast.ImportFrom):
                assert node.module not in ("pickle", "marshal", "shelve", "dill"), path
            if isinstance(node, ast.keyword) and node.arg in ("allow_pickle", "weights_only"):
                assert isinstance(node.value, ast.Constant), path
                assert node.value.value is (node.arg == "weights_only"), path
            if isinstance(node, ast.Attribute):
                assert ast.unparse(node) != "torch.load", path


def test_predict_from_files_opens_no_socket(tmp_path: Path) -> None:
    words = ["predict", GOLDEN / "tiny_delta_model.smoothbit", "--graph", GOLDEN / "tiny_dense_graph.smoothbit"]
    command = [sys.executable, "-c", WITHOUT_SOCKETS, *map(str, words), "--out", str(tmp_path / "scores.npz")]
    outcome = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert outcome.returncode == 0, outcome.stderr
    assert (tmp_path / "scores.npz").is_file()
