import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from smoothbit.errors import ArgumentError
from smoothbit.train import TrainConfig
from smoothbit.train.cells import train_cells
from smoothbit.train.lock import folder_lock

TINY = TrainConfig(epochs=2, warm_epochs=1, hidden_channels=4, num_steps=1)


def test_cell_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    states = []
    cells = {"wrong": replace(TINY, dataset="digitz"), "right": TINY}
    failures = train_cells(cells, tmp_path, [0, 1], progress=lambda count, state: states.append((count, state)))
    assert list(failures) == ["wrong"]
    assert failures["wrong"].startswith("ArgumentError: Expected dataset to be a registered name (got 'digitz')")
    assert (tmp_path / "right" / "summary.json").is_file()
    assert states[0] == (1, "wrong")
    assert states[1][1].startswith("right, seed 0, epoch 2, validation 0.")
    assert states[-1] == (2, "right")


def test_processes_give_the_records_of_one(tmp_path: Path) -> None:
    cells = {"a": TINY, "b": replace(TINY, num_bits=2), "wrong": replace(TINY, dataset="digitz")}
    assert list(train_cells(cells, tmp_path / "two", [0], jobs=2)) == ["wrong"]
    train_cells({"b": cells["b"]}, tmp_path / "one", [0])
    texts = [
        (tmp_path / jobs / "b" / "seed-0" / "record.json").read_text().split('"history"') for jobs in ("one", "two")
    ]
    assert texts[0][1] == texts[1][1]


def test_jobs_must_be_positive(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"Expected `jobs` to be at least 1 \(got 0\)"):
        train_cells({"a": TINY}, tmp_path, [0], jobs=0)


LONG = """
from pathlib import Path
from smoothbit.train import TrainConfig
from smoothbit.train.cells import train_cells
if __name__ == "__main__":
    config = TrainConfig(epochs=100_000, warm_epochs=0, hidden_channels=4, num_steps=1)
    train_cells({"a": config}, Path(OUT), [0], jobs=2)
"""


def test_processes_end_with_a_killed_one(tmp_path: Path) -> None:
    script = tmp_path / "long.py"
    script.write_text(LONG.replace("OUT", repr(str(tmp_path))))
    process = subprocess.Popen([sys.executable, script])
    wait(lambda: (tmp_path / "a" / "seed-0" / "checkpoint.safetensors").is_file())
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    def is_free() -> bool:
        try:
            with folder_lock(tmp_path / "a"):
                return True
        except Exception:
            return False

    wait(is_free)


def wait(is_done) -> None:  # type: ignore[no-untyped-def]
    for _ in range(600):
        if is_done():
            return
        time.sleep(0.1)
    pytest.fail("waited for a minute")
