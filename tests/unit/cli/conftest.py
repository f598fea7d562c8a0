"""Run the command line inside this process."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from smoothbit.cli.main import main

TINY = [
    "--dataset",
    "digits",
    "--epochs",
    "2",
    "--warm-epochs",
    "1",
    "--hidden",
    "8",
    "--steps",
    "2",
    "--dropout",
    "0.2",
]


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Outcome]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: object) -> Outcome:
        with pytest.raises(SystemExit) as stop:
            main([str(word) for word in words])
        captured = capsys.readouterr()
        code = stop.value.code
        return Outcome(code if isinstance(code, int) else 0, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of digits, its model and its graph."""
    folder = tmp_path_factory.mktemp("cli")
    for words in (
        ["train", *TINY, "--bits", "2", "--seeds", "2", "--out", folder / "run", "--json", folder / "train.json"],
        ["export", folder / "run", "--out", folder / "m.smoothbit", "--graph-out", folder / "g.smoothbit"],
    ):
        with pytest.raises(SystemExit) as stop:
            main([str(word) for word in words])
        assert stop.value.code == 0
    return folder
